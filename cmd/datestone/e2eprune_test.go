package main

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// TestPruneOnEveryStore prunes and deletes on every kind of store: the site must
// be the same bytes everywhere, with nothing left of what was pruned, and right
// in the eyes of verify.
func TestPruneOnEveryStore(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	reference := newE2ESite(t, e2eStores[0], remote, "", "/")
	want := reference.pruneStory()
	for _, kind := range e2eStores[1:] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, remote, "", "/")
			got := s.pruneStory()
			if d := differ(got, want); d != "" {
				t.Errorf("the site is not that of %s:\n%s", reference.kind.name, d)
			}
			s.checkHeaders(got)
		})
	}
}

// pruneStory publishes three states, keeps the newest and one that is pinned,
// and returns what stands when the other is deleted.
func (s *e2eSite) pruneStory() siteBytes {
	s.t.Helper()
	s.see("one")
	s.run(e2eFirst, "run")
	s.see("two")
	s.run(e2eSecond, "run")
	s.see("three")
	s.run(e2eThird, "run")
	name := filepath.Join(s.dir, "datestone.yaml")
	text, err := os.ReadFile(name)
	must(s.t, err)
	text = []byte(strings.Replace(string(text), "    channels:", "    keep: {last: 1, grace: 1h}\n    channels:", 1))
	must(s.t, os.WriteFile(name, text, 0o666))
	s.run("20250320T120000Z", "pin", "--reason", "it <b>stays</b>", "myfile", string(e2eFirst))
	if said := s.run("20250320T120001Z", "prune"); !strings.Contains(said, "pruned 1 of 3") {
		s.t.Errorf("prune said %q", said)
	}
	s.run("20250320T120002Z", "verify", "--deep")
	if stands := s.objects().below(layout.CheckpointPrefix("checkpoints/myfile", e2eSecond)); stands == 0 {
		s.t.Error("what was pruned is deleted at once")
	}
	s.askPruned()
	if said := s.run("20250320T130001Z", "prune"); !strings.Contains(said, "deleted") {
		s.t.Errorf("the next prune said %q", said)
	}
	s.run("20250320T130002Z", "verify", "--deep")
	all := s.objects()
	if stands := all.below(layout.CheckpointPrefix("checkpoints/myfile", e2eSecond)); stands > 0 {
		s.t.Errorf("%d objects are left of what was pruned", stands)
	}
	return all
}

// askPruned holds a real nginx with the rules as prune left them against the
// oracle; what was pruned still stands, and is a 404 all the same.
func (s *e2eSite) askPruned() {
	s.t.Helper()
	if s.kind.name != e2eStores[0].name && s.kind.name != e2eStores[1].name {
		return // rules know nothing of drivers
	}
	store := s.open()
	table, err := layout.DecodeTable([]byte(e2eRead(s.t, store, layout.TableKey("checkpoints/myfile"))))
	must(s.t, err)
	tables := []layout.Table{table}
	var targets []string
	for _, target := range e2eTargets(rand.New(rand.NewPCG(3, 4)), tables, 3000) {
		if redirects.Resolve(tables, target, "").Status != http.StatusOK {
			targets = append(targets, target)
		}
	}
	oracle, gone := redirects.New(tables), 0
	for _, got := range askAll(s.t, enginetest.Nginx(s.t, filepath.Join(s.dir, "redirects"), s.place()), targets) {
		s.checkEdge(store, oracle.Resolve(got.Target, ""), got)
		if strings.Contains(got.Target, string(e2eSecond)) && got.Status == http.StatusNotFound {
			gone++
		}
	}
	if gone < 10 {
		s.t.Errorf("only %d answers are 404 for what was pruned", gone)
	}
}
