package index_test

import (
	"errors"
	"io/fs"
	"testing"

	"datestone/index"
	"datestone/layout"
)

// A checkpoint that is filled in gives places to what it added to the one
// before it, and takes none from content that has one.
func TestAddCheckpoint(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	before := putState(t, db, layout.Files([]layout.File{numbered(0, 1), numbered(1, 1)}))
	newest := putState(t, db, layout.Files([]layout.File{numbered(0, 9), numbered(3, 1)}))
	past := putState(t, db, layout.Files([]layout.File{numbered(0, 1), numbered(1, 5), numbered(3, 1)}))
	if err := db.SetRepo("r", index.Repo{Table: table("r", day1), Newest: before, State: before}); err != nil {
		t.Fatal(err)
	}
	if err := db.SetRepo("r", index.Repo{Table: table("r", day1, day3), Newest: newest, State: newest}); err != nil {
		t.Fatal(err)
	}
	if err := db.AddCheckpoint("r", "base/r", day2, before, past); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[layout.File]layout.Stamp{numbered(0, 1): day1, numbered(1, 1): day1, numbered(1, 5): day2, numbered(3, 1): day3} {
		if key, err := db.Holder(f.SHA256); err != nil || key != layout.Key("base/r", want, f.Path) {
			t.Errorf("Holder(%s) = %q, %v; want it in %s", f.Path, key, err, want)
		}
	}
	if got, err := db.Checkpoint("r", day2); err != nil || got != past {
		t.Errorf("Checkpoint = %s, %v; want %s", got, err, past)
	}
	if r, err := db.Repo("r"); err != nil || r.Newest != newest {
		t.Errorf("the newest state became %s, %v", r.Newest, err)
	}
	if err := db.AddCheckpoint("", "base/r", day2, before, past); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a repository without a name: %v", err)
	}
}
