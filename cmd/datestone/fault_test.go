package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// A world is one machine: a directory with configuration, index, rules and
// remote, and the bucket, which is in memory.
type world struct {
	dir   string
	store *storetest.Memory
}

func newWorld(t testing.TB) world { return world{faultDir(t), &storetest.Memory{}} }

// clone returns the same world once more; with lost set, without its index.
func (w world) clone(t testing.TB, lost bool) world {
	t.Helper()
	c := world{filepath.Join(t.TempDir(), "w"), w.store.Clone()}
	must(t, os.CopyFS(c.dir, os.DirFS(w.dir)))
	if lost {
		must(t, os.RemoveAll(filepath.Join(c.dir, "datestone.db")))
	}
	return c
}

// A clockedStore has the clock of the test. The call is counted all the same.
type clockedStore struct {
	*storetest.Memory
	now time.Time
}

func (s clockedStore) Now(ctx context.Context) (time.Time, error) {
	_, err := s.Memory.Now(ctx)
	return s.now, err
}

// run does a step and returns its exit code and what it said.
func (w world) run(s faultStep) (code int, said string) {
	var out bytes.Buffer
	var mu sync.Mutex
	w.store.Check = func(*storetest.Memory) error { return w.tellsTruth() }
	e := &env{
		Stdin: strings.NewReader(""), Stdout: &lockedWriter{mu: &mu, b: &out}, Stderr: &lockedWriter{mu: &mu, b: &out},
		Now:       func() time.Time { return s.now.Time() },
		LookupEnv: func(string) (string, bool) { return "", false },
		WrapStore: func(publish.Store) publish.Store { return clockedStore{w.store, s.now.Time()} },
	}
	args := []string{"datestone", "--quiet", "--config", filepath.Join(w.dir, "datestone.yaml"),
		s.args[0], "--jobs", "2", "--lock-lease", "300ms"}
	args = append(args, s.args[1:]...)
	code = run(context.Background(), args, e)
	mu.Lock()
	defer mu.Unlock()
	return code, out.String()
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w world) tellsTruth() error {
	return tellsTruth(filepath.Join(w.dir, "redirects"), func() (siteBytes, error) { return memoryBytes(w.store), nil })
}

func memoryBytes(m *storetest.Memory) siteBytes {
	all := siteBytes{}
	for key, o := range m.Snapshot() {
		all[key] = o.Body
	}
	return all
}

// bytesOf returns bucket and rules, for a comparison.
func (w world) bytesOf(t testing.TB) siteBytes {
	t.Helper()
	all := memoryBytes(w.store)
	rules, err := readTree(filepath.Join(w.dir, "redirects"))
	must(t, err)
	for name, body := range rules {
		all["rules on disk: "+name] = body
	}
	if body, ok := all[layout.StatusKey]; ok {
		all[layout.StatusKey] = withoutTimes(t, body)
	}
	return all
}

// withoutTimes is a status that does not say when runs were, which is another
// thing after a fault: one that failed, and one that recovered, tell of it.
func withoutTimes(t testing.TB, body string) string {
	t.Helper()
	status, err := layout.DecodeStatus([]byte(body))
	must(t, err)
	status.Updated = ""
	for i := range status.Repositories {
		r := &status.Repositories[i]
		r.LastRun, r.LastSuccess, r.Lag = "", "", 0
	}
	plain, err := status.Encode()
	must(t, err)
	return string(plain)
}

// TestFaults makes each store call of each run of a story fail, in each way. A
// second run, with and without the index, must leave the bucket and the rules
// as an undisturbed run does, and nothing may ever name what is not complete.
// It takes a share of the cases: see oneIn.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mirror", "additive"} {
		tellFaulty(t, mode, faultStory(), func(i int) bool { return mode == "mirror" || i <= 1 })
	}
}

// tellFaulty tells a story, and disturbs those of its steps that it is to. It
// returns the world in which nothing was disturbed.
func tellFaulty(t *testing.T, mode string, story []faultStep, disturbed func(i int) bool) world {
	t.Helper()
	w := newWorld(t)
	remote := newFaultRemote(t, mode)
	remote.site = t.TempDir() // the index knows the bucket by it, wherever the index is
	for i, step := range story {
		remote.show(t, w.dir, step)
		before := w.clone(t, false)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.name, code, said)
		}
		w.check(t.Errorf)
		f := faultCase{step: step, before: before, want: w.bytesOf(t), calls: w.store.Calls()}
		w.store.Restart()
		if disturbed(i) {
			t.Run(mode+"/"+string(step.now)+" "+step.name, func(t *testing.T) { t.Parallel(); f.test(t) })
		}
	}
	return w
}

// A faultCase is a step that is to be disturbed.
type faultCase struct {
	step   faultStep
	before world
	want   siteBytes
	calls  int
	code   int // of the step, undisturbed
	// between is done after the fault, before the step is done again, by
	// machines that lost their index; nil for nothing.
	between *faultStep
}

// oneIn is the share of the cases that tests of faults and kills take: one in
// five beside the work, one in four on CI, whose time has a limit, and with
// DATESTONE_TEST_EVERY=1 ("make faults") all.
func oneIn() int {
	switch {
	case os.Getenv("DATESTONE_TEST_EVERY") == "1":
		return 1
	case os.Getenv("DATESTONE_TEST_REQUIRE") == "1":
		return 4
	}
	return 5
}

func (f faultCase) test(t *testing.T) {
	if f.calls < 5 {
		t.Fatalf("only %d calls: the step did nothing", f.calls)
	}
	every := oneIn()
	// Most of the time is spent waiting for leases.
	var g errgroup.Group
	g.SetLimit(24)
	for n := 1; n <= f.calls; n++ {
		for _, fault := range storetest.Faults() {
			if (n+int(fault))%every != 0 {
				continue
			}
			g.Go(func() error {
				if why := f.disturb(t, n, fault); why != "" {
					t.Errorf("call %d %s:\n%s", n, fault, why)
				}
				return nil
			})
		}
	}
	must(t, g.Wait())
}

// disturb returns what is wrong after the fault.
func (f faultCase) disturb(t *testing.T, n int, fault storetest.Fault) string {
	var why strings.Builder
	wrong := func(format string, args ...any) { fmt.Fprintf(&why, format+"\n", args...) }
	w := f.before.clone(t, false)
	w.store.FailAt(n, fault)
	code, said := w.run(f.step)
	w.check(wrong)
	temporary := fault == storetest.TemporaryFailed || fault == storetest.TemporaryDoneButFailed
	if temporary && code != f.code {
		wrong("exit code %d though the failure was temporary: %s", code, said)
	}
	if code != f.code && (code != exitFailed || !strings.Contains(said, "datestone: ")) {
		wrong("exit code %d, want %d with a message, got %q", code, exitFailed, said)
	}
	w.store.Restart()
	if code == f.code {
		// That the status was not written makes no run fail: the next one does it.
		if d := differ(withoutStatus(w.bytesOf(t)), withoutStatus(f.want)); d != "" {
			wrong("a run that says it is done left\n%s", d)
		}
	}
	for _, lost := range []bool{false, true} {
		again := w.clone(t, lost)
		if lost && f.between != nil {
			if code, said := again.run(*f.between); code != 0 {
				wrong("the run in between: exit code %d: %s", code, said)
			}
			again.check(wrong)
		}
		code, said := again.run(f.step)
		if code != f.code {
			wrong("the run afterwards (index lost: %t): exit code %d: %s", lost, code, said)
		}
		again.check(wrong)
		got, want := again.bytesOf(t), f.want
		if f.between != nil { // which writes a status, unlike a backfill
			got, want = withoutStatus(got), withoutStatus(want)
		}
		if d := differ(got, want); d != "" {
			wrong("after one more run (index lost: %t)\n%s", lost, d)
		}
	}
	return why.String()
}

func withoutStatus(b siteBytes) siteBytes {
	b = maps.Clone(b)
	delete(b, layout.StatusKey)
	return b
}

// check holds the world against the promises that hold at every moment.
func (w world) check(wrong func(string, ...any)) {
	for _, err := range w.store.Violations() {
		wrong("violation: %v", err)
	}
	if err := w.tellsTruth(); err != nil {
		wrong("%v", err)
	}
}
