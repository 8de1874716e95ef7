package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/history"
)

// TestAhead wants the order kept, and no more begun than is allowed.
func TestAhead(t *testing.T) {
	t.Parallel()
	const n, total = 3, 50
	var begun, taken atomic.Int64
	items := make([]int, total)
	for i := range items {
		items[i] = i
	}
	read := func(_ context.Context, i int) int {
		if ahead := begun.Add(1) - taken.Load(); ahead > n+1 {
			t.Errorf("%d are begun that were not taken", ahead)
		}
		time.Sleep(time.Duration(i%4) * time.Millisecond)
		return i * i
	}
	var got []int
	for i, r := range ahead(t.Context(), n, items, read) {
		taken.Add(1)
		if r != i*i {
			t.Errorf("%d comes with %d", i, r)
		}
		if got = append(got, i); i == 40 {
			break
		}
	}
	if diff := cmp.Diff(items[:41], got); diff != "" {
		t.Error(diff)
	}
	if begun.Load() > 41+n+1 {
		t.Errorf("%d were begun", begun.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range ahead(ctx, n, items, func(_ context.Context, i int) int { return i }) {
		if i == 5 {
			cancel()
		}
		if i > 5+n {
			t.Fatalf("%d is yielded after the context ended", i)
		}
	}
}

func TestChoice_plan(t *testing.T) {
	t.Parallel()
	const now layout.Stamp = "20250401T000000Z"
	table := func(ids ...layout.Stamp) layout.Table {
		t := layout.NewTable(layout.Settings{Repository: "r", BasePath: "r", PublicPath: "/"})
		for i, id := range ids {
			t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id, Record: i + 1})
		}
		return t
	}
	states := []layout.Stamp{"20250301T000000Z", "20250305T000000Z", "20250310T000000Z", "20250501T000000Z"}
	for name, c := range map[string]struct {
		table   layout.Table
		filling bool
		filled  int
		want    []string // of each state: new, there, or the first words of why not
	}{
		"an empty repository":                        {table(), true, 0, []string{"new", "new", "new", "lies in the future"}},
		"before and between":                         {table("20250302T000000Z", "20250306T000000Z"), false, 0, []string{"new", "new", "is newer", "lies in the future"}},
		"what is there":                              {table("20250305T000000Z", "20250320T000000Z"), false, 0, []string{"new", "there", "new", "lies in the future"}},
		"taken up again":                             {table("20250301T000000Z", "20250305T000000Z"), true, 0, []string{"there", "there", "new", "lies in the future"}},
		"its own states, but it had come to its end": {table("20250301T000000Z", "20250305T000000Z"), false, 0, []string{"there", "there", "is newer", "lies in the future"}},
		"taken up when the sources lost one":         {table("20250302T000000Z", "20250305T000000Z"), true, 1, []string{"new", "there", "new", "lies in the future"}},
		"they lost one, and a run had published":     {table("20250302T000000Z", "20250306T010203Z"), true, 1, []string{"new", "new", "is newer", "lies in the future"}},
		"taken up when a run had published":          {table("20250301T000000Z", "20250306T010203Z"), true, 0, []string{"there", "new", "is newer", "lies in the future"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := choice{all: map[layout.Stamp]bool{}}
			for _, id := range states {
				ch.all[id] = true
				ch.states = append(ch.states, history.State{ID: id})
			}
			for i, p := range ch.plan(c.table, ch.ceiling(c.table, c.filling, c.filled), now) {
				got := "new"
				if p.there {
					got = "there"
				} else if p.why != "" {
					got = p.why[:min(len(p.why), len(c.want[i]))]
				}
				if got != c.want[i] {
					t.Errorf("%s: got %q, want %q", p.ID, p.why, c.want[i])
				}
			}
		})
	}
}

// TestBackfill_fewerAndMore takes the first state of each three days, and
// states that equal the one before.
func TestBackfill_fewerAndMore(t *testing.T) {
	t.Parallel()
	states := pastHistory(8)
	from := "dir:" + filepath.ToSlash(dated(t, states)) + "/{YYYY}/{MM}/{DD}"
	few := newPastSite(t, t.TempDir(), fileType("mirror"))
	few.want(exitDone, pastNow, "--quiet", "backfill", "--every", "3d", "--from", from, "myfile")
	if ids := few.ids(); len(ids) != 3 {
		t.Errorf("one of three days is %q", ids)
	}
	all := newPastSite(t, t.TempDir(), fileType("mirror"))
	all.want(exitDone, pastNow, "--quiet", "backfill", "--every-state", "--from", from, "myfile")
	if diff := cmp.Diff(idsOf(states), all.ids()); diff != "" {
		t.Errorf("every state (-want +got):\n%s", diff)
	}
	all.want(exitDone, pastNow, "verify", "--deep", "myfile")
	if !slices.IsSorted(all.ids()) {
		t.Error(fmt.Sprint(all.ids()))
	}
}
