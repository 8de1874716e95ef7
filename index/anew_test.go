package index_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"datestone/index"
	"datestone/layout"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestForgetRepo wants a repository forgotten, and another one known as before.
func TestForgetRepo(t *testing.T) {
	t.Parallel()
	db, err := index.Open(filepath.Join(t.TempDir(), "i.db"), index.Config{Bucket: "b"})
	must(t, err)
	defer func() { must(t, errors.Join(db.Check(), db.Close())) }()
	const id, older layout.Stamp = "20250318T140442Z", "20250318T140338Z"
	sum := map[string]layout.Digest{}
	for _, name := range []string{"one", "two"} {
		sum[name] = layout.DigestOf([]byte(name))
		root, err := db.PutState(layout.Files([]layout.File{{Path: "f", Size: 3, SHA256: sum[name], FirstSeen: id}}))
		must(t, err)
		table := layout.NewTable(layout.Settings{Repository: name, BasePath: name})
		table.Checkpoints = []layout.Checkpoint{{ID: older}, {ID: id}}
		must(t, db.AddCheckpoint(name, name, older, index.Root{}, root))
		must(t, db.SetRepo(name, index.Repo{Table: table, Newest: root}))
	}
	must(t, db.ForgetRepo("one"))
	must(t, db.ForgetRepo("one")) // what is not known is forgotten
	for _, c := range []struct {
		name  string
		known bool
	}{{"one", false}, {"two", true}} {
		_, repoErr := db.Repo(c.name)
		_, idErr := db.Checkpoint(c.name, id)
		_, olderErr := db.Checkpoint(c.name, older)
		_, holderErr := db.Holder(sum[c.name])
		for what, err := range map[string]error{"repository": repoErr, "newest": idErr, "older": olderErr, "holder": holderErr} {
			if errors.Is(err, fs.ErrNotExist) == c.known || err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of %s: %v, want it known: %t", what, c.name, err, c.known)
			}
		}
	}
}

// TestDiscard wants an index removed that nobody has open, and no other.
func TestDiscard(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "i.db")
	must(t, index.Discard(name, index.Config{}))
	db, err := index.Open(name, index.Config{Bucket: "b"})
	must(t, err)
	must(t, db.Remember("a", []byte("b")))
	if err := index.Discard(name, index.Config{Timeout: 1}); !errors.Is(err, index.ErrInUse) {
		t.Errorf("open index: got %v", err)
	}
	must(t, db.Unremember("a", "never"))
	if _, err := db.Recall("a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not remembered any more: got %v", err)
	}
	must(t, db.Close())
	must(t, index.Discard(name, index.Config{}))
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want it gone", err)
	}
	if err := index.Discard(t.TempDir(), index.Config{}); err == nil {
		t.Error("a directory was removed")
	}
}

// TestPutAside wants an index renamed, and its place free.
func TestPutAside(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "i.db")
	db, err := index.Open(name, index.Config{Bucket: "b"})
	must(t, err)
	must(t, db.Close())
	aside, err := index.PutAside(name, index.Config{})
	must(t, err)
	if _, err := os.Stat(aside); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want it free", err)
	}
}
