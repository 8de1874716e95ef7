package index_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"datestone/index"
	"datestone/layout"
)

// standsIn returns the checkpoint of the key at which a file's content stands.
func standsIn(t *testing.T, db *index.DB, f layout.File) string {
	t.Helper()
	key, err := db.Holder(f.SHA256)
	if errors.Is(err, fs.ErrNotExist) {
		return "nowhere"
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(key, "/")[2]
}

func TestForget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	db := open(t, path)
	// The first third is of day 1 everywhere; the second changes on day 2, and
	// the last on day 2 and again on day 3.
	states := map[layout.Stamp]index.Root{
		day1: putState(t, db, series(300, nil)),
		day2: putState(t, db, series(300, func(i int) bool { return i >= 100 })),
		day3: putState(t, db, series(300, func(i int) bool { return i >= 100 && i < 200 })),
	}
	for n, id := range []layout.Stamp{day1, day2, day3} {
		all := []layout.Stamp{day1, day2, day3}[:n+1]
		if err := db.SetRepo("r", index.Repo{Table: table("r", all...), Newest: states[id], State: states[id]}); err != nil {
			t.Fatal(err)
		}
	}
	if got := standsIn(t, db, numbered(150, 2)); got != string(day2) {
		t.Fatalf("before anything is forgotten, content of day 2 stands in %s", got)
	}
	for range 2 { // the second time does nothing
		if err := db.Forget(table("r", day1, day3), []layout.Stamp{day2}); err != nil {
			t.Fatal(err)
		}
	}
	for what, row := range map[string]struct {
		file layout.File
		want string
	}{
		"what day 1 has":                       {numbered(50, 1), string(day1)},
		"what day 2 brought and day 3 kept":    {numbered(150, 2), string(day3)},
		"what only day 2 had":                  {numbered(250, 2), "nowhere"},
		"what day 3 has again as day 1 had it": {numbered(250, 1), string(day3)},
	} {
		if got := standsIn(t, db, row.file); got != row.want {
			t.Errorf("%s stands in %s, want %s", what, got, row.want)
		}
	}
	if _, err := db.Checkpoint("r", day2); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the state of what was forgotten: %v, want fs.ErrNotExist", err)
	}
	if got := len(collect(t, db.Files(states[day2]))); got != 300 {
		t.Errorf("its nodes, which others share, are %d files, want 300", got)
	}
}

// TestForgetWithoutStates forgets what a new index never took in.
func TestForgetWithoutStates(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	if err := db.Forget(table("r", day1, day3), []layout.Stamp{day2}); err != nil {
		t.Error(err)
	}
	root := putState(t, db, series(10, nil))
	if err := db.SetCheckpoint("r", "base/r", day2, root); err != nil {
		t.Fatal(err)
	}
	if err := db.Forget(table("r", day1, day3), []layout.Stamp{day2}); err != nil {
		t.Error(err)
	}
	if got := standsIn(t, db, numbered(5, 1)); got != "nowhere" {
		t.Errorf("content stands in %s, want nowhere", got)
	}
	// A later checkpoint that has the content makes it known again.
	if err := db.SetCheckpoint("r", "base/r", day3, root); err != nil {
		t.Fatal(err)
	}
	if got := standsIn(t, db, numbered(5, 1)); got != string(day3) {
		t.Errorf("content stands in %s, want %s", got, day3)
	}
}
