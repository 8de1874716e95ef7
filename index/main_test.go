package index_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"datestone/index"
	"datestone/layout"
)

const (
	bucketID = "file:/srv/site"
	day1     = layout.Stamp("20250301T000000Z")
	day2     = layout.Stamp("20250302T000000Z")
	day3     = layout.Stamp("20250303T000000Z")
)

// TestMain lets the test binary be the second process of some tests.
func TestMain(m *testing.M) {
	if role := os.Getenv("INDEX_TEST_ROLE"); role != "" {
		os.Exit(roles[role](os.Getenv("INDEX_TEST_PATH")))
	}
	os.Exit(m.Run())
}

// open opens an index that is checked when the test ends.
func open(t testing.TB, path string) *index.DB {
	t.Helper()
	db, err := index.Open(path, index.Config{Bucket: bucketID})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Check(); err != nil {
			t.Errorf("check at the end: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func fresh(t testing.TB) *index.DB { return open(t, filepath.Join(t.TempDir(), "index.db")) }

// numbered returns the n-th file of a made-up repository; version changes its
// content.
func numbered(n, version int) layout.File {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	binary.LittleEndian.PutUint64(b[8:], uint64(version))
	return layout.File{Path: fmt.Sprintf("pool/main/%03x/package-%07d_1.0-1_amd64.deb", n>>10, n),
		Size: int64(n % 100_000), SHA256: layout.DigestOf(b[:]), FirstSeen: day1}
}

// series returns n numbered files, of which those that changed says are of
// version 2.
func series(n int, changed func(i int) bool) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for i := range n {
			version, seen := 1, day1
			if changed != nil && changed(i) {
				version, seen = 2, day2
			}
			f := numbered(i, version)
			f.FirstSeen = seen
			if !yield(f, nil) {
				return
			}
		}
	}
}

// spread returns a choice of one in each, at random but always the same.
func spread(n, each int, seed uint64) func(int) bool {
	r := rand.New(rand.NewPCG(seed, 1))
	chosen := make([]bool, n)
	for range n / each {
		chosen[r.IntN(n)] = true
	}
	return func(i int) bool { return chosen[i] }
}

func putState(t testing.TB, db *index.DB, files iter.Seq2[layout.File, error]) index.Root {
	t.Helper()
	root, err := db.PutState(files)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// table returns one with the checkpoints given.
func table(name string, ids ...layout.Stamp) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: name, BasePath: "base/" + name, PublicPath: "/"})
	for i, id := range ids {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id, Files: i, Bytes: int64(i) << 33, Record: i + 1,
			SHA256: layout.DigestOf([]byte(id)), Committed: id})
	}
	return t
}
