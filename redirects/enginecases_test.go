package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// An edge is one that is the same whatever it stands in front of.
type edge struct {
	target string
	start  func(t testing.TB, rules string, p enginetest.Place) enginetest.Engine
	clock  bool
	// leaves is what a lone question mark leaves in what the store is asked for.
	leaves string
}

var edges = []edge{
	{"apache", enginetest.Apache, true, ""},
	{"caddy", enginetest.Caddy, true, "?"},
	{"haproxy", enginetest.HAProxy, true, ""},
	{"nginx", enginetest.Nginx, false, ""},
}

// forEdges runs a test on every engine, in front of a store, with the rules
// for tables.
func forEdges(t *testing.T, tables []layout.Table, test func(t *testing.T, e enginetest.Engine, agree agreement)) {
	t.Helper()
	origin := aStore(t)
	for _, edge := range edges {
		t.Run(edge.target, func(t *testing.T) {
			t.Parallel()
			agree := agreement{oracle: redirects.New(tables), clock: edge.clock, leaves: edge.leaves}
			test(t, edge.start(t, rendered(t, edge.target, tables), enginetest.Place{Bucket: origin.URL + "/bucket"}), agree)
		})
	}
}

func TestEnginesInFrontOfABucket(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	many := manyTables()
	rng := rand.New(rand.NewPCG(21, 22))
	large := []layout.Table{randomTable(rng, "large", 20000), randomTable(rng, "small", 3)}
	var sixty []layout.Table
	for i := range 60 {
		sixty = append(sixty, randomTable(rng, fmt.Sprintf("r%d%s", i, strings.Repeat("/x", i%3)), 100))
	}
	for _, c := range []struct {
		name    string
		tables  []layout.Table
		targets []string
	}{
		{"vectors", v.Tables, append(vectorPaths(v), randomTargets(rng, v.Tables[:2], 500)...)},
		{"random", many, randomTargets(rng, many, 20000)},
		{"twenty thousand checkpoints", large, randomTargets(rng, large, 3000)},
		{"sixty repositories", sixty, randomTargets(rng, sixty, 3000)},
		{"the second before and after now", many, momentsAround(time.Now(), "/many")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			forEdges(t, c.tables, func(t *testing.T, e enginetest.Engine, agree agreement) {
				e.Ask(t, c.targets, func(a enginetest.Answer) {
					if serves := agree.check(t, a); serves != "" {
						agree.checkStored(t, c.tables, serves, a)
					}
				})
			})
		})
	}
}

func TestEnginesMakeMissingOfWhatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	forEdges(t, manyTables(), func(t *testing.T, e enginetest.Engine, _ agreement) {
		e.Ask(t, []string{"/many/frozenx", "/many/nokey"}, func(a enginetest.Answer) {
			if a.Status != 404 || a.Header.Get("Cache-Control") != "no-cache" {
				t.Errorf("%s: status %d, %v, want 404", a.Target, a.Status, a.Header)
			}
		})
	})
}

func TestEnginesKnowTheCalendar(t *testing.T) {
	t.Parallel()
	forEdges(t, []layout.Table{table("r", "00010101T000000Z")}, func(t *testing.T, e enginetest.Engine, agree agreement) {
		e.Ask(t, calendarTargets(), func(a enginetest.Answer) { agree.check(t, a) })
	})
}

func TestEnginesTakeRulesWithoutTables(t *testing.T) {
	t.Parallel()
	forEdges(t, nil, func(t *testing.T, e enginetest.Engine, _ agreement) {
		e.Ask(t, []string{"/", "/debian/latest/x"}, func(a enginetest.Answer) {
			if a.Status != 200 {
				t.Errorf("%s: status %d, want 200", a.Target, a.Status)
			}
		})
	})
}

// An agreement is with Resolve, by the engine's clock if it has one.
type agreement struct {
	oracle *redirects.Resolver
	clock  bool
	leaves string // see edge
}

// check holds an answer that an engine makes itself against Resolve's, and
// returns what Resolve says where the store answers. A clock may have gone on
// between the question and now.
func (g agreement) check(t testing.TB, a enginetest.Answer) (serves string) {
	t.Helper()
	got := redirects.Answer{Status: a.Status, Location: strings.Join(a.Header.Values("Location"), " | "), CacheControl: strings.Join(a.Header.Values("Cache-Control"), " | ")}
	var want redirects.Answer
	for _, ago := range []time.Duration{0, time.Second, 3 * time.Second} {
		now := layout.Stamp("")
		if g.clock {
			now = layout.StampOf(time.Now().Add(-ago))
		}
		if want = g.oracle.Resolve(a.Target, now); want.Status == 200 || want == got {
			return want.Serves
		}
	}
	t.Errorf("%s: the engine says %+v, want %+v", a.Target, got, want)
	return ""
}

// aStore answers every request, naming the one it got.
func aStore(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Asked", r.RequestURI)
		switch {
		case strings.HasSuffix(r.RequestURI, "/frozenx"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.RequestURI, "/nokey"):
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// checkStored: the store was asked for the key of serves, and its answer came
// through.
func (g agreement) checkStored(t *testing.T, tables []layout.Table, serves string, a enginetest.Answer) {
	t.Helper()
	if strings.HasSuffix(serves, "/frozenx") {
		if a.Status != 404 {
			t.Errorf("%s: status %d, want 404", a.Target, a.Status)
		}
		return
	}
	want := "/bucket" + keyOf(serves, tables)
	if strings.HasSuffix(a.Target, "?") {
		want += g.leaves
	}
	if got := a.Header.Get("Asked"); got != want || a.Status != 200 {
		t.Errorf("%s: the store was asked for %q (status %d), want %q", a.Target, got, a.Status, want)
	}
	if got := a.Header.Values("Cache-Control"); len(got) != 1 || got[0] != "public, max-age=60" {
		t.Errorf("%s: Cache-Control %q is not the store's", a.Target, got)
	}
}

func momentsAround(now time.Time, base string) (targets []string) {
	for _, d := range []time.Duration{-time.Hour, -time.Minute, -time.Second, 0, 20 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		m := string(layout.StampOf(now.Add(d)))
		targets = append(targets, base+"/"+m+"/x", base+"/"+m, base+"/"+m[:8]+"/x?y")
	}
	return targets
}

// calendarTargets are days and times of the calendar and beside it.
func calendarTargets() (targets []string) {
	for _, year := range []string{"0000", "0001", "0004", "0100", "0400", "1900", "2000", "2023", "2024", "2100", "9999"} {
		for month := range 14 {
			for day := range 33 {
				targets = append(targets, fmt.Sprintf("/r/%s%02d%02d/", year, month, day))
			}
		}
	}
	for hour := range 26 {
		for _, rest := range []string{"0000", "5959", "5960", "6000", "0960", "9900"} {
			targets = append(targets, fmt.Sprintf("/r/20240229T%02d%sZ/", hour, rest))
		}
	}
	return targets
}
