package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// BenchmarkRun_file is BenchmarkRun into a directory. Beside the first
// checkpoint, workers fetch the same files and write them; beside the next,
// cp -al makes a tree of links, in which what changed, and the pages, are
// replaced. Both ways end with what they wrote on disk, as a run does: sync -f.
func BenchmarkRun_file(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("cp -al and sync -f are GNU's")
	}
	remote := newBenchRemote(b)
	var first, next benchPair
	var links []time.Duration
	for round := 0; b.Loop(); round++ {
		bucket, bare := b.TempDir(), bareTree{b.TempDir(), remote, newBareLoop(nil, remote)}
		site := newBenchSite(b, "file:"+bucket, remote)
		run := func() { site.run(b, "published") }
		remote.shown.Store(0)
		first.measure(round, run, func() { bare.first(b) })
		remote.shown.Store(1)
		next.measure(round, run, func() { bare.next(b) })
		links = append(links, timed(func() { bare.link(b, "again") }))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(links).Seconds(), "cp-al-s")
	cells := [][]string{first.report(b, "first"), next.report(b, "next")}
	t := &benchTable{}
	t.add("file:", "first checkpoint", "next, 1 % changed")
	t.add("run", cells[0][0], cells[1][0])
	t.add("fetch and write; cp -al, fetch and write what changed", cells[0][1], cells[1][1])
	t.add("run/that, median (least to most)", cells[0][2], cells[1][2])
	t.add("cp -al alone, not synced", "", seconds(median(links)))
	t.print(os.Stderr)
}

// A bareTree is a directory with checkpoints that were made without us.
type bareTree struct {
	dir    string
	remote *benchRemote
	loop   bareLoop
}

func (t bareTree) first(b *testing.B) {
	b.Helper()
	s := &t.remote.states[0]
	for _, f := range s.files {
		must(b, os.MkdirAll(filepath.Dir(t.name("first", f)), 0o777))
	}
	t.fetch(b, "first", func(benchFile) bool { return true })
	t.finish(b, "first", s)
}

func (t bareTree) next(b *testing.B) {
	b.Helper()
	t.link(b, "next")
	s := &t.remote.states[1]
	t.fetch(b, "next", func(f benchFile) bool { return f.version == 1 })
	t.finish(b, "next", s)
}

func (t bareTree) link(b *testing.B, to string) {
	b.Helper()
	command(b, "cp", "-al", filepath.Join(t.dir, "first"), filepath.Join(t.dir, to))
}

func (t bareTree) name(checkpoint string, f benchFile) string {
	return filepath.Join(t.dir, checkpoint, filepath.FromSlash(f.Path))
}

// fetch writes files of the state that the remote has.
func (t bareTree) fetch(b *testing.B, checkpoint string, wanted func(benchFile) bool) {
	b.Helper()
	g, ctx := errgroup.WithContext(b.Context())
	g.SetLimit(benchWorkers)
	for _, f := range t.remote.states[t.remote.shown.Load()].files {
		if wanted(f) {
			g.Go(func() error { return t.write(ctx, f, t.name(checkpoint, f)) })
		}
	}
	must(b, g.Wait())
}

// write replaces a file, whose old bytes may have another link.
func (t bareTree) write(ctx context.Context, f benchFile, name string) error {
	body, err := t.loop.open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer body.Close()
	tmp, err := os.Create(name + ".tmp")
	if err != nil {
		return err
	}
	defer tmp.Close()
	if _, err := io.Copy(tmp, body); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

func (t bareTree) finish(b *testing.B, checkpoint string, s *benchState) {
	b.Helper()
	dir := filepath.Join(t.dir, checkpoint)
	s.writeRest(b, dir)
	command(b, "sync", "-f", dir)
}

func command(b *testing.B, name string, args ...string) {
	b.Helper()
	if out, err := exec.CommandContext(b.Context(), name, args...).CombinedOutput(); err != nil {
		b.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}
