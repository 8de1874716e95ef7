package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func (h *history) prune(now layout.Stamp, ids ...layout.Stamp) {
	h.add(layout.Prune, ids[len(ids)-1], now, func(r *layout.Record) { r.Pruned = ids })
}

func (h *history) pin(kind layout.Kind, id layout.Stamp, reason string) {
	h.add(kind, id, "20250601T000000Z", func(r *layout.Record) { r.Reason = reason })
}

func (h *history) redact(now layout.Stamp, reason string, sums ...layout.Digest) {
	h.add(layout.Redact, now, now, func(r *layout.Record) { r.Redacted, r.Reason = sums, reason })
}

// days returns a history with a checkpoint at midnight of each day of March.
func days(n int) history {
	var h history
	for _, id := range march(n) {
		h.commit(id, id)
	}
	return h
}

func march(n int) []layout.Stamp {
	ids := make([]layout.Stamp, n)
	for i := range ids {
		ids[i] = layout.StampOf(layout.Stamp("20250301T000000Z").Time().AddDate(0, 0, i))
	}
	return ids
}

func TestPruneLeavesSpansThatAreGone(t *testing.T) {
	t.Parallel()
	all := march(9)
	h := days(9)
	h.prune("20250401T000000Z", all[1], all[2], all[5])
	table := fold(t, settings(), h)
	want := []layout.Span{
		{From: all[1], Until: "20250303T235959Z"},
		{From: all[5], Until: "20250306T235959Z"},
	}
	if diff := cmp.Diff(want, table.Gone); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
	if got := ids(table); got != "01 04 05 07 08 09 " || table.Removed != 3 {
		t.Errorf("left are %s, %d removed", got, table.Removed)
	}
	if table.FinalUntil != all[8] {
		t.Errorf("final_until moved to %s", table.FinalUntil)
	}
	// What lies between is pruned later: the spans become one.
	h.prune("20250402T000000Z", all[0], all[3], all[4])
	table = fold(t, settings(), h)
	want = []layout.Span{{From: all[0], Until: "20250306T235959Z"}}
	if diff := cmp.Diff(want, table.Gone); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
}

func TestPruneOfTheNeighbourBeforeGoneReachesOverIt(t *testing.T) {
	t.Parallel()
	all := march(4)
	h := days(4)
	h.prune("20250401T000000Z", all[2])
	h.prune("20250402T000000Z", all[1])
	want := []layout.Span{{From: all[1], Until: "20250303T235959Z"}}
	if diff := cmp.Diff(want, fold(t, settings(), h).Gone); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
}

func TestRemovalsThatContradictTheLogAreRefused(t *testing.T) {
	t.Parallel()
	all := march(3)
	for name, row := range map[string]struct {
		add  func(*history)
		want string
	}{
		"the newest":             {func(h *history) { h.prune("20250401T000000Z", all[2]) }, "the newest"},
		"no checkpoint":          {func(h *history) { h.prune("20250401T000000Z", "20250301T000001Z") }, "no checkpoint"},
		"a pinned one":           {func(h *history) { h.pin(layout.Pin, all[0], "audit"); h.prune("20250401T000000Z", all[0]) }, "pinned"},
		"twice":                  {func(h *history) { h.prune("20250401T000000Z", all[0], all[0]) }, "not ascending"},
		"again":                  {func(h *history) { h.prune("20250401T000000Z", all[0]); h.prune("20250401T000000Z", all[0]) }, "no checkpoint"},
		"nothing":                {func(h *history) { h.add(layout.Prune, all[0], all[0], func(*layout.Record) {}) }, "prunes nothing"},
		"a pin of no checkpoint": {func(h *history) { h.pin(layout.Pin, "20250301T000001Z", "audit") }, "no checkpoint"},
		"redacting nothing":      {func(h *history) { h.redact("20250401T000000Z", "court order") }, "redacts nothing"},
		"a commit in what is gone": {func(h *history) {
			h.prune("20250401T000000Z", all[0])
			h.commit("20250301T120000Z", "20250401T000000Z")
		}, "was pruned"},
	} {
		h := days(3)
		row.add(&h)
		if _, err := layout.Fold(settings(), h.all); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, row.want)
		}
	}
}

func TestUnpinnedCheckpointsArePruned(t *testing.T) {
	t.Parallel()
	all := march(3)
	h := days(3)
	h.pin(layout.Pin, all[0], "audit")
	h.pin(layout.Pin, all[1], "release 7")
	if diff := cmp.Diff(map[layout.Stamp]string{all[0]: "audit", all[1]: "release 7"}, fold(t, settings(), h).Pinned); diff != "" {
		t.Errorf("pinned (-want +got):\n%s", diff)
	}
	h.pin(layout.Unpin, all[0], "")
	h.prune("20250401T000000Z", all[0])
	if got := ids(fold(t, settings(), h)); got != "02 03 " {
		t.Errorf("left are %s", got)
	}
}

func TestRedactionsAreRemembered(t *testing.T) {
	t.Parallel()
	one, two := layout.DigestOf([]byte("1")), layout.DigestOf([]byte("2"))
	h := days(1)
	h.redact("20250401T000000Z", "court order", one)
	h.redact("20250402T000000Z", "again", one, two)
	table := fold(t, settings(), h)
	got, ok := table.Redaction(one)
	want := layout.Redaction{SHA256: one, Time: "20250401T000000Z", Record: 2, Reason: "court order"}
	if !ok || got != want || len(table.Redacted) != 2 {
		t.Errorf("got %+v of %+v, want %+v", got, table.Redacted, want)
	}
	if _, ok := table.Redaction(layout.DigestOf(nil)); ok {
		t.Error("what was not redacted is said to be")
	}
	if table.FinalUntil != "20250301T000000Z" {
		t.Errorf("final_until moved to %s", table.FinalUntil)
	}
}

func TestApplyOfRemovalsLeavesCopiesOfTheTable(t *testing.T) {
	t.Parallel()
	all := march(4)
	h := days(4)
	h.pin(layout.Pin, all[0], "audit")
	h.redact("20250401T000000Z", "court order", layout.DigestOf(nil))
	h.prune("20250401T000000Z", all[1])
	before := fold(t, settings(), h)
	copied, want := before, encode(t, before)
	h.pin(layout.Unpin, all[0], "")
	h.redact("20250401T000000Z", "court order", layout.DigestOf([]byte("1")))
	h.prune("20250401T000000Z", all[2])
	for _, e := range h[7:] {
		if err := copied.Apply(settings(), e); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, encode(t, before)); diff != "" {
		t.Errorf("the table before changed (-want +got):\n%s", diff)
	}
	again, err := layout.DecodeTable([]byte(encode(t, copied)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(copied, again); diff != "" {
		t.Errorf("does not come back (-want +got):\n%s", diff)
	}
}

func encode(t *testing.T, table layout.Table) string {
	t.Helper()
	b, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
