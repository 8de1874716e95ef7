package layout_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// keptOf returns what a policy keeps, a line each: the ID and its reasons.
func keptOf(k layout.Keep, t layout.Table, s layout.Settings, h layout.Holds) []string {
	kept, _ := k.Apply(t, s, h)
	var lines []string
	for _, k := range kept {
		lines = append(lines, string(k.ID)+" "+strings.Join(k.Reasons, ", "))
	}
	return lines
}

// sundry has the checkpoints of some days, of which a few have several.
var sundry = []layout.Stamp{
	"20241215T120000Z", "20241230T120000Z", "20241231T120000Z", // Monday and Tuesday of week 1 of 2025
	"20250105T235959Z", "20250106T000000Z", // Sunday of week 1, Monday of week 2
	"20250301T100000Z", "20250301T103000Z", "20250301T110000Z", "20250302T080000Z",
}

func TestKeep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep layout.Keep
		want []string
	}{
		"no policy keeps everything": {layout.Keep{}, []string{
			"20241215T120000Z no policy", "20241230T120000Z no policy", "20241231T120000Z no policy", "20250105T235959Z no policy",
			"20250106T000000Z no policy", "20250301T100000Z no policy", "20250301T103000Z no policy", "20250301T110000Z no policy",
			"20250302T080000Z newest, no policy"}},
		"the last": {layout.Keep{Last: 2}, []string{"20250301T110000Z last", "20250302T080000Z newest, last"}},
		"the last, more than there are": {layout.Keep{Last: 100}, []string{
			"20241215T120000Z last", "20241230T120000Z last", "20241231T120000Z last", "20250105T235959Z last",
			"20250106T000000Z last", "20250301T100000Z last", "20250301T103000Z last", "20250301T110000Z last",
			"20250302T080000Z newest, last"}},
		"hours that have one, the newest of each": {layout.Keep{Hourly: 3}, []string{
			"20250301T103000Z hourly", "20250301T110000Z hourly", "20250302T080000Z newest, hourly"}},
		"days that have one, not days in a row": {layout.Keep{Daily: 4}, []string{
			"20250105T235959Z daily", "20250106T000000Z daily", "20250301T110000Z daily", "20250302T080000Z newest, daily"}},
		"weeks begin on Monday and belong to the year they say": {layout.Keep{Weekly: 3}, []string{
			"20250105T235959Z weekly", "20250106T000000Z weekly", "20250302T080000Z newest, weekly"}},
		"months, and the oldest while there are fewer than asked for": {layout.Keep{Monthly: 4}, []string{
			"20241215T120000Z oldest monthly", "20241231T120000Z monthly", "20250106T000000Z monthly", "20250302T080000Z newest, monthly"}},
		"months, exactly as many as there are": {layout.Keep{Monthly: 3}, []string{
			"20241231T120000Z monthly", "20250106T000000Z monthly", "20250302T080000Z newest, monthly"}},
		"years without end": {layout.Keep{Yearly: layout.KeepAll}, []string{
			"20241215T120000Z oldest yearly", "20241231T120000Z yearly", "20250302T080000Z newest, yearly"}},
		"within counts from the newest, and its far end is outside": {layout.Keep{Within: layout.Age{Hours: 22}}, []string{
			"20250301T103000Z within 22h", "20250301T110000Z within 22h", "20250302T080000Z newest, within 22h"}},
		"what one of them keeps is kept": {layout.Keep{Last: 1, Yearly: 1, Within: layout.Age{Months: 1, Days: 24}}, []string{
			"20250301T100000Z within 1m24d", "20250301T103000Z within 1m24d", "20250301T110000Z within 1m24d",
			"20250302T080000Z newest, last, yearly, within 1m24d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table := keepTable(sundry...)
			got := keptOf(c.keep, table, layout.Settings{}, layout.Holds{Now: "20250401T000000Z"})
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// keepTable returns a table of checkpoints that were committed at their times.
func keepTable(ids ...layout.Stamp) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: "r", BasePath: "r", PublicPath: "/"})
	for _, id := range ids {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id, Committed: id})
	}
	return t
}

func TestHolds(t *testing.T) {
	t.Parallel()
	day := func(n int) layout.Stamp { return layout.Stamp(fmt.Sprintf("202503%02dT000000Z", n)) }
	table := keepTable(day(1), day(2), day(3), day(4), day(5), day(6), day(7), day(8), day(9))
	table.Checkpoints[1].Committed = day(8) // filled in later
	table.Checkpoints[2].Committed = ""     // of a table that does not say
	table.Channels = map[string]layout.Stamp{"frozen": day(1), "prod": day(4), "canary": day(9)}
	table.Pinned = map[layout.Stamp]string{day(3): "audit", day(5): ""}
	s := layout.Settings{Channels: []layout.Channel{{Name: "canary", Follows: true}, {Name: "frozen"},
		{Name: "prod", Follows: true, Delay: 3 * 24 * time.Hour}}}
	for name, c := range map[string]struct {
		holds layout.Holds
		want  []string
	}{
		"channels, where they lead and will lead; what is too young for one; pins": {layout.Holds{Now: day(10)}, []string{
			"20250301T000000Z channel frozen", "20250302T000000Z younger than the delay of prod", "20250303T000000Z pinned: audit",
			"20250304T000000Z channel prod", "20250305T000000Z pinned", "20250307T000000Z channel prod",
			"20250308T000000Z younger than the delay of prod", "20250309T000000Z newest, channel canary, younger than the delay of prod, last"}},
		"locks, until a time": {layout.Holds{Now: day(30), Locked: 24 * 24 * time.Hour}, []string{
			"20250301T000000Z channel frozen", "20250302T000000Z locked until 20250401T000000Z", "20250303T000000Z pinned: audit",
			"20250304T000000Z channel prod", "20250305T000000Z pinned", "20250307T000000Z locked until 20250331T000000Z",
			"20250308T000000Z locked until 20250401T000000Z", "20250309T000000Z newest, channel canary, channel prod, locked until 20250402T000000Z, last"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(c.want, keptOf(layout.Keep{Last: 1}, table, s, c.holds)); d != "" {
				t.Error(d)
			}
		})
	}
	if kept, pruned := (layout.Keep{Last: 1}).Apply(keepTable(), s, layout.Holds{Now: day(1)}); len(kept)+len(pruned) > 0 {
		t.Errorf("of no checkpoints %v stay and %v go", kept, pruned)
	}
}

// A model keeps what the words of the documentation say, by sets and without
// any order of its own: for each kind of period the newest of each of the n
// newest, and the oldest of all where there are fewer than n.
func model(k layout.Keep, ids []layout.Stamp) map[layout.Stamp]bool {
	kept := map[layout.Stamp]bool{}
	if len(ids) == 0 {
		return kept
	}
	newest, oldest := slices.Max(ids), slices.Min(ids)
	kept[newest] = true
	day := func(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }
	for _, p := range []struct {
		n     int
		begin func(time.Time) time.Time
	}{
		{k.Last, func(t time.Time) time.Time { return t }},
		{k.Hourly, func(t time.Time) time.Time { return t.Truncate(time.Hour) }},
		{k.Daily, day},
		{k.Weekly, func(t time.Time) time.Time { return day(t).AddDate(0, 0, -(int(t.Weekday())+6)%7) }},
		{k.Monthly, func(t time.Time) time.Time { return day(t).AddDate(0, 0, 1-t.Day()) }},
		{k.Yearly, func(t time.Time) time.Time { return day(t).AddDate(0, 0, 1-t.YearDay()) }},
	} {
		best := map[time.Time]layout.Stamp{}
		for _, id := range ids {
			at := p.begin(id.Time())
			best[at] = max(best[at], id)
		}
		stretches := slices.SortedFunc(maps.Keys(best), func(a, b time.Time) int { return b.Compare(a) })
		for i, at := range stretches {
			if i < p.n || p.n < 0 {
				kept[best[at]] = true
			}
		}
		if p.n < 0 || p.n > len(stretches) {
			kept[oldest] = true
		}
	}
	w := k.Within
	end := newest.Time().AddDate(-w.Years, -w.Months, -w.Days).Add(-time.Duration(w.Hours) * time.Hour)
	for _, id := range ids {
		if w != (layout.Age{}) && id.Time().After(end) || k.IsZero() {
			kept[id] = true
		}
	}
	return kept
}

// TestKeepIsAsTheModel holds random policies on random histories against the
// model, and wants a second application to change nothing.
func TestKeepIsAsTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 5))
		ids := randomHistory(r)
		k := randomKeep(r)
		table := keepTable(ids...)
		_, pruned := k.Apply(table, layout.Settings{}, layout.Holds{Now: "20990101T000000Z"})
		want := model(k, ids)
		var left []layout.Stamp
		for _, id := range ids {
			gone := slices.Contains(pruned, id)
			if gone == want[id] {
				t.Fatalf("seed %d, %+v of %v: %s goes: %t, the model keeps it: %t", seed, k, ids, id, gone, want[id])
			}
			if !gone {
				left = append(left, id)
			}
		}
		if _, again := k.Apply(keepTable(left...), layout.Settings{}, layout.Holds{Now: "20990101T000000Z"}); len(again) > 0 {
			t.Fatalf("seed %d, %+v of %v: of what stayed %v go the next time", seed, k, ids, again)
		}
	}
}

// randomHistory returns up to 60 checkpoints, dense or sparse.
func randomHistory(r *rand.Rand) (ids []layout.Stamp) {
	at := time.Date(2023, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(1e6)) * time.Second)
	step := []time.Duration{time.Minute, time.Hour, 10 * time.Hour, 100 * time.Hour, 2000 * time.Hour}[r.IntN(5)]
	for range r.IntN(60) {
		ids = append(ids, layout.StampOf(at))
		at = at.Add(time.Second + time.Duration(r.Int64N(int64(step))))
	}
	return ids
}

func randomKeep(r *rand.Rand) layout.Keep {
	n := func() int { return []int{0, 0, 0, 1, 2, 3, r.IntN(40), layout.KeepAll}[r.IntN(8)] }
	k := layout.Keep{Last: n(), Hourly: n(), Daily: n(), Weekly: n(), Monthly: n(), Yearly: n()}
	if r.IntN(3) == 0 {
		k.Within = layout.Age{Years: r.IntN(2), Months: r.IntN(3), Days: r.IntN(40), Hours: r.IntN(30)}
	}
	return k
}

func TestParseAge(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]layout.Age{
		"2y5m7d3h": {Years: 2, Months: 5, Days: 7, Hours: 3},
		"30d":      {Days: 30},
		"6m":       {Months: 6},
		"1y12h":    {Years: 1, Hours: 12},
		"99999h":   {Hours: 99_999},
	} {
		got, err := layout.ParseAge(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%q: got %+v (%s), %v", s, got, got, err)
		}
	}
	for _, s := range []string{"", "30", "d", "-1d", "+1d", "1d1y", "1d2d", "1w", "1.5d", "0d", "100000d", " 1d", "1d ", "1h30m"} {
		if got, err := layout.ParseAge(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, got)
		}
	}
	if got := (layout.Age{}).String(); got != "" {
		t.Errorf("no age is %q", got)
	}
}

func ExampleKeep_Apply() {
	t := keepTable("20250316T060000Z", "20250316T180000Z", "20250317T060000Z", "20250317T180000Z", "20250318T060000Z")
	kept, pruned := layout.Keep{Last: 1, Daily: 2}.Apply(t, layout.Settings{}, layout.Holds{Now: "20250318T070000Z"})
	for _, k := range kept {
		fmt.Println("keeps", k.ID, k.Reasons)
	}
	fmt.Println("prunes", pruned)
	// Output:
	// keeps 20250317T180000Z [daily]
	// keeps 20250318T060000Z [newest last daily]
	// prunes [20250316T060000Z 20250316T180000Z 20250317T060000Z]
}

func ExampleKept_OnlyLocked() {
	t := keepTable("20250316T060000Z", "20250317T060000Z", "20250318T060000Z")
	kept, pruned := layout.Keep{Last: 1}.Apply(t, layout.Settings{}, layout.Holds{Now: "20250318T070000Z", Locked: 36 * time.Hour})
	for _, k := range kept {
		if until, only := k.OnlyLocked(); only {
			fmt.Println("only a lock keeps", k.ID, "until", until)
		}
	}
	fmt.Println("prunes", pruned)
	// Output:
	// only a lock keeps 20250317T060000Z until 20250318T180000Z
	// prunes [20250316T060000Z]
}
