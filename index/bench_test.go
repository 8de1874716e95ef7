package index_test

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"datestone/index"
	"datestone/layout"
)

// BenchmarkMillion takes in a state of 1,000,000 files, then two that differ
// in 1 % each, spread at random, each with SetRepo as a run would. Beside the times
// it reports how much the file grew, and the most memory that the process had
// while it took in the second state, pages of the mapped file included.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	changed := spread(n, 100, 7)
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "index.db")
		first := takeIn(b, path, series(n, nil), "first", day1)
		size := fileSize(b, path)
		debug.FreeOSMemory()
		reset := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
		second := takeIn(b, path, series(n, changed), "1%", day1, day2)
		if reset {
			b.ReportMetric(peakMB(b), "MB/peak-of-1%")
		}
		grown := fileSize(b, path) - size
		b.ReportMetric(float64(size)/1e6, "MB/file")
		b.ReportMetric(float64(grown)/1e6, "MB/growth-of-1%")
		b.ReportMetric(float64(grown)/float64(size), "growth/file")
		before := fileSize(b, path)
		again := spread(n, 100, 8)
		takeIn(b, path, series(n, func(i int) bool { return changed(i) || again(i) }), "next-1%", day1, day2, day3)
		b.ReportMetric(float64(fileSize(b, path)-before)/1e6, "MB/growth-of-next-1%")
		measureDiff(b, path, first, second)
	}
}

// takeIn opens an index, takes in a state and closes it.
func takeIn(b *testing.B, path string, files iter.Seq2[layout.File, error], name string, ids ...layout.Stamp) index.Root {
	b.Helper()
	start := time.Now()
	db, err := index.Open(path, config)
	if err != nil {
		b.Fatal(err)
	}
	opened := time.Now()
	root := putState(b, db, files)
	put := time.Now()
	if err := db.SetRepo("debian", index.Repo{Table: table("debian", ids...), Newest: root, State: root}); err != nil {
		b.Fatal(err)
	}
	set := time.Now()
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(opened.Sub(start).Seconds(), "s/Open-"+name)
	b.ReportMetric(put.Sub(opened).Seconds(), "s/PutState-"+name)
	b.ReportMetric(set.Sub(put).Seconds(), "s/SetRepo-"+name)
	return root
}

func measureDiff(b *testing.B, path string, first, second index.Root) {
	b.Helper()
	db, err := index.Open(path, config)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	start, changes := time.Now(), 0
	for _, err := range db.Diff(first, second) {
		if err != nil {
			b.Fatal(err)
		}
		changes++
	}
	b.ReportMetric(time.Since(start).Seconds(), "s/Diff")
	b.ReportMetric(float64(changes), "changes")
	b.ReportMetric(float64(db.NodeReads())/float64(changes), "nodes/change")
}

// BenchmarkLongTable adds a checkpoint to a table of 100,000, and reads it.
func BenchmarkLongTable(b *testing.B) {
	var ids []layout.Stamp
	for i := range 100_000 {
		ids = append(ids, layout.StampOf(day1.Time().Add(time.Duration(i)*time.Minute)))
	}
	db := fresh(b)
	t := table("r", ids...)
	if err := db.SetRepo("r", index.Repo{Table: t}); err != nil {
		b.Fatal(err)
	}
	b.Run("SetRepo", func(b *testing.B) {
		for b.Loop() {
			c := t.Checkpoints[len(t.Checkpoints)-1]
			c.ID = c.ID.Next()
			t.Checkpoints = append(t.Checkpoints, c)
			if err := db.SetRepo("r", index.Repo{Table: t}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Repo", func(b *testing.B) {
		for b.Loop() {
			if _, err := db.Repo("r"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// peakMB is the most memory that the process had since it was last reset,
// pages of the mapped file included.
func peakMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) > 1 && string(fields[0]) == "VmHWM:" {
			kB, err := strconv.Atoi(string(fields[1]))
			if err != nil {
				b.Fatal(err)
			}
			return float64(kB) / 1000
		}
	}
	return 0
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
