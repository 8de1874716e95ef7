package index_test

import (
	"errors"
	"io/fs"
	"testing"

	"datestone/index"
	"datestone/layout"
)

// TestRedactedContentStandsNowhere: a file list says for ever that a checkpoint
// has what was redacted from it.
func TestRedactedContentStandsNowhere(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	sum, other := numbered(7, 1).SHA256, numbered(8, 1).SHA256
	state := putState(t, db, series(20, nil))
	set := func(name string, redacted bool) {
		t.Helper()
		r := index.Repo{Table: table(name, day1, day2), Newest: state, State: state}
		if redacted {
			r.Table.Redacted = []layout.Redaction{{SHA256: sum, Time: day3, Record: 3, Reason: "court order"}, {SHA256: layout.Digest{1}}}
		}
		if err := db.SetRepo(name, r); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(sum layout.Digest, want string) {
		t.Helper()
		key, err := db.Holder(sum)
		if key != want || (want == "") != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Holder = %q, %v, want %q", key, err, want)
		}
	}
	set("r", false)
	holds(sum, "base/r/20250302T000000Z/"+numbered(7, 1).Path)
	set("r", true)
	holds(sum, "")
	holds(other, "base/r/20250302T000000Z/"+numbered(8, 1).Path)
	if err := db.SetCheckpoint("r", "base/r", day1, state); err != nil {
		t.Fatal(err)
	}
	holds(sum, "")

	// Another repository has not redacted it, and one that is new has all at once.
	set("s", false)
	set("r", true)
	holds(sum, "base/s/20250302T000000Z/"+numbered(7, 1).Path)
	db = fresh(t)
	putState(t, db, series(20, nil))
	set("r", true)
	holds(sum, "")
	holds(other, "base/r/20250302T000000Z/"+numbered(8, 1).Path)
}
