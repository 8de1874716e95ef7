//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish/storetest/servers"
)

// The history that is filled in: 1,000 files of 4 KiB, of which five are new at
// every state, an hour after the last.
const (
	pastFiles   = 1000
	pastChanged = 5
	pastSize    = 4 << 10
	// benchStatesVar is how many states; 1,000 unless it is set. Into MinIO a
	// tenth of them go.
	benchStatesVar = "DATESTONE_BENCH_STATES"
	// pastBaseline is how many states the other tools get: each costs them the
	// same.
	pastBaseline = 100
)

// A benchPast serves a history of that many states over HTTP, from memory.
type benchPast struct {
	*httptest.Server
	n    int
	sums sync.Map // by pastFile
}

// A pastFile is a file and how often it had changed.
type pastFile struct{ file, version int }

// of returns the file as it was at a state.
func pastFileAt(state, file int) pastFile {
	// State s changes the files pastChanged*s to pastChanged*s+4, in a circle.
	begin := state*pastChanged + pastChanged - 1 - file
	if begin < 0 {
		return pastFile{file, 0}
	}
	return pastFile{file, begin/pastFiles + 1}
}

func (f pastFile) path() string { return fmt.Sprintf("pool/%02d/%04d.deb", f.file%20, f.file) }

func (f pastFile) body() []byte {
	return append(fmt.Appendf(nil, "%d %d ", f.file, f.version), benchNoise[:pastSize]...)
}

func (p *benchPast) sum(f pastFile) layout.Digest {
	if sum, ok := p.sums.Load(f); ok {
		return sum.(layout.Digest)
	}
	sum := layout.DigestOf(f.body())
	p.sums.Store(f, sum)
	return sum
}

func pastID(state int) layout.Stamp {
	return layout.StampOf(time.Date(2000, 1, 1, state, 0, 0, 0, time.UTC))
}

func (p *benchPast) manifest(state int) []byte {
	var b bytes.Buffer
	for i := range pastFiles {
		f := pastFileAt(state, i)
		fmt.Fprintf(&b, "%s,%s,%d\n", f.path(), p.sum(f), len(f.body()))
	}
	return b.Bytes()
}

func newBenchPast(b *testing.B) *benchPast {
	p := &benchPast{n: 1000}
	if text := os.Getenv(benchStatesVar); text != "" {
		var err error
		p.n, err = strconv.Atoi(text)
		must(b, err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	b.Cleanup(p.Close)
	return p
}

func (p *benchPast) serve(w http.ResponseWriter, r *http.Request) {
	id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	stamp, err := layout.ParseStamp(id)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	state := int(stamp.Time().Sub(pastID(0).Time()) / time.Hour)
	body := p.manifest(state)
	if path != "PULP_MANIFEST" {
		file, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".deb"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		body = pastFileAt(state, file).body()
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}

// BenchmarkBackfill fills an empty site with a history: by one backfill in a
// process of its own, into a directory and into MinIO. Beside it the same
// states from a local directory by a loop of cp -al and rsync, and by one of
// rclone copy --copy-dest. It is measured once, whatever the benchtime.
func BenchmarkBackfill(b *testing.B) {
	p := newBenchPast(b)
	t := &benchTable{}
	t.add("backfill, a state of 1,000 files, 5 of them new", "states", "a state", "the last tenth", "memory")
	b.Run("directory", func(b *testing.B) {
		if b.N > 1 {
			return // it was measured
		}
		p.ours(b, t, "file:./site", p.n)
		p.loop(b, t, "cp -al, rsync", func(src, dst string, i int) [][]string {
			steps := [][]string{{"rsync", "-a", "--checksum", "--delete", src + "/", filepath.Join(dst, fmt.Sprint(i)) + "/"}}
			if i > 0 {
				steps = append([][]string{{"cp", "-al", filepath.Join(dst, fmt.Sprint(i-1)), filepath.Join(dst, fmt.Sprint(i))}}, steps...)
			}
			return steps
		})
	})
	b.Run("minio", func(b *testing.B) {
		if b.N > 1 {
			return
		}
		server := servers.MinIO(b)
		p.ours(b, t, "minio://"+server.Host()+"/"+server.Bucket(b), p.n/10)
		to := rcloneBucket(server, server.Bucket(b))
		p.loop(b, t, "rclone copy --copy-dest", func(src, _ string, i int) [][]string {
			words := append(append([]string{"rclone"}, rcloneFlags()...), src, fmt.Sprintf("%s%d", to, i))
			if i > 0 {
				words = append(words, "--copy-dest", fmt.Sprintf("%s%d", to, i-1))
			}
			return [][]string{words}
		})
	})
	t.print(os.Stderr)
}

// ours is one backfill. What its progress says tells how long each state took.
func (p *benchPast) ours(b *testing.B, t *benchTable, bucket string, n int) {
	s := newPastSiteIn(b, bucket, b.TempDir(), pastType{"file", fmt.Sprintf("{type: file, url: %q}", p.URL+"/now/PULP_MANIFEST"), nil})
	var ids bytes.Buffer
	for i := range n {
		fmt.Fprintln(&ids, pastID(i))
	}
	times := filepath.Join(s.dir, "times")
	must(b, os.WriteFile(times, ids.Bytes(), 0o644))
	c := exec.Command("datestone", "--config", s.config(), "backfill", "--rate", "0", "--from", "url:"+p.URL+"/{ID}/#"+times, "myfile")
	lines := &lineTimes{}
	c.Stderr = lines
	began := time.Now()
	if err := c.Run(); err != nil {
		b.Fatalf("%v: %s", err, lines.last)
	}
	took := time.Since(began)
	most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	if len(lines.at) < n {
		b.Fatalf("%d lines of progress, want %d", len(lines.at), n)
	}
	tenth := max(1, n/10)
	last := lines.at[n-1].Sub(lines.at[n-1-tenth]) / time.Duration(tenth)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took.Milliseconds())/float64(n), "ms/state")
	b.ReportMetric(float64(most)/1024, "MB")
	t.add("backfill into "+bucket[:strings.Index(bucket, ":")], fmt.Sprint(n), perState(took, n), perState(last, 1), fmt.Sprintf("%d MB", most/1024))
}

func perState(d time.Duration, n int) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000/float64(n))
}

// lineTimes notes when lines were written.
type lineTimes struct {
	at   []time.Time
	last []byte
}

func (l *lineTimes) Write(p []byte) (int, error) {
	for range bytes.Count(p, []byte("\n")) {
		l.at = append(l.at, time.Now())
	}
	l.last = bytes.Clone(p)
	return len(p), nil
}

// loop gives another tool one state after the other, in a directory in which
// only what is new is written.
func (p *benchPast) loop(b *testing.B, t *benchTable, name string, steps func(src, dst string, i int) [][]string) {
	for _, words := range steps("", "", 1) {
		if _, err := exec.LookPath(words[0]); err != nil {
			b.Logf("%s: %v", name, err)
			return
		}
	}
	src, dst := b.TempDir(), b.TempDir()
	var took time.Duration
	for i := range pastBaseline {
		for f := range pastFiles {
			if now := pastFileAt(i, f); i == 0 || now != pastFileAt(i-1, f) {
				full := filepath.Join(src, now.path())
				must(b, os.MkdirAll(filepath.Dir(full), 0o755))
				must(b, os.WriteFile(full, now.body(), 0o644))
			}
		}
		must(b, os.WriteFile(filepath.Join(src, "PULP_MANIFEST"), p.manifest(i), 0o644))
		began := time.Now()
		for _, words := range steps(src, dst, i) {
			c := exec.CommandContext(b.Context(), words[0], words[1:]...)
			c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") }) // see rcloneRun
			if out, err := c.CombinedOutput(); err != nil {
				b.Fatalf("%q: %v: %s", words, err, out)
			}
		}
		took += time.Since(began)
	}
	b.ReportMetric(float64(took.Milliseconds())/pastBaseline, "ms/state-beside")
	t.add(name, fmt.Sprint(pastBaseline), perState(took, pastBaseline), "", "")
}
