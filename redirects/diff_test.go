package redirects_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// pushTable is a table of count checkpoints, at uneven seconds.
func pushTable(base string, count int) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: base, BasePath: base, PublicPath: "/"})
	at := layout.Stamp("20200101T000000Z").Time()
	for i := range count {
		at = at.Add(time.Duration(3601+i%7*17) * time.Second)
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: layout.StampOf(at)})
	}
	t.FinalUntil, t.Log.Entries = t.Newest(), count
	return t
}

func deployment(t *testing.T, tables ...layout.Table) redirects.Deployed {
	t.Helper()
	rules, err := redirects.Render("cloudfront", tables)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := redirects.CloudFrontKeys(tables)
	if err != nil {
		t.Fatal(err)
	}
	return redirects.Deployed{Function: rules[0].Body, Keys: keys, Reads: len(keys) > 0}
}

func entriesOf(d redirects.Deployed) map[string]string {
	all := map[string]string{}
	for _, k := range d.Keys {
		all[k.Key] = k.Value
	}
	return all
}

// reading is what the Function reads from a root on: all values, in order, or
// an error where one is missing.
func reading(entries map[string]string, root string) (string, error) {
	value, ok := entries[root]
	if !ok {
		return "", fmt.Errorf("no %s", root)
	}
	var r struct {
		Width int    `json:"w"`
		Depth int    `json:"d"`
		Rows  string `json:"i"`
	}
	if err := json.Unmarshal([]byte(value), &r); err != nil {
		return "", err
	}
	all, level := value, []string{r.Rows}
	for range r.Depth {
		var below []string
		for _, rows := range level {
			for some := range slices.Chunk([]byte(rows), r.Width+8) {
				node, ok := entries[string(some[r.Width:])]
				if !ok {
					return "", fmt.Errorf("no node %s", some[r.Width:])
				}
				below = append(below, node)
				all += node
			}
		}
		level = below
	}
	return all, nil
}

// apply carries a push out, step by step; check is called after each with what
// stands then.
func apply(have redirects.Deployed, p redirects.Push, want redirects.Deployed, check func(redirects.Deployed)) {
	entries := entriesOf(have)
	now := func() {
		have.Keys = nil
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			have.Keys = append(have.Keys, redirects.KeyValue{Key: key, Value: entries[key]})
		}
		check(have)
	}
	batches := func(all []redirects.Batch) {
		for _, b := range all {
			for _, k := range b.Puts {
				entries[k.Key] = k.Value
			}
			for _, key := range b.Deletes {
				delete(entries, key)
			}
			now()
		}
	}
	batches(p.Before)
	if p.Function != nil {
		have.Function, have.Reads = p.Function, want.Reads
		now()
	}
	batches(p.After)
}

// TestPushIsNeverHalfInForce carries pushes out and wants, after each call,
// that the Function in force reads all of the old or all of the new; and that
// a push begun anew after any call ends in the same place.
func TestPushIsNeverHalfInForce(t *testing.T) {
	t.Parallel()
	small, mid, next, big := pushTable("a", 5), pushTable("a", 9000), pushTable("a", 9001), pushTable("a", 60000)
	other := pushTable("b", 9000)
	for name, c := range map[string]struct {
		old, new []layout.Table
		calls    int // at most
	}{
		"one more checkpoint":     {[]layout.Table{mid}, []layout.Table{next}, 1},
		"many more":               {[]layout.Table{mid}, []layout.Table{big}, 20},
		"out of the Function":     {[]layout.Table{small}, []layout.Table{mid}, 3},
		"a repository comes":      {[]layout.Table{mid}, []layout.Table{mid, other}, 3},
		"a repository goes":       {[]layout.Table{mid, other}, []layout.Table{mid}, 3},
		"one moves, one comes":    {[]layout.Table{mid}, []layout.Table{next, other}, 4},
		"back into the Function":  {[]layout.Table{mid, pushTable("b", 4)}, []layout.Table{pushTable("b", 5)}, 1},
		"nothing":                 {[]layout.Table{mid, other}, []layout.Table{other, mid}, 0},
		"nothing in the Function": {[]layout.Table{small}, []layout.Table{small}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old, want := deployment(t, c.old...), deployment(t, c.new...)
			plan, err := redirects.Diff(old, want)
			if err != nil {
				t.Fatal(err)
			}
			calls := 0
			apply(old, plan, want, func(now redirects.Deployed) {
				calls++
				checkWhole(t, old, want, now)
				again, err := redirects.Diff(now, want)
				if err != nil {
					t.Fatal(err)
				}
				end := now
				apply(now, again, want, func(d redirects.Deployed) { end = d; checkWhole(t, old, want, d) })
				checkDone(t, want, end)
			})
			if calls > c.calls || plan.Empty() != (c.calls == 0) {
				t.Errorf("%d calls, want at most %d", calls, c.calls)
			}
		})
	}
}

func checkWhole(t *testing.T, old, want, now redirects.Deployed) {
	t.Helper()
	if !now.Reads {
		return
	}
	in := want // the Function in force, and with it the bases that are asked for
	if string(now.Function) == string(old.Function) {
		in = old
	}
	entries, before, after := entriesOf(now), entriesOf(old), entriesOf(want)
	for _, k := range in.Keys {
		if !k.Root {
			continue
		}
		got, err := reading(entries, k.Key)
		was, _ := reading(before, k.Key)
		will, _ := reading(after, k.Key)
		if err != nil || got != was && got != will {
			t.Fatalf("%s: what is read is neither the old nor the new: %v", k.Key, err)
		}
	}
}

func checkDone(t *testing.T, want, end redirects.Deployed) {
	t.Helper()
	if string(end.Function) != string(want.Function) || end.Reads != want.Reads || want.Reads && !maps.Equal(entriesOf(end), entriesOf(want)) {
		t.Fatalf("the push ended with %d keys, want %d", len(end.Keys), len(want.Keys))
	}
}

func TestPushBatches(t *testing.T) {
	t.Parallel()
	plan, err := redirects.Diff(deployment(t, pushTable("a", 9000), pushTable("b", 30000)), deployment(t, pushTable("a", 60000)))
	if err != nil || len(plan.Before) < 3 || len(plan.After) < 1 {
		t.Fatalf("%d calls before, %d after, want more: %v", len(plan.Before), len(plan.After), err)
	}
	for _, b := range append(plan.Before, plan.After...) {
		if n := len(b.Puts) + len(b.Deletes); n == 0 || n > 50 {
			t.Errorf("a call of %d keys", n)
		}
	}
}

// TestPushNeverGoesBack holds tables against what newer ones have put in force,
// in the Function and in the store.
func TestPushNeverGoesBack(t *testing.T) {
	t.Parallel()
	inline := deployment(t, pushTable("a", 6), pushTable("b", 6))
	stored := deployment(t, pushTable("a", 9001))
	for name, c := range map[string]struct {
		have, want redirects.Deployed
		older      bool
	}{
		"older in the Function":       {inline, deployment(t, pushTable("a", 7), pushTable("b", 5)), true},
		"newer in the Function":       {inline, deployment(t, pushTable("a", 7), pushTable("b", 6)), false},
		"older in the store":          {stored, deployment(t, pushTable("a", 9000)), true},
		"older, back in the Function": {stored, deployment(t, pushTable("a", 5)), true},
		"the same":                    {stored, stored, false},
		"older, out of the Function":  {deployment(t, func() layout.Table { n := pushTable("a", 5); n.Log.Entries = 9999; return n }()), stored, true},
		"nothing is there":            {redirects.Deployed{}, inline, false},
		"a Function of someone's own": {redirects.Deployed{Function: []byte("function handler(event) { return event.request; }")}, inline, false},
		"another repository is newer": {inline, deployment(t, pushTable("c", 1)), false},
		"an entry that is no root":    {redirects.Deployed{Keys: []redirects.KeyValue{{Key: "root:/a", Value: "?"}}}, inline, false},
	} {
		if _, err := redirects.Diff(c.have, c.want); errors.Is(err, redirects.ErrOlder) != c.older || err != nil && !c.older {
			t.Errorf("%s: got %v, want ErrOlder: %t", name, err, c.older)
		}
	}
}

// TestPushBindsTheStore wants a Function that reads no store, or another, to be
// published anew although its code is right.
func TestPushBindsTheStore(t *testing.T) {
	t.Parallel()
	want := deployment(t, pushTable("a", 9000))
	have := want
	have.Reads = false
	if plan, err := redirects.Diff(have, want); err != nil || string(plan.Function) != string(want.Function) || len(plan.Before)+len(plan.After) > 0 {
		t.Errorf("got %d calls, %d bytes of Function, %v; want the Function alone", len(plan.Before)+len(plan.After), len(plan.Function), err)
	}
}

func ExampleDiff() {
	have := redirects.Deployed{Function: []byte("code"), Reads: true, Keys: []redirects.KeyValue{
		{Key: "old", Value: "A"}, {Key: "root:/debian", Value: `{"n":1}`}}}
	want := redirects.Deployed{Function: []byte("code"), Reads: true, Keys: []redirects.KeyValue{
		{Key: "new", Value: "AB"}, {Key: "root:/debian", Value: `{"n":2}`, Root: true}}}
	push, err := redirects.Diff(have, want)
	fmt.Println(len(push.Before), push.Before[0].Puts[0].Key, push.Before[0].Puts[1].Key, push.Before[0].Deletes, err)
	// Output: 1 new root:/debian [old] <nil>
}
