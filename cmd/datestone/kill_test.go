//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// A machine is a directory from which processes run, on a bucket in a
// directory that other machines may share.
type machine struct {
	t      testing.TB
	dir    string
	remote faultRemote
}

func newMachine(t testing.TB, r faultRemote) machine { return machine{t, faultDir(t), r} }

// start starts a process that does the step, disturbed as said.
func (m machine) start(s faultStep, disturb string, more ...string) (*exec.Cmd, *bytes.Buffer) {
	m.remote.show(m.t, m.dir, s)
	c := exec.Command("datestone", m.args(s, append([]string{"--jobs", "2"}, more...)...)...)
	c.Env = append(os.Environ(), "DATESTONE_TEST_NOW="+string(s.now), disturbVar+"="+disturb,
		stoppedVar+"="+filepath.Join(m.dir, "stopped"))
	said := &bytes.Buffer{}
	c.Stdout, c.Stderr = said, said
	must(m.t, c.Start())
	return c, said
}

// run does the step in a process to its end.
func (m machine) run(s faultStep, disturb string, more ...string) (code int, said string) {
	c, out := m.start(s, disturb, append(more, "--lock-lease", "300ms")...)
	err := c.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		m.t.Error(err)
	}
	return c.ProcessState.ExitCode(), out.String()
}

// args returns the command line of a step, with more flags.
func (m machine) args(s faultStep, flags ...string) []string {
	args := append([]string{"--quiet", "--config", filepath.Join(m.dir, "datestone.yaml"), s.args[0]}, flags...)
	return append(args, s.args[1:]...)
}

// here does the step in this process, undisturbed.
func (m machine) here(s faultStep) (code int, said string) {
	m.remote.show(m.t, m.dir, s)
	var out bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: func() time.Time { return s.now.Time() },
		LookupEnv: func(string) (string, bool) { return "", false }}
	args := append([]string{"datestone"}, m.args(s, "--jobs", "2", "--lock-lease", "300ms")...)
	return run(context.Background(), args, e), out.String()
}

// objects returns what stands in the bucket, but for what the store of a
// directory keeps for itself.
func (m machine) objects() (siteBytes, error) {
	dir := filepath.Join(m.dir, "site")
	if m.remote.site != "" {
		dir = m.remote.site
	}
	all, err := readTree(dir)
	maps.DeleteFunc(all, func(name, _ string) bool {
		return strings.HasPrefix(name, ".datestone/tmp/") || name == ".datestone/mutex"
	})
	return all, err
}

// all returns the bucket and the rules.
func (m machine) all() siteBytes {
	all, err := m.objects()
	must(m.t, err)
	rules, err := readTree(filepath.Join(m.dir, "redirects"))
	must(m.t, err)
	for name, body := range rules {
		all["rules on disk: "+name] = body
	}
	return all
}

func (m machine) tellsTruth() error { return tellsTruth(filepath.Join(m.dir, "redirects"), m.objects) }

// TestKilled kills a process at every call of the store, before and after it,
// and wants the next run, with and without the index, to leave what an
// undisturbed one does. Like TestFaults it takes a share of the calls.
func TestKilled(t *testing.T) {
	t.Parallel()
	remote := newFaultRemote(t, "mirror")
	story := append(faultStory()[:3], pruneStory()...)
	for at, step := range story {
		if at == 2 {
			continue
		}
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			m := machineBefore(t, remote, story[:at])
			count := filepath.Join(m.dir, "calls")
			t.Logf("counting the calls of %q", step.name)
			calls, want := countCalls(m, step, count)
			var g errgroup.Group
			g.SetLimit(6)
			for n := 1; n <= calls; n++ {
				for i, when := range []string{"before", "after"} {
					if (n+i)%oneIn() != 0 {
						continue
					}
					g.Go(func() error {
						disturb := fmt.Sprintf("kill %s %d", when, n)
						if why := kill(machineBefore(t, remote, story[:at]), step, disturb, want); why != "" {
							t.Errorf("%s:\n%s", disturb, why)
						}
						return nil
					})
				}
			}
			must(t, g.Wait())
		})
	}
}

// machineBefore returns a machine that has done the steps.
func machineBefore(t testing.TB, r faultRemote, steps []faultStep) machine {
	m := newMachine(t, r)
	for _, s := range steps {
		if code, said := m.here(s); code != 0 {
			t.Errorf("%s: exit code %d: %s", s.name, code, said)
		}
	}
	return m
}

func countCalls(m machine, s faultStep, file string) (calls int, want siteBytes) {
	m.t.Helper()
	m.remote.show(m.t, m.dir, s)
	c := exec.Command("datestone", "--quiet", "--config", filepath.Join(m.dir, "datestone.yaml"), s.args[0], "--jobs", "2")
	c.Env = append(os.Environ(), "DATESTONE_TEST_NOW="+string(s.now), callsVar+"="+file)
	if out, err := c.CombinedOutput(); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	must(m.t, err)
	if len(b) < 20 {
		m.t.Fatalf("only %d calls", len(b))
	}
	return len(b), m.all()
}

// kill returns what is wrong after a process was killed.
func kill(m machine, s faultStep, disturb string, want siteBytes) string {
	var why strings.Builder
	wrong := func(format string, args ...any) { fmt.Fprintf(&why, format+"\n", args...) }
	code, said := m.run(s, disturb)
	if code != -1 {
		wrong("exit code %d: it was not killed: %s", code, said)
	}
	if err := m.tellsTruth(); err != nil {
		wrong("%v", err)
	}
	m.ageRules()
	lost := machine{m.t, filepath.Join(m.t.TempDir(), "m"), m.remote}
	must(m.t, os.CopyFS(lost.dir, os.DirFS(m.dir)))
	lost.ageRules() // a copy is new
	must(m.t, os.RemoveAll(filepath.Join(lost.dir, "datestone.db")))
	for _, again := range []machine{m, lost} {
		if code, said := again.here(s); code != 0 {
			wrong("the run afterwards: exit code %d: %s", code, said)
		}
		if d := differ(again.all(), want); d != "" {
			wrong("after one more run (index lost: %t):\n%s", again.dir == lost.dir, d)
		}
	}
	return why.String()
}

// ageRules makes the files of rules so old that the next run knows those that
// were never finished.
func (m machine) ageRules() {
	old := time.Now().Add(-2 * leftAfter)
	must(m.t, filepath.WalkDir(filepath.Join(m.dir, "redirects"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // killed before there were any
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, old, old)
	}))
}

// cont wakes a stopped process and waits for its end.
func cont(t testing.TB, c *exec.Cmd) int {
	t.Helper()
	must(t, c.Process.Signal(syscall.SIGCONT))
	c.Wait()
	return c.ProcessState.ExitCode()
}

// waitFor waits until a process has stopped itself.
func (m machine) waitFor(t testing.TB, c *exec.Cmd, said *bytes.Buffer) {
	t.Helper()
	for range 3000 {
		if _, err := os.Stat(filepath.Join(m.dir, "stopped")); err == nil {
			time.Sleep(20 * time.Millisecond) // from the file to the signal
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Process.Kill()
	c.Wait()
	t.Fatalf("it was never stopped: %s", said)
}

func waitForFile(t testing.TB, name string) {
	t.Helper()
	for range 3000 {
		if _, err := os.Stat(name); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s never came", name)
}
