package index_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"datestone/index"
	"datestone/layout"
)

var native = binary.NativeEndian

var config = index.Config{Bucket: bucketID}

// sample returns the bytes of an index with something in every bucket.
func sample(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.db")
	db, err := index.Open(path, config)
	if err != nil {
		t.Fatal(err)
	}
	root := putState(t, db, series(300, nil))
	err = errors.Join(db.SetRepo("r", index.Repo{Table: table("r", day1), Newest: root, State: root}),
		db.Remember("probe", []byte("x")), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, b []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "index.db")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustSetAside opens a file that is no good, and checks that its bytes are
// still there and that a new index is in its place.
func mustSetAside(t *testing.T, path, reason string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := index.Open(path, index.Config{Bucket: bucketID, ReadOnly: true}); !errors.Is(err, index.ErrDamaged) {
		t.Errorf("open for reading: %v, want ErrDamaged", err)
	}
	db, err := index.Open(path, config)
	if err != nil {
		t.Fatalf("%v, want it set aside", err)
	}
	defer db.Close()
	name, why := db.SetAside()
	if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
		t.Errorf("set aside as %q: %v", name, err)
	}
	if !strings.Contains(why, reason) {
		t.Errorf("why = %q, want %q", why, reason)
	}
	if _, err := db.Repo("r"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the new index has: %v", err)
	}
	if err := db.Check(); err != nil {
		t.Error(err)
	}
}

func TestTruncatedFileIsSetAside(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	page := os.Getpagesize()
	sizes := []int{1, 79, 80, page - 1, page + 1, 2*page - 1, len(whole) - 1}
	for at := page; at < len(whole); at += page {
		sizes = append(sizes, at)
	}
	aside := 0
	for _, size := range sizes {
		path := write(t, whole[:size])
		if used(whole) <= size { // what is cut off was never written
			open(t, path)
			continue
		}
		aside++
		mustSetAside(t, path, "")
	}
	if aside < 10 {
		t.Errorf("only %d cuts hit", aside)
	}
}

// latest returns the meta page of the later transaction.
func latest(file []byte) []byte {
	first, second := file[16:], file[os.Getpagesize()+16:]
	if native.Uint64(first[48:]) > native.Uint64(second[48:]) {
		return first
	}
	return second
}

// used is the number of bytes that the latest meta page says are used.
func used(file []byte) int { return int(native.Uint64(latest(file)[40:])) * os.Getpagesize() }

func TestForeignFileIsSetAside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, why string
		file      []byte
	}{
		{"a text", "neither of its meta pages", []byte(strings.Repeat("hello\n", 5000))},
		{"zeros", "neither of its meta pages", make([]byte, 1<<16)},
		{"a bbolt file of another program", "no index", foreign(t, nil)},
		{"the index of another bucket", `is the index of "s3://other"`, foreign(t, func(path string) {
			db, err := index.Open(path, index.Config{Bucket: "s3://other"})
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.file)
			if err := os.WriteFile(path+".set-aside-1", []byte("earlier"), 0o644); err != nil {
				t.Fatal(err)
			}
			mustSetAside(t, path, tt.why)
			if b, _ := os.ReadFile(path + ".set-aside-1"); string(b) != "earlier" {
				t.Error("what was set aside earlier is lost")
			}
		})
	}
}

// foreign returns the bytes of a file that make made, or a bbolt file.
func foreign(t *testing.T, make func(path string)) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	if make != nil {
		make(path)
	} else {
		db, err := bolt.Open(path, 0o644, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("other"))
			return err
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmptyFileIsNew(t *testing.T) {
	t.Parallel()
	path := write(t, nil)
	if _, err := index.Open(path, index.Config{Bucket: bucketID, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open for reading: %v, want fs.ErrNotExist", err)
	}
	db := open(t, path)
	if name, why := db.SetAside(); name != "" || why != "" {
		t.Errorf("SetAside = %q, %q", name, why)
	}
}

// TestBitFlips turns single bits of an index. Whatever they are, the process
// lives on, and what the index says is right or an error.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	size := used(whole)
	reported := 0
	step := size*8/200 | 1
	for bit := 3; bit < size*8; bit += step {
		b := bytes.Clone(whole)
		b[bit/8] ^= 1 << (bit % 8)
		db, err := index.Open(write(t, b), config)
		if err != nil {
			if !errors.Is(err, index.ErrVersion) {
				t.Errorf("bit %d: %v", bit, err)
			}
			continue
		}
		if name, _ := db.SetAside(); name == "" {
			whole := holds(t, db, bit)
			found := db.Check() != nil
			if found {
				reported++
			}
			// In the meta page of the newest transaction, the flip leads to
			// the one before.
			if !whole && !found && bit >= 2*8*os.Getpagesize() {
				t.Errorf("bit %d: Check finds nothing", bit)
			}
		}
		db.Close()
	}
	if reported < 50 {
		t.Errorf("%d flips reported by Check, want at least 50 of 200", reported)
	}
}

// TestDamagedPagesAreSetAside spoils the pages that bbolt reads first.
func TestDamagedPagesAreSetAside(t *testing.T) {
	t.Parallel()
	whole, page := sample(t), os.Getpagesize()
	meta := latest(whole)
	root, freelist := int(native.Uint64(meta[16:]))*page, int(native.Uint64(meta[32:]))*page
	for _, tt := range []struct {
		name string
		at   int // the byte that is changed
		also int // another, or 0
	}{
		{"the type of the root page", root + 8, 0},
		{"the number of the root page", root, 0},
		{"the type of the page of free pages", freelist + 8, 0},
		{"the number of elements of the root page", root + 11, 0},
		{"where the first element of the root page stands", root + 16 + 7, 0},
		{"the checksums of both meta pages", 16 + 56, page + 16 + 56},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := bytes.Clone(whole)
			b[tt.at] ^= 0x41
			if tt.also > 0 {
				b[tt.also] ^= 0x41
			}
			mustSetAside(t, write(t, b), "")
		})
	}
}

// holds reports whether an index says what sample put in. What it says instead
// must be an error.
func holds(t *testing.T, db *index.DB, bit int) bool {
	t.Helper()
	r, err := db.Repo("r")
	if err != nil {
		return false
	}
	n := 0
	for f, err := range db.Files(r.Newest) {
		if err != nil {
			return false
		}
		want := numbered(n, 1)
		if f != want {
			t.Errorf("bit %d: file %d is %v", bit, n, f)
		}
		key, err := db.Holder(f.SHA256)
		if err != nil {
			return false
		}
		if key != layout.Key("base/r", day1, want.Path) {
			t.Errorf("bit %d: Holder = %q", bit, key)
		}
		n++
	}
	if n != 300 {
		t.Errorf("bit %d: %d files", bit, n)
	}
	return true
}

func TestDamagedValueIsNamed(t *testing.T) {
	t.Parallel()
	path := write(t, sample(t))
	db, err := index.Open(path, config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sum := numbered(5, 1).SHA256
	err = db.Bolt().Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("content"))
		v := bytes.Clone(b.Get(sum[:]))
		v[len(v)-1]++
		return b.Put(sum[:], v)
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"Holder": second(db.Holder(sum)), "Check": db.Check()} {
		if !errors.Is(err, index.ErrDamaged) || !strings.Contains(err.Error(), `bucket "content", key "`+sum.String()) {
			t.Errorf("%s: %v, want ErrDamaged that names bucket and key", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestCheckFinds damages an index whose checksums are all right.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	for _, tt := range []struct {
		name, want string
		do         func(tx *bolt.Tx) error
	}{
		{"a node that is missing", "is missing", func(tx *bolt.Tx) error {
			k, _ := tx.Bucket([]byte("nodes")).Cursor().First()
			return tx.Bucket([]byte("nodes")).Delete(k)
		}},
		{"a digest that is missing", "is missing", func(tx *bolt.Tx) error {
			k, _ := tx.Bucket([]byte("roots")).Cursor().First()
			return tx.Bucket([]byte("roots")).Delete(k)
		}},
		{"another node", "leads to another node", func(tx *bolt.Tx) error {
			return index.Put(tx, []byte("nodes"), []byte{0, 0, 0, 0, 0, 0, 0, 1}, []byte("\x00\x00\x01a"))
		}},
		{"a place in no checkpoint", `bucket "content"`, func(tx *bolt.Tx) error {
			return index.Put(tx, []byte("content"), make([]byte, 32), []byte("\x09a"))
		}},
		{"a checkpoint of no state", `bucket "checkpoints"`, func(tx *bolt.Tx) error {
			return index.Put(tx, []byte("checkpoints"), []byte("r\x00"+string(day2)), bytes.Repeat([]byte{1}, 32))
		}},
		{"a row of no time", `bucket "tables"`, func(tx *bolt.Tx) error {
			return index.Put(tx, []byte("tables"), []byte("r\x00yesterday"), make([]byte, 35))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db, err := index.Open(write(t, whole), config)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Check(); err != nil {
				t.Fatal(err)
			}
			if err := db.Bolt().Update(tt.do); err != nil {
				t.Fatal(err)
			}
			if err := db.Check(); !errors.Is(err, index.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknownVersionIsRefusedAndLeft(t *testing.T) {
	t.Parallel()
	path := write(t, sample(t))
	db, err := index.Open(path, config)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Bolt().Update(func(tx *bolt.Tx) error {
		return index.Put(tx, []byte("meta"), []byte("schema"), []byte("2"))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err = index.Open(path, index.Config{Bucket: bucketID, ReadOnly: readOnly})
		if !errors.Is(err, index.ErrVersion) || !strings.Contains(err.Error(), path) {
			t.Errorf("read only %v: %v, want ErrVersion that names the file", readOnly, err)
		}
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("files: %q", names)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	readOnly := index.Config{Bucket: bucketID, ReadOnly: true}
	path := filepath.Join(t.TempDir(), "index.db")
	if _, err := index.Open(path, readOnly); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v, want fs.ErrNotExist", err)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 0 {
		t.Errorf("opening for reading left %q", names)
	}
	path = write(t, sample(t))
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(filepath.Dir(path), 0o555)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Dir(path), 0o755) })
	for range 2 { // two readers at once
		db, err := index.Open(path, readOnly)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		r, err := db.Repo("r")
		if err != nil {
			t.Fatal(err)
		}
		if n := len(collect(t, db.Files(r.Newest))); n != 300 {
			t.Errorf("%d files", n)
		}
		if err := db.Check(); err != nil {
			t.Error(err)
		}
		if err := db.Remember("x", nil); err == nil {
			t.Error("Remember succeeds")
		}
		if _, err := db.PutState(layout.Files([]layout.File{{Path: "new", FirstSeen: day1}})); err == nil {
			t.Error("PutState succeeds")
		}
	}
}

func TestOpenSaysWhatIsWrongWithTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := write(t, []byte("x"))
	for _, tt := range []struct{ name, path, want string }{
		{"it is missing", filepath.Join(dir, "no", "index.db"), "does not exist"},
		{"it is a file", filepath.Join(file, "index.db"), "not a directory"},
		{"the index is a directory", dir, "not a regular file"},
	} {
		_, err := index.Open(tt.path, config)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: %v, want %q and the path", tt.name, err, tt.want)
		}
	}
}
