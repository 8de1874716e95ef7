//go:build unix

package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"datestone/layout"
)

// twoMachines returns two machines with one bucket and one directory of rules.
func twoMachines(t *testing.T, r faultRemote) (a, b machine) {
	t.Helper()
	r.site = t.TempDir()
	a, b = newMachine(t, r), newMachine(t, r)
	must(t, os.Mkdir(filepath.Join(a.dir, "redirects"), 0o777))
	must(t, os.Symlink(filepath.Join(a.dir, "redirects"), filepath.Join(b.dir, "redirects")))
	return a, b
}

func later(s faultStep, by time.Duration) faultStep {
	s.now = layout.StampOf(s.now.Time().Add(by))
	return s
}

// TestTwoRuns holds one run still under its lock: another says who holds it.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	remote := newFaultRemote(t, "mirror")
	first := faultStory()[0]
	for _, same := range []bool{true, false} {
		name := map[bool]string{true: "on one machine, with one index", false: "on two machines"}[same]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := twoMachines(t, remote)
			// It renews its lock while it waits for its content.
			hold := make(chan struct{})
			slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/1.iso" {
					<-hold
				}
				remote.Config.Handler.ServeHTTP(w, r)
			}))
			defer slow.Close()
			a.remote.Server, b.remote.Server = slow, slow
			if same {
				b = a
			}
			c, said := a.start(first, "", "--lock-lease", "1s")
			waitForFile(t, filepath.Join(a.remote.site, ".datestone", "pending", "myfile", string(first.now)+".json"))
			code, out := b.run(later(first, time.Minute), "")
			if code != exitLocked || !strings.Contains(out, "process "+strconv.Itoa(c.Process.Pid)+" on ") {
				t.Errorf("the other run: exit code %d, want %d and the name of process %d: %s", code, exitLocked, c.Process.Pid, out)
			}
			close(hold)
			if err := c.Wait(); err != nil {
				t.Errorf("the first run: %v: %s", err, said)
			}
			must(t, a.tellsTruth())
		})
	}
}

// TestLockOfAKilledRun is taken over after its lease, which is the dead run's.
func TestLockOfAKilledRun(t *testing.T) {
	t.Parallel()
	remote := newFaultRemote(t, "mirror")
	a, b := twoMachines(t, remote)
	first := faultStory()[0]
	c, said := a.start(first, "kill before put checkpoints/myfile/log/1.json", "--lock-lease", "1s")
	if c.Wait(); c.ProcessState.Success() {
		t.Fatalf("it was not killed: %s", said)
	}
	began := time.Now()
	if code, said := b.run(later(first, time.Minute), ""); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the lock was taken over after %v, its lease is 1 s", took)
	}
	must(t, b.tellsTruth())
}

// TestPausedWriter stops a writer for longer than its lease while another one
// commits something else, and wakes it: nothing that the other wrote may
// change by that, and what the woken one leaves goes with its next run.
func TestPausedWriter(t *testing.T) {
	t.Parallel()
	remote := newFaultRemote(t, "mirror")
	story := faultStory()
	base := "checkpoints/myfile/"
	changed := story[1]
	id := base + string(changed.now) + "/"
	for name, at := range map[string]string{
		"before the lock is written":    "before put .datestone/locks/myfile.json",
		"with the lock just taken":      "after put .datestone/locks/myfile.json",
		"before the claim":              "before put .datestone/pending/myfile/*.files.zst",
		"between the claim's halves":    "before put .datestone/pending/myfile/*.json",
		"before content":                "after put .datestone/pending/myfile/*.json",
		"within content":                "before put " + id + "dir/sub/new",
		"within links":                  "before link " + id + "dir/*",
		"after content":                 "before put " + id + "dir/index.html",
		"before the record":             "before put " + base + "log/2.json",
		"after the record":              "after put " + base + "log/2.json",
		"before the rules":              "before get " + base + "log/4.json",
		"before the table":              "before put " + base + "checkpoints.json",
		"before the listing":            "before put " + base + "index.html",
		"before the claim is removed":   "before delete .datestone/pending/myfile/*.json",
		"before the lock is given back": "after delete .datestone/pending/myfile/*.files.zst",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := twoMachines(t, remote)
			for _, m := range []machine{a, b} {
				if code, said := m.here(story[0]); code != 0 {
					t.Fatalf("exit code %d: %s", code, said)
				}
			}
			c, said := a.start(changed, "stop "+at, "--lock-lease", "400ms")
			a.waitFor(t, c, said)
			t.Cleanup(func() { c.Process.Signal(syscall.SIGCONT); c.Process.Kill() })
			other := later(story[5], 0)
			if code, said := b.here(other); code != 0 {
				t.Fatalf("the other: exit code %d: %s", code, said)
			}
			want := b.all()
			must(t, b.tellsTruth())
			code := cont(t, c)
			t.Logf("woken, it ended with %d: %s", code, said)
			must(t, b.tellsTruth())
			got := b.all()
			for _, all := range []siteBytes{got, want} {
				maps.DeleteFunc(all, func(key, _ string) bool {
					return strings.HasPrefix(key, ".datestone/") || strings.HasPrefix(key, id) && key != ""
				})
			}
			if d := differ(got, want); d != "" {
				t.Errorf("the woken writer changed\n%s", d)
			}
			if code, said := a.here(later(other, time.Minute)); code != 0 {
				t.Fatalf("its next run: exit code %d: %s", code, said)
			}
			noOrphans(t, b)
		})
	}
}

// noOrphans wants nothing to stand in the bucket below an ID that is no
// checkpoint, and no claim.
func noOrphans(t *testing.T, m machine) {
	t.Helper()
	all, err := m.objects()
	must(t, err)
	table, err := layout.DecodeTable([]byte(all["checkpoints/myfile/checkpoints.json"]))
	must(t, err)
	for key := range all {
		if strings.HasPrefix(key, ".datestone/pending/") {
			t.Errorf("left over: %s", key)
		}
		below, _ := strings.CutPrefix(key, "checkpoints/myfile/")
		dir, _, _ := strings.Cut(below, "/")
		if id, err := layout.ParseStamp(dir); err == nil {
			if _, ok := table.Find(id); !ok {
				t.Errorf("orphan: %s", key)
			}
		}
	}
}

// TestAdditiveKeepsWhatOthersBroughtIn lets a run read its remote, and another
// one commit before the first has the lock.
func TestAdditiveKeepsWhatOthersBroughtIn(t *testing.T) {
	t.Parallel()
	a, b := twoMachines(t, newFaultRemote(t, "additive"))
	story := faultStory()
	if code, said := a.here(story[0]); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	step := later(story[1], 48*time.Hour)
	c, said := a.start(step, "stop before put .datestone/locks/myfile.json")
	a.waitFor(t, c, said)
	t.Cleanup(func() { c.Process.Signal(syscall.SIGCONT); c.Process.Kill() })
	if code, said := b.here(story[5]); code != 0 {
		t.Fatalf("the other: exit code %d: %s", code, said)
	}
	if code := cont(t, c); code != 0 {
		t.Fatalf("woken, it ended with %d: %s", code, said)
	}
	all := b.all()
	for p := range story[5].files {
		key := "checkpoints/myfile/" + string(step.now) + "/" + p
		if _, ok := all[key]; !ok {
			t.Errorf("missing: %s", key)
		}
	}
}

// TestClockGoneBack refuses to publish before what the log has.
func TestClockGoneBack(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newFaultRemote(t, "mirror"))
	story := faultStory()
	if code, said := m.here(story[0]); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	before := m.all()
	code, said := m.here(later(story[1], -24*time.Hour))
	if code != exitFailed || !strings.Contains(said, "20250317T150000Z") || !strings.Contains(said, "20250318T140338Z") {
		t.Errorf("exit code %d, want %d and both times: %s", code, exitFailed, said)
	}
	after := m.all()
	delete(before, ".datestone/locks/myfile.json")
	delete(after, ".datestone/locks/myfile.json")
	if d := differ(after, before); d != "" {
		t.Errorf("the bucket changed\n%s", d)
	}
}
