package pulpmanifest_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"datestone/layout"
	"datestone/sync/pulpmanifest"
)

// BenchmarkFiles reads a manifest of 1,000,000 lines in reverse order, and
// reports what the files take in memory and what was allocated on the way.
func BenchmarkFiles(b *testing.B) {
	const n = 1_000_000
	var manifest bytes.Buffer
	for i := range n {
		fmt.Fprintf(&manifest, "pool/main/l/libexample%07d/libexample_1.2.3-%d_amd64.deb,%s,%d\n",
			n-i, i, layout.DigestOf([]byte{byte(i)}), i)
	}
	var files []layout.File
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.SetBytes(int64(manifest.Len()))
	for b.Loop() {
		var err error
		if files, err = pulpmanifest.Files(manifest.Bytes(), "PULP_MANIFEST"); err != nil || len(files) != n {
			b.Fatal(len(files), err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "heap-MB")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "allocated-MB/op")
	runtime.KeepAlive(files)
	runtime.KeepAlive(manifest.Bytes())
}
