package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

var benchSizes = []int{1000, 20000, 100000}

// benchTable has n checkpoints at seconds, hours and midnights of three years.
func benchTable(n int) layout.Table { return randomTable(rand.New(rand.NewPCG(7, 8)), "r", n) }

func BenchmarkResolve(b *testing.B) {
	r := redirects.New([]layout.Table{benchTable(100000)})
	for b.Loop() {
		r.Resolve("/r/20240615T123456Z/dists/bookworm/InRelease", "20260101T000000Z")
	}
}

func BenchmarkPrefixes(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := benchTable(n)
			rules := 0
			b.ReportAllocs()
			for b.Loop() {
				rules = len(redirects.Prefixes(redirects.Spans(t)))
			}
			b.ReportMetric(float64(rules), "rules")
		})
	}
}

func BenchmarkRender(b *testing.B) {
	for _, target := range redirects.Targets() {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", target, n), func(b *testing.B) {
				t := benchTable(n)
				for b.Loop() {
					if _, err := redirects.Render(target, []layout.Table{t}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(rulesSize(b, target, t), "MB")
			})
		}
	}
}

// A benchmark of an engine is a request over one of eight connections,
// redirected; how large the rules are and how long the engine took to load
// them stand beside it.

func BenchmarkNginx(b *testing.B) {
	benchEngine(b, "nginx", func(tables []layout.Table) enginetest.Engine {
		return startNginxWith(b, tables, "root /nonexistent;")
	})
}

func BenchmarkHAProxy(b *testing.B) {
	origin := aStore(b)
	benchEngine(b, "haproxy", func(tables []layout.Table) enginetest.Engine { return startHAProxy(b, tables, origin.URL) })
}

func BenchmarkApache(b *testing.B) {
	origin := aStore(b)
	benchEngine(b, "apache", func(tables []layout.Table) enginetest.Engine {
		return startApache(b, tables, apacheBucket(b, origin.URL), "UTC")
	})
}

func BenchmarkCaddy(b *testing.B) {
	origin := enginetest.Place{Bucket: aStore(b).URL + "/bucket"}
	benchEngine(b, "caddy", func(tables []layout.Table) enginetest.Engine { return startCaddy(b, tables, origin) })
}

func benchEngine(b *testing.B, target string, start func([]layout.Table) enginetest.Engine) {
	const requests = 20000
	for _, n := range benchSizes {
		t := benchTable(n)
		e := start([]layout.Table{t})
		size := rulesSize(b, target, t)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(15, 16))
			targets := make([]string, requests)
			for i := range targets {
				targets[i] = "/r/" + string(momentNear(rng, t)) + "/dists/x"
			}
			for b.Loop() {
				e.Ask(b, targets, func(enginetest.Answer) {})
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(requests*b.N), "µs/request")
			b.ReportMetric(e.Loading.Seconds(), "s-to-load")
			b.ReportMetric(size, "MB")
		})
	}
}

// rulesSize is the size of all rules in megabytes.
func rulesSize(b *testing.B, target string, t layout.Table) float64 {
	artifacts, err := redirects.Render(target, []layout.Table{t})
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	for _, a := range artifacts {
		size += len(a.Body)
	}
	return float64(size) / 1e6
}

// BenchmarkFunction is a request for a moment, redirected by the CloudFront
// Function in njs, by the clock of the script: with the tables in the code
// where they fit, else with a KeyValueStore whose reads cost nothing.
func BenchmarkFunction(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := benchTable(n)
			artifacts, err := redirects.Render("cloudfront", []layout.Table{t})
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(29, 30))
			targets := make([]string, 20000)
			for i := range targets {
				targets[i] = "/r/" + string(momentNear(rng, t)) + "/dists/x"
			}
			store := ""
			if len(artifacts) > 1 {
				store = string(artifacts[1].Body)
			}
			script := functionScript(b, string(artifacts[0].Body), store, targets, "")
			took := 0.0
			for b.Loop() {
				took, err = strconv.ParseFloat(strings.TrimSpace(string(runJS(b, "njs", script, "time"))), 64)
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(took, "µs/request") // milliseconds for a thousand
			b.ReportMetric(float64(len(artifacts[0].Body)), "B-of-code")
		})
	}
}
