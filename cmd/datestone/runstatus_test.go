package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// TestStatusCountsOnce makes each call of a run fail whose remote is broken,
// done or not: the failure is told once, or by the next run.
func TestStatusCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote := newFaultRemote(t, "mirror")
	remote.site = t.TempDir()
	step := faultStory()[0]
	remote.show(t, w.dir, step)
	if code, said := w.run(step); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	step.now, step.name = "20250318T150000Z", "no such state"
	remote.show(t, w.dir, step)
	calls := func() int {
		c := w.clone(t, false)
		if code, said := c.run(step); code != exitFailed || c.failures(t) != 1 {
			t.Fatalf("exit code %d, %d failures: %s", code, c.failures(t), said)
		}
		return c.store.Calls()
	}()
	for n := 1; n <= calls; n++ {
		for _, fault := range []storetest.Fault{storetest.TemporaryFailed, storetest.TemporaryDoneButFailed, storetest.DoneButFailed, storetest.Failed} {
			c := w.clone(t, false)
			c.store.FailAt(n, fault)
			c.run(step)
			first := c.failures(t)
			c.store.Restart()
			c.run(step)
			if second := c.failures(t); first > 1 || second < 1 || second > first+1 {
				t.Errorf("call %d %s: the first run tells of %d failures, the second of %d", n, fault, first, second)
			}
		}
	}
}

// failures is how many the status counts.
func (w world) failures(t *testing.T) int {
	t.Helper()
	o, _ := w.store.Look(layout.StatusKey)
	s, err := layout.DecodeStatus([]byte(o.Body))
	must(t, err)
	return s.Row("myfile", "checkpoints/myfile").Failures
}

// TestStatusOfOvertakenRuns wants no failure told of a run that gave way.
func TestStatusOfOvertakenRuns(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		publish.ErrLocked: true, publish.ErrLockLost: true, publish.ErrConflict: true,
		publish.ErrDigest: false, errors.New("other"): false,
	} {
		if got := overtaken(fmt.Errorf("repository: %w", err)); got != want {
			t.Errorf("%v: got %t", err, got)
		}
	}
	s := newWalkSite(t)
	s.upstream("one")
	s.run("20250318T140338Z", "run")
	name := filepath.Join(s.dir, "site", "status.json")
	before, err := os.ReadFile(name)
	must(t, err)
	db, err := openIndex(t.Context(), mustConfig(t, s.config()), 0)
	must(t, err)
	var out strings.Builder
	code := run(t.Context(), []string{"datestone", "--config", s.config(), "run"}, s.env("20250318T150000Z", &out))
	must(t, db.Close())
	after, err := os.ReadFile(name)
	must(t, err)
	if code != exitLocked || string(after) != string(before) {
		t.Errorf("exit code %d, want %d; the status is %s", code, exitLocked, after)
	}
}

func mustConfig(t *testing.T, name string) *config {
	t.Helper()
	c, err := (&env{ConfigFile: name, LookupEnv: os.LookupEnv}).loadConfig()
	must(t, err)
	return c
}

func TestBrief(t *testing.T) {
	t.Parallel()
	if got := brief(errors.New("short")); got != "short" {
		t.Errorf("got %q", got)
	}
	long := "x" + strings.Repeat("é", maxBrief)
	if got := brief(errors.New(long)); got != long[:maxBrief-1]+"…" {
		t.Errorf("got %d bytes: …%q", len(got), got[len(got)-10:])
	}
}
