# make            builds ./datestone
# make help       says what else there is

GO      ?= go
BIN     := $(CURDIR)/.cache/bin
SERVERS := github.com/minio/minio github.com/versity/versitygw/cmd/versitygw

# Tests look here, and in PATH, for the servers that they start.
export DATESTONE_TEST_BIN ?= $(BIN)

.PHONY: build demo test lint check cross servers bench big faults chaos fuzz cover help

build: ## build ./datestone
	$(GO) build -trimpath -o datestone ./cmd/datestone

demo: build ## publish three checkpoints of a bundled repository into a directory, and show them
	@testdata/demo/demo.sh $(CURDIR)/datestone $(DEMO)

# Tests wait more than they work, for leases, servers and disks.
test: lint ## all that Go alone can test, and all that the servers and engines on this machine allow
	$(GO) test $(RACE) -parallel 6 -shuffle=on -timeout 20m ./...

lint: ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go'))" || { gofmt -l $$(git ls-files -co --exclude-standard '*.go'); echo "gofmt would change these"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

check: RACE := -race
check: test cross ## test with the race detector, generated files, go.mod, other systems; what CI runs
	$(GO) mod tidy -diff
	$(GO) run testdata/gen.go
	git diff --exit-code -- testdata

cross: ## build for the other systems
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	GOOS=windows GOARCH=amd64 $(GO) vet ./...

servers: ## build the pinned MinIO and versitygw that the tests start (some minutes, once)
	@mkdir -p $(BIN)
	$(GO) build -C testdata/servers -o $(BIN)/ $(SERVERS)

bench: ## measure against named baselines, as ratios of one run; the main job in ROUNDS=3 rounds (DATESTONE_BENCH_STATES=10000 for a long backfill)
	$(GO) test -run '^$$' -bench . -benchtime $(or $(ROUNDS),3)x -timeout 120m ./cmd/datestone
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./index ./redirects ./sync/... ./publish/...

big: ## a 6 GB object through every store, in under 200 MB of memory
	DATESTONE_TEST_BIG=1 $(GO) test -run Big -v -timeout 60m ./publish/... ./cmd/datestone

faults: ## every call of every run failing and killed in every way, of which the tests take a share
	DATESTONE_TEST_EVERY=1 $(GO) test -run 'Fault|Kill|Prune' -timeout 2h ./cmd/datestone

chaos: ## a thousand processes killed at random moments, beside other trouble (within TIME=40m)
	DATESTONE_CHAOS_TIME=$(or $(TIME),40m) DATESTONE_CHAOS_KILLS=$(or $(KILLS),1000) $(GO) test -run '^TestChaos$$' -v -timeout 2h ./cmd/datestone

fuzz: ## each parser's fuzz test for a minute
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
		echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(or $(FUZZTIME),1m) $$p || exit 1; done; done

cover: ## how much of the code the tests reach
	$(GO) test -coverpkg=./... -coverprofile=.cache/cover.out ./... && $(GO) tool cover -func=.cache/cover.out | tail -n 1

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | while IFS='	' read -r t d; do printf '  make %-8s %s\n' "$$t" "$$d"; done
