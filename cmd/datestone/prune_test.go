package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
	"datestone/redirects"
)

// A keeper is a machine whose repository is pruned: its remote is a directory,
// its bucket in memory, or a directory where store is nil.
type keeper struct {
	t      testing.TB
	dir    string
	bucket string // a directory, or what the index takes for one
	store  *storetest.Memory
}

func newKeeper(t testing.TB, inMemory bool) keeper {
	k := keeper{t: t, dir: t.TempDir(), bucket: t.TempDir()}
	if inMemory {
		k.store = &storetest.Memory{}
		k.store.Check = func(*storetest.Memory) error { return k.tellsTruth() }
	}
	k.show(content{})
	return k
}

// show makes c what the remote has.
func (k keeper) show(c content) {
	k.t.Helper()
	up := filepath.Join(k.dir, "up")
	must(k.t, os.RemoveAll(up))
	must(k.t, os.MkdirAll(up, 0o777))
	for name, body := range c {
		must(k.t, os.WriteFile(filepath.Join(up, name), []byte(body), 0o666))
	}
	must(k.t, os.WriteFile(filepath.Join(up, "PULP_MANIFEST"), []byte(c.manifest()), 0o666))
}

// configure writes a configuration with more keys of the repository.
func (k keeper) configure(keys string) {
	k.t.Helper()
	text := "bucket: file:" + k.bucket + `
public_url: https://snapshots.example.org/
repositories:
  - name: myfile
    base_path: checkpoints/myfile
    remote: {type: file, url: "file:up/PULP_MANIFEST"}
    channels: {prod: {delay: 30h}, frozen: {}}
    ` + keys + `
redirects: {targets: [json], out: ./redirects}
`
	must(k.t, os.WriteFile(filepath.Join(k.dir, "datestone.yaml"), []byte(text), 0o666))
}

// run runs a command and returns its exit code and what it said.
func (k keeper) run(now layout.Stamp, args ...string) (code int, said string) {
	var out, log bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &log, Now: func() time.Time { return now.Time() },
		LookupEnv: func(string) (string, bool) { return "", false }}
	if k.store != nil {
		e.WrapStore = func(publish.Store) publish.Store { return clockedStore{k.store, now.Time()} }
	}
	all := append([]string{"datestone", "--config", filepath.Join(k.dir, "datestone.yaml")}, args...)
	code = run(context.Background(), all, e)
	if code != 0 {
		return code, out.String() + log.String()
	}
	return code, out.String()
}

func (k keeper) done(now layout.Stamp, args ...string) string {
	k.t.Helper()
	code, said := k.run(now, args...)
	if code != 0 {
		k.t.Fatalf("%s %v: exit code %d: %s", now, args, code, said)
	}
	return said
}

func (k keeper) objects() (siteBytes, error) {
	if k.store != nil {
		return memoryBytes(k.store), nil
	}
	return readTree(k.bucket)
}

func (k keeper) tellsTruth() error { return tellsTruth(filepath.Join(k.dir, "redirects"), k.objects) }

func (k keeper) table() layout.Table {
	k.t.Helper()
	all, err := k.objects()
	must(k.t, err)
	t, err := layout.DecodeTable([]byte(all[layout.TableKey("checkpoints/myfile")]))
	must(k.t, err)
	return t
}

// A pruneStoryteller tells a random story of a keeper and remembers it.
type pruneStoryteller struct {
	keeper
	rng       *rand.Rand
	now       time.Time
	published []layout.Stamp // ever, ascending
	nearest   bool
	keep      string
}

// TestPruneKeepsItsPromises tells random stories: runs, pins, promotions, lost
// indexes and prunes under ever other policies, in memory and in a directory;
// more of them when DATESTONE_TEST_EVERY is 1. After each prune all that is
// kept is read and hashed, all times are answered as the whole history says,
// and verify --deep finds nothing wrong.
func TestPruneKeepsItsPromises(t *testing.T) {
	t.Parallel()
	seeds := uint64(3)
	if oneIn() == 1 {
		seeds = 12
	}
	for seed := range seeds {
		for _, inMemory := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d/in memory: %t", seed, inMemory), func(t *testing.T) {
				t.Parallel()
				s := &pruneStoryteller{keeper: newKeeper(t, inMemory), rng: rand.New(rand.NewPCG(seed, 2)),
					now: time.Date(2025, 1, 30, 22, 0, 0, 0, time.UTC)}
				s.policy()
				for range 30 {
					s.event()
				}
				s.end()
			})
		}
	}
}

func (s *pruneStoryteller) at() layout.Stamp { return layout.StampOf(s.now) }

// event lets time pass, and something happen.
func (s *pruneStoryteller) event() {
	step := []time.Duration{time.Hour, 10 * time.Hour, 5 * 24 * time.Hour}[s.rng.IntN(3)]
	s.now = s.now.Add(time.Second + time.Duration(s.rng.Int64N(int64(step))))
	switch n := s.rng.IntN(20); {
	case n < 12 || len(s.published) == 0:
		s.publish()
	case n < 13:
		s.done(s.at(), "pin", "--reason", "a test", "myfile", s.anyone())
	case n < 14:
		s.done(s.at(), "unpin", "myfile", s.anyone())
	case n < 15:
		s.done(s.at(), "promote", "myfile", "frozen", s.anyone())
	case n < 16:
		must(s.t, os.RemoveAll(filepath.Join(s.dir, "datestone.db")))
	default:
		s.policy()
		s.prune()
	}
}

// publish shows the remote in another state, made of few bodies, so that
// content goes and comes back under other names.
func (s *pruneStoryteller) publish() {
	c := content{"serial": string(s.at())}
	for range s.rng.IntN(6) {
		c[fmt.Sprintf("file%d", s.rng.IntN(8))] = fmt.Sprintf("body %d", s.rng.IntN(12))
	}
	s.show(c)
	s.done(s.at(), "run")
	s.published = append(s.published, s.at())
}

// anyone returns a checkpoint that there is.
func (s *pruneStoryteller) anyone() string {
	all := s.table().Checkpoints
	return string(all[s.rng.IntN(len(all))].ID)
}

func (s *pruneStoryteller) policy() {
	s.nearest = s.rng.IntN(2) == 0
	s.keep = fmt.Sprintf("{last: %d, daily: %d, weekly: %d, within: %dh, grace: %dh}",
		s.rng.IntN(3), s.rng.IntN(4), s.rng.IntN(2), 1+s.rng.IntN(40), s.rng.IntN(60))
	keys := "keep: " + s.keep + "\n    pruned: 404"
	if s.nearest {
		keys = "keep: " + s.keep + "\n    pruned: nearest"
	}
	s.configure(keys)
}

// prune plans, prunes, and wants what was planned to be what was done.
func (s *pruneStoryteller) prune() {
	before := s.table()
	var plan, did struct{ Prune pruneReport }
	must(s.t, json.Unmarshal([]byte(s.done(s.at(), "prune", "--dry-run", "--json")), &plan))
	if d := cmp.Diff(before, s.table()); d != "" {
		s.t.Errorf("%s: a dry run changed the table: %s", s.at(), d)
	}
	must(s.t, json.Unmarshal([]byte(s.done(s.at(), "prune", "--json")), &did))
	if d := cmp.Diff(plan.Prune.Pruned, did.Prune.Pruned); d != "" {
		s.t.Errorf("%s, %s: pruned otherwise than planned: %s", s.at(), s.keep, d)
	}
	if d := cmp.Diff(plan.Prune.Spans, did.Prune.Spans); d != "" {
		s.t.Errorf("%s, %s: other answers changed than planned: %s", s.at(), s.keep, d)
	}
	if plan.Prune.Swept != did.Prune.Swept {
		s.t.Errorf("%s: swept %d, planned %d", s.at(), did.Prune.Swept, plan.Prune.Swept)
	}
	after := s.table()
	for _, c := range before.Checkpoints {
		_, stays := after.Find(c.ID)
		if gone := slices.Contains(did.Prune.Pruned, c.ID); gone == stays {
			s.t.Errorf("%s: %s stays: %t, pruned: %t", s.at(), c.ID, stays, gone)
		}
		if why := s.mustStay(before, c); !stays && why != "" {
			s.t.Errorf("%s, %s: %s is pruned: %s", s.at(), s.keep, c.ID, why)
		}
	}
	s.check(after)
}

// mustStay says why a checkpoint may not be pruned under any policy.
func (s *pruneStoryteller) mustStay(t layout.Table, c layout.Checkpoint) string {
	_, pinned := t.Pinned[c.ID]
	switch {
	case c.ID == s.published[len(s.published)-1]:
		return "the newest"
	case pinned:
		return "pinned"
	case t.Channels["frozen"] == c.ID, t.Channels["prod"] == c.ID:
		return "a channel leads there"
	case s.now.Sub(c.Committed.Time()) < 30*time.Hour:
		return "prod may still lead there"
	}
	return ""
}

// check holds the site against what was published.
func (s *pruneStoryteller) check(t layout.Table) {
	s.t.Helper()
	if err := s.tellsTruth(); err != nil {
		s.t.Errorf("%s: %v", s.at(), err)
	}
	if code, said := s.run(s.at(), "verify", "--deep"); code != 0 {
		s.t.Errorf("%s: verify: exit code %d: %s", s.at(), code, said)
	}
	for range 50 {
		m := layout.StampOf(s.published[0].Time().Add(time.Duration(s.rng.Int64N(int64(s.now.Sub(s.published[0].Time()) + 1)))))
		s.checkAnswer(t, m)
	}
	for _, id := range s.published {
		s.checkAnswer(t, id)
	}
}

// checkAnswer wants a moment to be answered by what was there, or else as the
// configuration says of what was pruned, and never for good.
func (s *pruneStoryteller) checkAnswer(t layout.Table, m layout.Stamp) {
	s.t.Helper()
	var was, left layout.Stamp // the newest there was at m, and the newest of those that are left
	for _, id := range s.published {
		if id <= m {
			was = id
			if _, kept := t.Find(id); kept {
				left = id
			}
		}
	}
	want := was
	if left != was {
		want = ""
		if s.nearest {
			want = left
		}
	}
	got := redirects.Resolve([]layout.Table{t}, "/checkpoints/myfile/"+string(m)+"/x", s.at())
	led := strings.TrimSuffix(strings.TrimPrefix(got.Location+got.Serves, "/checkpoints/myfile/"), "/x")
	if led != string(want) || left != was && got.Status == 301 {
		s.t.Errorf("%s: %s is answered %d and led to %q, want %q; nearest: %t", s.at(), m, got.Status, led, want, s.nearest)
	}
}

// end prunes until all that was pruned is deleted: nothing may stand below an
// ID that is no checkpoint.
func (s *pruneStoryteller) end() {
	for range 3 {
		s.now = s.now.Add(60 * time.Hour)
		s.prune()
	}
	t := s.table()
	all, err := s.objects()
	must(s.t, err)
	for key := range all {
		dir, _, _ := strings.Cut(strings.TrimPrefix(key, "checkpoints/myfile/"), "/")
		if id, err := layout.ParseStamp(dir); err == nil {
			if _, kept := t.Find(id); !kept {
				s.t.Errorf("left over: %s", key)
			}
		}
	}
	if t.Removed+len(t.Checkpoints) != len(s.published) || t.Removed == 0 {
		s.t.Errorf("%d checkpoints and %d pruned of %d published", len(t.Checkpoints), t.Removed, len(s.published))
	}
	if s.store != nil {
		for _, err := range s.store.Violations() {
			s.t.Errorf("violation: %v", err)
		}
	}
}
