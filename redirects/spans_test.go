package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// randomTable has n checkpoints within three years, some gone spans between
// them, final_from and final_until anywhere, and channels.
func randomTable(rng *rand.Rand, base string, n int) layout.Table {
	t := table(base)
	seconds := map[int]bool{}
	for len(seconds) < n {
		s := rng.IntN(3 * 365 * 86400)
		switch rng.IntN(4) {
		case 0:
			s -= s % 86400
		case 1:
			s -= s % 3600
		}
		seconds[s] = true
	}
	start := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	for s := range seconds {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: layout.StampOf(start.Add(time.Duration(s) * time.Second))})
	}
	slices.SortFunc(t.Checkpoints, func(a, b layout.Checkpoint) int { return a.ID.Time().Compare(b.ID.Time()) })
	for i := 3; i+1 < n; i += 7 { // pruned: what stood here until the next
		t.Gone = append(t.Gone, layout.Span{From: t.Checkpoints[i].ID, Until: previous(t.Checkpoints[i+1].ID)})
	}
	for i := range t.Gone {
		at, _ := t.Find(t.Gone[i].From)
		t.Checkpoints = slices.Delete(t.Checkpoints, at, at+1)
	}
	if n > 1 && rng.IntN(2) == 0 {
		t.FinalFrom = momentNear(rng, t)
	}
	t.FinalUntil = layout.StampOf(t.Newest().Time().Add(time.Duration(rng.IntN(1e7)) * time.Second))
	t.Channels = map[string]layout.Stamp{"prod": t.Checkpoints[rng.IntN(len(t.Checkpoints))].ID, "frozen": ""}
	return t
}

// momentNear returns a boundary of t, give or take a second, or any moment.
func momentNear(rng *rand.Rand, t layout.Table) layout.Stamp {
	near := []layout.Stamp{t.Checkpoints[rng.IntN(len(t.Checkpoints))].ID, t.FinalUntil, t.FinalFrom}
	if len(t.Gone) > 0 {
		g := t.Gone[rng.IntN(len(t.Gone))]
		near = append(near, g.From, g.Until)
	}
	m := near[0]
	if rng.IntN(3) == 0 {
		m = near[rng.IntN(len(near))]
	}
	if m == "" || rng.IntN(4) == 0 {
		year := 2022 + rng.IntN(6)
		if rng.IntN(8) == 0 {
			year = 1 + rng.IntN(9998)
		}
		return layout.StampOf(time.Date(year, 1, 1, 0, 0, rng.IntN(365*86400), 0, time.UTC))
	}
	return layout.StampOf(m.Time().Add(time.Duration(rng.IntN(3)-1) * time.Second))
}

func TestSpansAndPrefixesSayWhatResolveSays(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 2, 3, 50, 1000} {
		tab := randomTable(rng, "r", n)
		for _, pruned := range []string{layout.Pruned404, layout.PrunedNearest} {
			tab.Pruned = pruned
			checkSpans(t, rng, tab)
		}
	}
	checkSpans(t, rng, randomTable(rng, "r", 20000))
	kept := table("r", "20250101T000000Z", "20250301T120000Z") // within what is gone
	kept.Gone = []layout.Span{{From: "20250201T000000Z", Until: "20250301T130000Z"}}
	checkSpans(t, rng, kept)
}

func checkSpans(t *testing.T, rng *rand.Rand, tab layout.Table) {
	t.Helper()
	spans := redirects.Spans(tab)
	checkGapless(t, spans)
	rules := map[string]redirects.Prefix{}
	for _, p := range redirects.Prefixes(spans) {
		rules[p.Digits] = p
	}
	oracle := redirects.New([]layout.Table{tab})
	for range 5000 {
		m := momentNear(rng, tab)
		want := line(oracle.Resolve("/r/"+string(m)+"/x", ""))
		i, _ := slices.BinarySearchFunc(spans, m, func(s redirects.Span, m layout.Stamp) int {
			return s.Until.Time().Compare(m.Time())
		})
		if got := spanLine(m, spans[i].To, spans[i].Final); got != want {
			t.Fatalf("%d checkpoints: spans say of %s %s, want %s", len(tab.Checkpoints), m, got, want)
		}
		var p redirects.Prefix
		for digits, l := string(m[:8]+m[9:15]), 14; l >= 0; l-- {
			if r, ok := rules[digits[:l]]; ok {
				p = r
				break
			}
		}
		if got := spanLine(m, p.To, p.Final); got != want {
			t.Fatalf("%d checkpoints: prefix %q says of %s %s, want %s", len(tab.Checkpoints), p.Digits, m, got, want)
		}
	}
}

func checkGapless(t *testing.T, spans []redirects.Span) {
	t.Helper()
	from := layout.Stamp("00010101T000000Z")
	for i, s := range spans {
		if s.From != from || s.Until < s.From {
			t.Fatalf("span %d is %+v, want one from %s", i, s, from)
		}
		if i > 0 && s.To == spans[i-1].To && s.Final == spans[i-1].Final {
			t.Fatalf("spans %d and %d are one: %+v", i-1, i, s)
		}
		from = s.Until.Next()
	}
	if last := spans[len(spans)-1].Until; last != "99991231T235959Z" {
		t.Fatalf("the last span ends at %s", last)
	}
}

func spanLine(m, to layout.Stamp, final bool) string {
	switch {
	case to == "":
		return "404 no-cache"
	case to == m:
		return fmt.Sprintf("200 /r/%s/x", m)
	case final:
		return fmt.Sprintf("301 /r/%s/x public, max-age=86400", to)
	}
	return fmt.Sprintf("302 /r/%s/x no-cache", to)
}

func ExampleSpans() {
	deb := table("debian", "20250318T140338Z", "20250318T140442Z")
	deb.FinalUntil = "20250318T150000Z"
	for _, s := range redirects.Spans(deb) {
		fmt.Println(s.From, s.Until, s.To, s.Final)
	}
	// Output:
	// 00010101T000000Z 20250318T140337Z  false
	// 20250318T140338Z 20250318T140441Z 20250318T140338Z true
	// 20250318T140442Z 20250318T150000Z 20250318T140442Z true
	// 20250318T150001Z 99991231T235959Z 20250318T140442Z false
}

func ExamplePrefixes() {
	t := table("r", "20250101T000000Z", "20250701T000000Z")
	for _, p := range redirects.Prefixes(redirects.Spans(t)) {
		fmt.Printf("%q %q\n", p.Digits, p.To)
	}
	// Output:
	// "" "20250701T000000Z"
	// "0" ""
	// "1" ""
	// "200" ""
	// "201" ""
	// "2020" ""
	// "2021" ""
	// "2022" ""
	// "2023" ""
	// "2024" ""
	// "20250" "20250101T000000Z"
	// "202507" "20250701T000000Z"
	// "202508" "20250701T000000Z"
	// "202509" "20250701T000000Z"
}

func previous(m layout.Stamp) layout.Stamp { return layout.StampOf(m.Time().Add(-time.Second)) }
