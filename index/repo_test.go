package index_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/index"
	"datestone/layout"
)

func TestRepoComesBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	db, err := index.Open(path, index.Config{Bucket: bucketID})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Repo("debian"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Repo of an unknown name: %v, want fs.ErrNotExist", err)
	}
	want := map[string]index.Repo{}
	put := func(name string, r index.Repo) {
		t.Helper()
		want[name] = r
		if err := db.SetRepo(name, r); err != nil {
			t.Fatal(err)
		}
	}
	state := putState(t, db, series(100, nil))
	put("debian", index.Repo{Table: table("debian"), State: state, Claim: day1,
		Remote: layout.Remote{Type: "file", URL: "https://example.org/", Validators: layout.Validators{ETag: `"1"`}}})
	put("debian2", index.Repo{Table: table("debian2", day1, day3), Newest: state, State: state})
	put("debian", index.Repo{Table: table("debian", day1, day2, day3), Newest: state, State: state})
	put("debian", index.Repo{Table: table("debian", day1, day3), Newest: state, State: state})
	changed := table("debian", day1, day2, day3)
	changed.Checkpoints[0].Files = 99
	changed.Channels["prod"] = day1
	put("debian", index.Repo{Table: changed, Newest: state, State: state})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	for name, r := range want {
		got, err := db.Repo(name)
		if diff := cmp.Diff(r, got); err != nil || diff != "" {
			t.Errorf("repository %q: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, name := range []string{"", "a\x00b"} {
		if err := db.SetRepo(name, index.Repo{}); err == nil {
			t.Errorf("SetRepo(%q) succeeds", name)
		}
	}
}

func TestRowsOfALongTableAreWrittenOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "index.db")
	db := open(t, path)
	var ids []layout.Stamp
	for i := range 20_000 {
		ids = append(ids, layout.StampOf(day1.Time().Add(time.Duration(i)*time.Hour)))
	}
	set := func(n int) {
		if err := db.SetRepo("r", index.Repo{Table: table("r", ids[:n]...)}); err != nil {
			t.Fatal(err)
		}
	}
	set(19_990)
	before := db.Bolt().Stats()
	written := before.TxStats.GetWrite()
	for n := 19_991; n <= 20_000; n++ {
		set(n)
	}
	after := db.Bolt().Stats()
	if pages := after.TxStats.GetWrite() - written; pages > 400 {
		t.Errorf("10 new checkpoints wrote %d pages", pages)
	}
	r, err := db.Repo("r")
	if err != nil || len(r.Table.Checkpoints) != 20_000 {
		t.Errorf("%d checkpoints, %v", len(r.Table.Checkpoints), err)
	}
}

func TestHolderLeadsToWhereContentStands(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	const n = 10_000
	set := func(id layout.Stamp, root index.Root, ids ...layout.Stamp) {
		t.Helper()
		if err := db.SetRepo("r", index.Repo{Table: table("r", ids...), Newest: root, State: root}); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Checkpoint("r", id); err != nil || got != root {
			t.Errorf("Checkpoint(%s) = %s, %v; want %s", id, got, err, root)
		}
	}
	first := putState(t, db, series(n, nil))
	changed := spread(n, 100, 9)
	second := putState(t, db, series(n, changed))
	older := putState(t, db, layout.Files([]layout.File{numbered(0, 1), numbered(1, 7)}))
	set(day2, first, day2)
	set(day3, second, day2, day3)
	if err := db.SetCheckpoint("r", "base/r", day1, older); err != nil {
		t.Fatal(err)
	}
	holder := func(f layout.File, id layout.Stamp) {
		t.Helper()
		want := layout.Key("base/r", id, f.Path)
		if key, err := db.Holder(f.SHA256); err != nil || key != want {
			t.Errorf("Holder(%s) = %q, %v; want %q", f.SHA256, key, err, want)
		}
	}
	for i := range n {
		holder(numbered(i, 1), day2)
		if changed(i) {
			holder(numbered(i, 2), day3)
		}
	}
	holder(numbered(1, 7), day1)
	if _, err := db.Holder(layout.DigestOf(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Holder of unknown content: %v, want fs.ErrNotExist", err)
	}
	if got, err := db.Checkpoint("r", day1); err != nil || got != older {
		t.Errorf("Checkpoint = %s, %v", got, err)
	}
	if _, err := db.Checkpoint("s", day1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Checkpoint of an unknown repository: %v, want fs.ErrNotExist", err)
	}
}

func TestManyPlacesAreGatheredInWalks(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	db.SetGatherPlaces(500)
	root := putState(t, db, series(5000, nil))
	if err := db.SetRepo("r", index.Repo{Table: table("r", day1), Newest: root}); err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		f := numbered(i, 1)
		if key, err := db.Holder(f.SHA256); err != nil || key != layout.Key("base/r", day1, f.Path) {
			t.Fatalf("Holder of file %d = %q, %v", i, key, err)
		}
	}
}

func TestSetRepoOfUnknownStateChangesNothing(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	err := db.SetRepo("r", index.Repo{Table: table("r", day1), Newest: index.Root{1}})
	if !errors.Is(err, index.ErrDamaged) {
		t.Errorf("err = %v, want ErrDamaged", err)
	}
	if _, err := db.Repo("r"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Repo: %v, want fs.ErrNotExist", err)
	}
}

func TestRecallReturnsWhatWasRemembered(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	if _, err := db.Recall("probe"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Recall: %v, want fs.ErrNotExist", err)
	}
	for _, want := range []string{"x", "", strings.Repeat("y", 10_000)} {
		if err := db.Remember("probe", []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := db.Recall("probe"); err != nil || string(got) != want {
			t.Errorf("Recall = %q, %v; want %q", got, err, want)
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	errs := make(chan error)
	for g := range 4 {
		go func() {
			name := fmt.Sprint("r", g)
			root, err := db.PutState(series(1000*(g+1), nil))
			if err == nil {
				err = db.SetRepo(name, index.Repo{Table: table(name, day1), Newest: root})
			}
			if err == nil {
				_, err = db.Repo(name)
			}
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
