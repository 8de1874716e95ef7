package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"datestone/layout"
	"datestone/redirects"
)

func benchTable(n int) layout.Table { return randomTable(rand.New(rand.NewPCG(7, 8)), "r", n) }

func BenchmarkResolve(b *testing.B) {
	r := redirects.New([]layout.Table{benchTable(100000)})
	for b.Loop() {
		r.Resolve("/r/20240615T123456Z/dists/bookworm/InRelease", "20260101T000000Z")
	}
}

func BenchmarkPrefixes(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := benchTable(n)
			b.ReportAllocs()
			for b.Loop() {
				b.ReportMetric(float64(len(redirects.Prefixes(redirects.Spans(t)))), "rules")
			}
		})
	}
}
