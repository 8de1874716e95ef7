//go:build unix

package main

import (
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish/storetest"
)

// TestTornClaim takes the list of a claim away, as one who takes over does when
// the claim itself is still on its way: what was brought in for it stays until
// the log has passed it, as its writer may be at work yet, and goes then.
func TestTornClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote := newFaultRemote(t, "mirror")
	story := faultStory()
	claimed, later := story[4], story[5]
	claimed.now = "20250318T150000Z" // before the log has to say that nothing changed
	left := func() (keys []string) {
		for key := range w.store.Snapshot() {
			if strings.Contains(key, string(claimed.now)) {
				keys = append(keys, key)
			}
		}
		return keys
	}
	do := func(s faultStep) {
		t.Helper()
		remote.show(t, w.dir, s)
		if code, said := w.run(s); code != 0 {
			t.Fatalf("%s: exit code %d: %s", s.args, code, said)
		}
		w.check(t.Errorf)
	}
	do(story[0])
	do(claimed)
	must(t, w.store.Delete(t.Context(), layout.ClaimFilesKey("myfile", claimed.now)))
	before := len(left())
	do(faultStep{story[0].name, claimed.now, nil, []string{"publish"}})
	do(faultStep{story[0].name, claimed.now, nil, []string{"run"}})
	if n := len(left()); n != before || n < 3 {
		t.Errorf("%d objects are left while it may be at work, want %d", n, before)
	}
	do(later)
	if keys := left(); len(keys) > 0 {
		t.Errorf("left over: %q", keys)
	}
}

// TestHalfAClaimTakesItsID lets a list stand whose claim may be on its way, and
// content after it: no checkpoint may get that ID.
func TestHalfAClaimTakesItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	step := faultStory()[0]
	w.store.Plant(layout.ClaimFilesKey("myfile", step.now), &storetest.Object{Body: "half"})
	newFaultRemote(t, "mirror").show(t, w.dir, step)
	if code, said := w.run(step); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	table := tableOf(t, memoryBytes(w.store))
	if len(table.Checkpoints) != 1 || table.Newest() != step.now.Next() {
		t.Errorf("got %+v, want one a second later", table.Checkpoints)
	}
}
