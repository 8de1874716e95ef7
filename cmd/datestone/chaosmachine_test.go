//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"datestone/layout"
)

// A chaosMachine is a directory from which processes run, one at a time, with
// an index, rules and a clock of their own.
type chaosMachine struct {
	story *chaosStory
	name  string
	dir   string
	rng   *rand.Rand
	took  []time.Duration // by undisturbed runs, the last few
	usual time.Duration   // that of them by which the moment of a disturbance was chosen
}

const chaosConfig = `
bucket: %q
public_url: https://snapshots.example.org/
repositories:
%sredirects: {targets: [json], refresh: 1h}
`

const chaosRepository = `  - {name: %[1]s, base_path: %[2]s, remote: {type: file, url: "%[3]s/%[1]s/PULP_MANIFEST", mode: %[4]s}, channels: {canary: {delay: 0h}, prod: {delay: 2s}, frozen: {}}, keep: {last: 4, grace: 2s}}
`

func newChaosMachine(s *chaosStory, n int, bucket string, rng *rand.Rand) *chaosMachine {
	m := &chaosMachine{story: s, name: fmt.Sprint("machine ", n), dir: s.t.TempDir(), rng: rng, took: []time.Duration{300 * time.Millisecond}}
	var repos strings.Builder
	for _, r := range chaosRepos {
		fmt.Fprintf(&repos, chaosRepository, r.name, r.base, s.remote.URL, r.mode)
	}
	must(s.t, os.WriteFile(m.file("datestone.yaml"), fmt.Appendf(nil, chaosConfig, bucket, repos.String()), 0o666))
	return m
}

func (m *chaosMachine) file(name string) string { return filepath.Join(m.dir, name) }

// work starts one process after the other, and does not let most of them end.
func (m *chaosMachine) work(until time.Time) {
	for time.Now().Before(until) && !m.story.t.Failed() {
		m.upsetIndex()
		args, env := m.command(), m.clock()
		switch n := m.rng.IntN(100); {
		case n < 65:
			m.run(args, env, m.kill)
		case n < 75:
			m.run(args, env, m.pause)
		default:
			m.run(args, env, nil)
		}
	}
}

// command returns what the next process is to do.
func (m *chaosMachine) command() []string {
	repo := oneOfThem(m.rng, chaosRepos).name
	if m.story.redacts && chance(m.rng, 5) {
		return []string{"redact", "--lock-lease", "500ms", "--sha256", chaosKnown(m.rng), "--reason", "chaos", repo}
	}
	words := oneOfThem(m.rng, [][]string{
		{"run"}, {"run"}, {"run"}, {"run"}, {"run", repo}, {"run", repo}, {"sync"}, {"sync", repo}, {"publish"}, {"publish", repo},
		{"publish", "--force", repo}, {"prune"}, {"prune", repo}, {"pin", "--reason", "chaos", repo, "latest"}, {"unpin", repo, "latest"}, {"promote", repo, "frozen", oneOfThem(m.rng, []string{"latest", "prod"})},
	})
	flags := []string{"--lock-lease", "500ms", "--lock-wait", oneOfThem(m.rng, []string{"0s", "1s"}), "--jobs", oneOfThem(m.rng, []string{"1", "3", "16"})}
	return slices.Concat(words[:1], flags, words[1:])
}

// chaosKnown returns the digest of content that upstreams have again and again.
func chaosKnown(rng *rand.Rand) string {
	return layout.DigestOf([]byte(chaosBodies[rng.IntN(2)])).String()
}

// clock sets the clock of the next process wrong, now and then: somewhat, or
// so much that it must refuse to publish.
func (m *chaosMachine) clock() []string {
	skews := []string{"1s", "-3s", "3s", "-2h"}
	if m.story.server != nil { // a directory has no clock of its own to hold ours against
		skews = append(skews, "2h")
	}
	if !chance(m.rng, 12) {
		return nil
	}
	m.story.tally.clocks.Add(1)
	return []string{skewVar + "=" + oneOfThem(m.rng, skews)}
}

// upsetIndex loses the index, or puts one there that is stale, or another
// machine's.
func (m *chaosMachine) upsetIndex() {
	index, old := m.file("datestone.db"), m.file("old.db")
	switch n := m.rng.IntN(100); {
	case n < 8:
		m.story.said.add("%s loses its index", m.name)
		complain(m.story.t, "lose the index", removeIfThere(index))
	case n < 14:
		m.copyIndex(index, old)
		return
	case n < 18:
		m.story.said.add("%s goes back to an older index", m.name)
		m.copyIndex(old, index)
	case n < 20:
		m.story.said.add("%s takes another's index", m.name)
		m.copyIndex(oneOfThem(m.rng, m.story.machines).file("old.db"), index)
	default:
		return
	}
	m.story.tally.indexes.Add(1)
}

// copyIndex copies what is there; another machine may be writing it.
func (m *chaosMachine) copyIndex(from, to string) {
	b, err := os.ReadFile(from)
	if os.IsNotExist(err) || from == to {
		return
	}
	if err == nil {
		err = os.WriteFile(to+".new", b, 0o666)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	complain(m.story.t, "copy an index", err)
}

// run runs a process, disturbs it, and returns how it ended and what it said.
func (m *chaosMachine) run(args, env []string, disturb func(*exec.Cmd)) (code int, said string) {
	c := exec.Command("datestone", append([]string{"--quiet", "--config", m.file("datestone.yaml")}, args...)...)
	c.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	m.story.said.add("%s: %s %v", m.name, strings.Join(args, " "), env)
	began := time.Now()
	if err := c.Start(); err != nil {
		complain(m.story.t, "start", err)
		return 0, ""
	}
	if disturb != nil {
		disturb(c)
	}
	c.Wait()
	m.story.tally.runs.Add(1)
	return m.ended(c.ProcessState, disturb != nil, time.Since(began), out.String())
}

// ended takes down how a process ended, which must be one of the ways that are
// specified.
func (m *chaosMachine) ended(p *os.ProcessState, disturbed bool, took time.Duration, said string) (int, string) {
	status := p.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		m.killed(took)
		return -1, said
	}
	code := status.ExitStatus()
	m.story.said.add("%s: ends with %d after %v: %.400s", m.name, code, took.Round(time.Millisecond), said)
	if code == 0 && !disturbed {
		m.took = append(m.took[max(0, len(m.took)-20):], took)
	}
	if !slices.Contains([]int{exitDone, exitFailed, exitSome, exitLocked}, code) || strings.Contains(said, "goroutine ") {
		m.story.t.Errorf("%s: exit code %d: %s", m.name, code, said)
	}
	return code, said
}

func (m *chaosMachine) killed(after time.Duration) {
	m.story.said.add("%s: killed after %v", m.name, after.Round(time.Millisecond))
	m.story.tally.kills.Add(1)
	tenth := int(10 * after / m.usual)
	m.story.tally.tenths[min(tenth, 9)].Add(1)
}

// kill ends the process at a moment that is as likely in any part of a run as
// in another, by how long runs took.
func (m *chaosMachine) kill(c *exec.Cmd) {
	m.somewhere()
	c.Process.Kill()
}

func (m *chaosMachine) somewhere() {
	m.usual = oneOfThem(m.rng, m.took)
	time.Sleep(between(m.rng, 0, m.usual))
}

// pause stops the process somewhere, for longer than its lease in most cases.
func (m *chaosMachine) pause(c *exec.Cmd) {
	m.somewhere()
	if c.Process.Signal(syscall.SIGSTOP) != nil {
		return
	}
	m.story.tally.pauses.Add(1)
	d := between(m.rng, 100*time.Millisecond, 1200*time.Millisecond)
	m.story.said.add("%s: paused for %v", m.name, d.Round(time.Millisecond))
	time.Sleep(d)
	c.Process.Signal(syscall.SIGCONT)
}

// quiet runs the machine undisturbed, which must do everything.
func (m *chaosMachine) quiet() {
	m.wantDone("run", "--lock-lease", "500ms")
}

func (m *chaosMachine) wantDone(args ...string) {
	if code, said := m.run(args, nil, nil); code != exitDone {
		m.story.t.Errorf("%s: %q, undisturbed, ends with %d: %s", m.name, args, code, said)
	}
}
