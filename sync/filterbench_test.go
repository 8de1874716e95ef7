package reposync_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
)

// maxHeap is what reading the largest repositories may take, in bytes.
const maxHeap = 300 << 20

// BenchmarkReadLarge reads metadata of the size of the largest distributions,
// whole and narrowed to one version and to one name, and reports the memory
// that it took from the system at most, beside what the server has.
func BenchmarkReadLarge(b *testing.B) {
	for name, make := range map[string]func(testing.TB) reposync.Remote{
		"deb-64000": largeDeb, "rpm-300000": largeRPM,
	} {
		remote := make(b)
		for filter, narrow := range map[string]func(*reposync.Remote){
			"whole": func(*reposync.Remote) {}, "newest": func(r *reposync.Remote) { r.Newest = 1 }, "newest-of-all": func(r *reposync.Remote) { r.Newest = 100 },
			"name": func(r *reposync.Remote) { r.Packages = []string{"lib*77*"} },
		} {
			b.Run(name+"/"+filter, func(b *testing.B) {
				r := remote
				narrow(&r)
				for b.Loop() {
					peak, files := peakOf(b, r)
					b.ReportMetric(float64(peak)/1e6, "MB-peak")
					b.ReportMetric(float64(files), "files")
					if peak > maxHeap {
						b.Errorf("took %d MB", peak>>20)
					}
				}
			})
		}
	}
}

// peakOf reads a remote and returns by how much the heap grew at most.
func peakOf(b *testing.B, r reposync.Remote) (peak uint64, files int) {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	go func() {
		defer close(done)
		state, err := reposync.New(quick(nil)).Read(b.Context(), r, layout.Remote{})
		if err != nil {
			b.Error(err)
			return
		}
		files = len(state.Files)
	}()
	for {
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, before.HeapAlloc))
		select {
		case <-done:
			return peak, files
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// largeDeb has 64,000 packages, four versions of each.
func largeDeb(t testing.TB) reposync.Remote {
	files := make([]string, 64_000)
	for i := range files {
		files[i] = fmt.Sprintf("lib%05d-some-name_2:1.%d.%d-1+deb12u1_amd64.deb", i/4, i%4, i)
	}
	index := stanzas(files...)
	r := newDebRepo(t)
	r.publish(debSuite{fields: "Components: main\nArchitectures: amd64\n",
		have: map[string]string{"main/binary-amd64/Packages.gz": packed(t, "gz", index)}, listed: map[string]string{"main/binary-amd64/Packages": index}})
	return r.remote()
}

// largeRPM has 300,000 packages, four versions of each.
func largeRPM(t testing.TB) reposync.Remote {
	r := smallRPM()
	r.packages = nil
	r.primary = func(string) string {
		var b strings.Builder
		b.WriteString("<metadata>")
		for i := range 300_000 {
			name, version := fmt.Sprintf("lib%05d-some-name", i/4), fmt.Sprintf("1.%d.%d", i%4, i)
			href := fmt.Sprintf("Packages/l/%s-%s-1.fc43.x86_64.rpm", name, version)
			fmt.Fprintf(&b, `<package type="rpm"><name>%s</name><arch>x86_64</arch><version epoch="0" ver="%s" rel="1.fc43"/><checksum type="sha256">%s</checksum>`+
				`<size package="1"/><location href="%s"/></package>`+"\n", name, version, sum("", href), href)
		}
		return b.String() + "</metadata>"
	}
	return newRPMServer(t, r).remote()
}
