//go:build unix

package main

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// keepVersions writes the states to a bucket with versioning, one after the
// other, what leads to the rest last; what went is deleted first.
func keepVersions(t testing.TB, store publish.Store, states []pastState, lead string) {
	t.Helper()
	before := content{}
	for i, s := range states {
		if i > 0 {
			time.Sleep(1100 * time.Millisecond) // IDs are of whole seconds
		}
		now := s.whole()
		for p := range before {
			if _, ok := now[p]; !ok {
				must(t, store.(publish.Deleter).Delete(t.Context(), "mirror/"+p))
			}
		}
		paths := sortedKeys(now)
		slices.SortStableFunc(paths, func(a, b string) int { return map[bool]int{true: 1}[a == lead] - map[bool]int{true: 1}[b == lead] })
		for _, p := range paths {
			if old, ok := before[p]; !ok || old != now[p] {
				putText(t, store, "mirror/"+p, now[p])
			}
		}
		before = now
	}
}

// TestBackfill_versions fills in what a bucket keeps of earlier days, of each
// type of remote, by either driver, into a directory and into MinIO. The times
// are those of the bucket's clock.
func TestBackfill_versions(t *testing.T) {
	t.Parallel()
	n := 4
	if text := os.Getenv(backfillStatesVar); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(t, err)
	}
	server := servers.MinIO(t)
	leads := map[string]string{"file": "PULP_MANIFEST", "deb": "dists/stable/InRelease", "rpm": "repodata/repomd.xml"}
	for i, kind := range []pastType{fileType("mirror"), debType(t, 0), rpmType()} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			bucket, lead := server.VersionedBucket(t), leads[kind.name]
			states := slices.CompactFunc(kind.states(n), func(a, b pastState) bool { return a.whole()[lead] == b.whole()[lead] })
			keepVersions(t, storeOf(t, server, bucket), states, lead)
			from := "versions:minio://" + server.Host() + "/" + bucket + "/mirror/" + lead
			if i%2 == 1 {
				from = "versions:s3://" + bucket + "/mirror/" + lead + "?endpoint=" + server.Endpoint
			}
			time.Sleep(1100 * time.Millisecond) // until the last is past
			now, live := layout.StampOf(time.Now()), t.TempDir()
			s := newPastSite(t, live, kind)
			reports, _ := saidLines(t, s.want(exitDone, now, "--quiet", "backfill", "--dry-run", "--json", "--rate", "0", "--from", from, "myfile"))
			if len(reports) != len(states) {
				t.Fatalf("%d states are found, want %d", len(reports), len(states))
			}
			for i, r := range reports {
				states[i].id = r.State
			}
			want := ranOnTheDays(t, live, kind, states).bytes()
			for _, place := range []string{"directory", "MinIO"} {
				t.Run("into "+place, func(t *testing.T) {
					interruptedCase{place: place, server: server, live: live, kind: kind, want: want}.hold(t, from)
				})
			}
		})
	}
}

// TestBackfill_gitWithManifestsAlone looks for content at the remote, which has
// all of it but what was replaced since.
func TestBackfill_gitWithManifestsAlone(t *testing.T) {
	t.Parallel()
	live, repo := t.TempDir(), t.TempDir()
	now := pastState{files: content{"a-1": "one", "a-2": "two", "b-1": "bee", "notes": "of today"}}
	now.write(t, live)
	var manifests []pastState
	for i, files := range []content{
		{"a-1": "one"}, {"a-1": "one", "a-2": "two"}, {"a-2": "two", "notes": "of that day"}, {"a-2": "two", "b-1": "bee"},
	} {
		id := layout.StampOf(time.Date(2025, 1, 1+i, 12, 0, 0, 0, time.UTC))
		manifests = append(manifests, pastState{id: id, meta: content{"PULP_MANIFEST": files.manifest()}})
	}
	commitStates(t, repo, "sub", manifests)
	s := newPastSite(t, live, fileType("mirror"))
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", "git:"+repo+"#sub/PULP_MANIFEST", "myfile")
	wantResults(t, out, map[string]string{"20250101T120000Z": "published", "20250102T120000Z": "published",
		"20250103T120000Z": "skipped: the manifest says", "20250104T120000Z": "published"})
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
	if got := s.objects()["checkpoints/myfile/20250104T120000Z/b-1"]; got != "bee" {
		t.Errorf("got %q", got)
	}
}
