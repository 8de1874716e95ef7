package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// TestBackfill_costsTheSameForEveryState counts the calls of the store: a state
// costs what it has, however many checkpoints there are.
func TestBackfill_costsTheSameForEveryState(t *testing.T) {
	t.Parallel()
	calls := map[int]int{}
	for _, n := range []int{20, 60, 100} {
		w, remote := newWorld(t), newFaultRemote(t, "mirror")
		dir := t.TempDir()
		for i := range n {
			files := content{}
			for f := range 5 {
				files[fmt.Sprint(f)] = fmt.Sprintf("%d of %d", f, (i-f+5)/5)
			}
			id := layout.StampOf(time.Date(2025, 1, 1, i, 0, 0, 0, time.UTC))
			pastState{id: id, files: files}.write(t, filepath.Join(dir, string(id)))
		}
		remote.show(t, w.dir, faultStory()[0])
		var said strings.Builder
		e := &env{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Now: time.Now, LookupEnv: os.LookupEnv,
			WrapStore: func(publish.Store) publish.Store { return w.store }}
		// A lock that is never renewed, as that depends on how long it takes.
		args := []string{"datestone", "--quiet", "--config", filepath.Join(w.dir, "datestone.yaml"), "backfill", "--lock-lease", "1h",
			"--from", "dir:" + filepath.ToSlash(dir) + "/{ID}", "myfile"}
		if code := run(t.Context(), args, e); code != 0 {
			t.Fatalf("exit code %d: %s", code, said.String())
		}
		calls[n] = w.store.Calls()
	}
	early, late := float64(calls[60]-calls[20])/40, float64(calls[100]-calls[60])/40
	// 5 files, the manifest and a page; the claim and its list, which are
	// written and removed; and the record, with what is asked for it.
	if early > 20 || late > early*1.1 || late < early*0.9 {
		t.Errorf("a state costs %.1f calls after 20 checkpoints, %.1f after 60", early, late)
	}
}

// TestBackfill_openBefore keeps spans provisional while a backfill is planned:
// nothing that it changes had been answered with 301.
func TestBackfill_openBefore(t *testing.T) {
	t.Parallel()
	l := newLivePast(t, 12)
	text, err := os.ReadFile(l.config())
	must(t, err)
	text = bytes.Replace(text, []byte("    channels:"), []byte("    open_before: \"20250110\"\n    channels:"), 1)
	must(t, os.WriteFile(l.config(), text, 0o644))
	l.want(exitDone, "20250111T000000Z", "--quiet", "run")
	before := l.table()
	_, spans := saidLines(t, l.want(exitDone, pastNow, "--quiet", "backfill", "--json", "--until", "20250110", "--from", l.from, "myfile"))
	for _, s := range spans {
		if s.Was301 {
			t.Errorf("%+v had been answered with 301", s)
		}
	}
	l.spansAreRight(before, l.table(), spans)
}

// TestBackfill_pruned lets nothing in where something was pruned.
func TestBackfill_pruned(t *testing.T) {
	t.Parallel()
	l := newLivePast(t, 12)
	c := choice{all: map[layout.Stamp]bool{}}
	table := l.table()
	table.Gone = []layout.Span{{From: "20250106T000000Z", Until: "20250107T235959Z"}}
	source, err := (&pastOpener{env: &env{}, ctx: t.Context()}).source(l.from)
	must(t, err)
	for s, err := range source.states {
		must(t, err)
		c.states = append(c.states, s)
	}
	refused := 0
	for _, p := range c.plan(table, table.Newest(), pastNow) {
		gone := p.ID == "20250106T000000Z" || p.ID == "20250107T000000Z"
		if gone != strings.Contains(p.why, "pruned") {
			t.Errorf("%s: %q", p.ID, p.why)
		}
		if gone {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d states are refused, want 2", refused)
	}
}
