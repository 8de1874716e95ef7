package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/redirects"
)

func ExampleChanges() {
	before := changesTable("20250318T000000Z", "20250320T000000Z")
	after := changesTable("20250317T000000Z", "20250318T000000Z", "20250319T000000Z", "20250320T000000Z")
	for _, c := range redirects.Changes(before, after) {
		fmt.Printf("%s to %s: was %q (301: %t), is %q\n", c.From, c.Until, c.Was, c.WasFinal, c.Is)
	}
	// Output:
	// 20250317T000000Z to 20250317T235959Z: was "" (301: false), is "20250317T000000Z"
	// 20250319T000000Z to 20250319T235959Z: was "20250318T000000Z" (301: true), is "20250319T000000Z"
}

func changesTable(ids ...layout.Stamp) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: "r", BasePath: "r", PublicPath: "/"})
	for _, id := range ids {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id})
		t.FinalUntil = max(t.FinalUntil, id)
	}
	return t
}

// TestChanges_agreeWithBothTables asks both tables for moments in and around
// what is said to change.
func TestChanges_agreeWithBothTables(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	moment := func() layout.Stamp {
		return layout.StampOf(time.Date(2025, 3, 1, 0, 0, r.IntN(200), 0, time.UTC))
	}
	for range 300 {
		var ids []layout.Stamp
		for range r.IntN(8) {
			ids = append(ids, moment())
		}
		more := slices.Clone(ids)
		for range r.IntN(8) {
			more = append(more, moment())
		}
		tables := [2]layout.Table{changesTable(sortedStamps(ids)...), changesTable(sortedStamps(more)...)}
		gone := []layout.Span{{From: moment()}}
		gone[0].Until = layout.StampOf(gone[0].From.Time().Add(10 * time.Second))
		for i := range tables {
			if r.IntN(2) == 0 {
				tables[i].Gone = gone
			}
			if r.IntN(2) == 0 {
				tables[i].FinalFrom = moment()
			}
		}
		changes := redirects.Changes(tables[0], tables[1])
		for s := range 210 {
			m := layout.StampOf(time.Date(2025, 3, 1, 0, 0, s, 0, time.UTC))
			want := changeAt(tables, m)
			var got redirects.Change
			for _, c := range changes {
				if c.From <= m && m <= c.Until {
					got = redirects.Change{Was: c.Was, Is: c.Is, WasFinal: c.WasFinal}
				}
			}
			if got != want {
				t.Fatalf("%s: got %+v, want %+v of %v and %v", m, got, want, ids, more)
			}
		}
	}
}

// changeAt is the change at one moment, by the oracle's words.
func changeAt(tables [2]layout.Table, m layout.Stamp) redirects.Change {
	var to [2]layout.Stamp
	var final bool
	for i, table := range tables {
		a := redirects.Resolve([]layout.Table{table}, "/r/"+string(m)+"/x", "")
		switch a.Status {
		case 200:
			to[i] = m
			final = final || i == 0
		case 301, 302:
			to[i] = layout.Stamp(a.Location[len("/r/") : len("/r/")+16])
			final = final || i == 0 && a.Status == 301
		}
	}
	if to[0] == to[1] {
		return redirects.Change{}
	}
	return redirects.Change{Was: to[0], Is: to[1], WasFinal: final}
}

func sortedStamps(ids []layout.Stamp) []layout.Stamp {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func TestChanges_none(t *testing.T) {
	t.Parallel()
	table := changesTable("20250318T000000Z")
	later := table
	later.FinalUntil = "20250401T000000Z"
	if diff := cmp.Diff([]redirects.Change(nil), redirects.Changes(table, later)); diff != "" {
		t.Errorf("answers that became final (-want +got):\n%s", diff)
	}
}
