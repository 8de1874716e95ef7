package index_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"

	"datestone/index"
)

// BenchmarkMillion takes in a state of 1,000,000 files, then one that differs
// in 1 %, spread at random. Beside the times it reports how much the file
// grew, and the peak memory of the process.
func BenchmarkMillion(b *testing.B) {
	const n = 1_000_000
	for range b.N {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "index.db")
		db, err := index.Open(path, index.Config{Bucket: bucketID})
		if err != nil {
			b.Fatal(err)
		}
		start := b.Elapsed()
		b.StartTimer()
		first := putState(b, db, series(n, nil))
		states := b.Elapsed()
		stateSize := fileSize(b, path)
		repo := index.Repo{Table: table("debian", day1), Newest: first, State: first}
		if err := db.SetRepo("debian", repo); err != nil {
			b.Fatal(err)
		}
		whole := b.Elapsed()
		size := fileSize(b, path)
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		if db, err = index.Open(path, index.Config{Bucket: bucketID}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		debug.FreeOSMemory()
		reset := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
		changed := spread(n, 100, 7)
		b.StartTimer()
		before := b.Elapsed()
		second := putState(b, db, series(n, changed))
		stateOnly := b.Elapsed()
		middle := fileSize(b, path)
		repo = index.Repo{Table: table("debian", day1, day2), Newest: second, State: second}
		if err := db.SetRepo("debian", repo); err != nil {
			b.Fatal(err)
		}
		after := b.Elapsed()
		changes := 0
		for _, err := range db.Diff(first, second) {
			if err != nil {
				b.Fatal(err)
			}
			changes++
		}
		diffed := b.Elapsed()
		b.ReportMetric((states - start).Seconds(), "s/first-state")
		b.ReportMetric((whole - states).Seconds(), "s/first-places")
		b.ReportMetric((stateOnly - before).Seconds(), "s/state-of-1%")
		b.ReportMetric((after - before).Seconds(), "s/all-of-1%")
		b.ReportMetric((diffed - after).Seconds(), "s/diff")
		b.ReportMetric(float64(stateSize)/1e6, "MB/file-state")
		b.ReportMetric(float64(size)/1e6, "MB/file")
		b.ReportMetric(float64(middle-size)/1e6, "MB/growth-state")
		b.ReportMetric(float64(fileSize(b, path)-size)/1e6, "MB/growth")
		b.ReportMetric(float64(changes), "changes")
		if reset {
			b.ReportMetric(peakMB(b), "MB/peak-rss")
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
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
