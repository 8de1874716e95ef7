package index_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/index"
	"datestone/layout"
)

func TestStateComesBack(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	odd := []layout.File{
		{Path: "a", FirstSeen: day2},
		{Path: "a+b~ é/ü", Size: 1 << 60, SHA256: layout.DigestOf([]byte("x")), Upstream: "sha512:" + strings.Repeat("ab", 64), FirstSeen: "00010101T000000Z"},
		{Path: strings.Repeat("z", layout.MaxPath), Size: 3, SHA256: layout.DigestOf(nil), FirstSeen: "99991231T235959Z"},
	}
	for _, tt := range []struct {
		name  string
		files []layout.File
	}{
		{"odd paths, sizes and times", odd},
		{"one file", odd[:1]},
		{"several levels", collect(t, series(20_000, spread(20_000, 3, 1)))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := putState(t, db, layout.Files(tt.files))
			if got := collect(t, db.Files(root)); !slices.Equal(tt.files, got) {
				t.Errorf("files differ (-want +got):\n%s", cmp.Diff(tt.files, got))
			}
			for _, i := range []int{0, len(tt.files) / 2, len(tt.files) - 1} {
				f, err := db.Find(root, tt.files[i].Path)
				if err != nil || f != tt.files[i] {
					t.Errorf("Find(%q) = %+v, %v", tt.files[i].Path, f, err)
				}
				for _, absent := range []string{tt.files[i].Path + "!", ""} {
					if _, err := db.Find(root, absent); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("Find(%q) = %v, want fs.ErrNotExist", absent, err)
					}
				}
			}
		})
	}
}

func TestEmptyState(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	root := putState(t, db, layout.Files(nil))
	if root != (index.Root{}) {
		t.Errorf("root = %s, want zero", root)
	}
	if files := collect(t, db.Files(root)); len(files) > 0 {
		t.Errorf("files = %v, want none", files)
	}
	if _, err := db.Find(root, "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find = %v, want fs.ErrNotExist", err)
	}
}

func TestPutStateRefuses(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	broken := errors.New("broken")
	ok := layout.File{Path: "b", FirstSeen: day1}
	for _, tt := range []struct {
		name, want string
		next       layout.File
	}{
		{"an unsorted path", `"a" comes after "b"`, layout.File{Path: "a", FirstSeen: day1}},
		{"a path that is there twice", `"b" comes after "b"`, ok},
		{"no first seen", `first seen of "c"`, layout.File{Path: "c"}},
		{"a negative size", `file "c" of -1 bytes`, layout.File{Path: "c", Size: -1, FirstSeen: day1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := db.PutState(layout.Files([]layout.File{ok, tt.next}))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
	_, err := db.PutState(func(yield func(layout.File, error) bool) { yield(layout.File{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("err = %v, want the sequence's", err)
	}
}

func TestUnknownStateIsDamageNotAbsence(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	_, err := db.Find(index.Root{1}, "a")
	if !errors.Is(err, index.ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find = %v, want ErrDamaged", err)
	}
}

// model is a state as a map, with random changes.
type model map[string]layout.File

func (m model) change(r *rand.Rand, n int) model {
	m = maps.Clone(m)
	for range n {
		f := numbered(r.IntN(4000), r.IntN(3))
		f.FirstSeen = []layout.Stamp{day1, day2, day3}[r.IntN(3)]
		if r.IntN(3) == 0 {
			delete(m, f.Path)
		} else {
			m[f.Path] = f
		}
	}
	return m
}

func (m model) files() []layout.File {
	files := []layout.File{}
	for _, p := range slices.Sorted(maps.Keys(m)) {
		files = append(files, m[p])
	}
	return files
}

// diff is what DB.Diff must return.
func (m model) diff(n model) (changes []index.Change) {
	both := maps.Clone(m)
	maps.Copy(both, n)
	for _, p := range slices.Sorted(maps.Keys(both)) {
		if c := (index.Change{Old: m[p], New: n[p]}); !c.Old.SameContent(c.New) {
			changes = append(changes, c)
		}
	}
	return changes
}

func TestDiffAgreesWithModel(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	r := rand.New(rand.NewPCG(1, 2))
	states := []model{{}}
	for _, n := range []int{1, 30, 200, 1, 5000, 3, 1000, 1, 40, 8000, 2, 2} {
		states = append(states, states[len(states)-1].change(r, n))
	}
	roots := make([]index.Root, len(states))
	for i, m := range states {
		roots[i] = putState(t, db, layout.Files(m.files()))
	}
	for i, m := range states {
		for j, n := range states {
			want, got := m.diff(n), collect(t, db.Diff(roots[i], roots[j]))
			if !slices.Equal(want, got) { // cmp takes long
				t.Fatalf("changes from %d to %d differ (-want +got):\n%s", i, j, cmp.Diff(want, got))
			}
		}
	}
}

func TestRootDependsOnFilesAlone(t *testing.T) {
	t.Parallel()
	files := model{}.change(rand.New(rand.NewPCG(3, 4)), 6000).files()
	var roots []index.Root
	for history := range 3 {
		db := fresh(t)
		r := rand.New(rand.NewPCG(5, uint64(history)))
		for m, n := (model{}), 0; n < history; n++ {
			m = m.change(r, 2000)
			putState(t, db, layout.Files(m.files()))
		}
		roots = append(roots, putState(t, db, layout.Files(files)))
	}
	if roots[0] != roots[1] || roots[1] != roots[2] {
		t.Errorf("roots differ: %s", roots)
	}
	// The encoding is kept by version 1 of the schema: other nodes for the
	// same files would be no damage, but nothing would be shared any more.
	db := fresh(t)
	const want = "99f17a543be44c685c09362f5df0c9825d1feefc8738ef95f73bcda7c8852305"
	if got := putState(t, db, series(1000, nil)).String(); got != want {
		t.Errorf("root of 1,000 files = %s, want %s", got, want)
	}
}

func TestFirstSeenIsPartOfStateButNoChange(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	a := []layout.File{numbered(1, 1), numbered(2, 1)}
	b := slices.Clone(a)
	b[1].FirstSeen = day2
	ra, rb := putState(t, db, layout.Files(a)), putState(t, db, layout.Files(b))
	if ra == rb {
		t.Error("roots are equal")
	}
	if changes := collect(t, db.Diff(ra, rb)); len(changes) > 0 {
		t.Errorf("changes = %v, want none", changes)
	}
	if diff := cmp.Diff(b, collect(t, db.Files(rb))); diff != "" {
		t.Error(diff)
	}
}

func TestStatesShareWhatIsTheSame(t *testing.T) {
	t.Parallel()
	const n = 50_000
	path := filepath.Join(t.TempDir(), "index.db")
	db := open(t, path)
	a := putState(t, db, series(n, nil))
	size := fileSize(t, path)
	changed := spread(n, 1000, 3)
	b := putState(t, db, series(n, changed))
	if grown := fileSize(t, path) - size; grown*4 > size {
		t.Errorf("a state that differs in 0.1 %% made a file of %d bytes grow by %d", size, grown)
	}
	if again := putState(t, db, series(n, changed)); again != b {
		t.Errorf("root = %s, then %s", b, again)
	}
	reads := db.NodeReads()
	changes := len(collect(t, db.Diff(a, b)))
	reads = db.NodeReads() - reads
	// For each change a leaf and an inner node on both sides, at most.
	if changes < 45 || changes > 50 {
		t.Errorf("%d changes, want about 50", changes)
	}
	if limit := int64(changes*4 + 20); reads > limit {
		t.Errorf("Diff of %d changes read %d nodes, want at most %d", changes, reads, limit)
	}
	reads = db.NodeReads()
	if collect(t, db.Diff(b, b)); db.NodeReads() != reads {
		t.Error("Diff of equal states reads nodes")
	}
}

// TestInsertedFilesKeepCuts adds and removes files, so that all that follows
// stands elsewhere in its node.
func TestInsertedFilesKeepCuts(t *testing.T) {
	t.Parallel()
	const n = 50_000
	db := fresh(t)
	a := putState(t, db, series(n, nil))
	b := putState(t, db, func(yield func(layout.File, error) bool) {
		for f, err := range series(n, nil) {
			if strings.Contains(f.Path, "5000_") {
				continue
			}
			if !yield(f, err) {
				return
			}
			if strings.Contains(f.Path, "7000_") {
				f.Path += ".asc"
				yield(f, nil)
			}
		}
	})
	reads := db.NodeReads()
	changes := collect(t, db.Diff(a, b))
	reads = db.NodeReads() - reads
	if len(changes) != 10 {
		t.Errorf("%d changes, want 10", len(changes))
	}
	if reads > 150 {
		t.Errorf("Diff read %d nodes of about 6,000", reads)
	}
}

func TestCallerMayWriteWhileItReads(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	a := putState(t, db, series(3000, nil))
	b := putState(t, db, series(3000, spread(3000, 10, 1)))
	n := 0
	write := func() {
		if n++; n%250 == 0 { // enough to make bbolt map the file anew
			putState(t, db, series(n*5, spread(n*5, 2, uint64(n))))
		}
	}
	for _, err := range db.Files(a) {
		if err != nil {
			t.Fatal(err)
		}
		write()
	}
	for _, err := range db.Diff(a, b) {
		if err != nil {
			t.Fatal(err)
		}
		write()
	}
	for range db.Files(b) {
		break
	}
	c := putState(t, db, layout.FirstSeen(db.Files(a), db.Files(b), day2))
	if c != b {
		t.Errorf("root of what was read while it was written = %s, want %s", c, b)
	}
}

// TestChosenPathsMakeNoHugeTree takes paths that ask for a cut nowhere, or
// everywhere.
func TestChosenPathsMakeNoHugeTree(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		take func(hash uint64) bool
	}{
		{"no path ends a leaf", func(h uint64) bool { return h&7 != 0 }},
		{"all paths end nodes of three levels", func(h uint64) bool { return h&(1<<13-1) == 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := fresh(t)
			var files []layout.File
			for i := 0; len(files) < 1000; i++ {
				p := fmt.Sprintf("%09d", i)
				if tt.take(index.Hash(p)) {
					files = append(files, layout.File{Path: p, FirstSeen: day1})
				}
			}
			root := putState(t, db, layout.Files(files))
			reads := db.NodeReads()
			if got := collect(t, db.Files(root)); !slices.Equal(got, files) {
				t.Errorf("%d files of %d came back", len(got), len(files))
			}
			if reads = db.NodeReads() - reads; reads < 9 || reads > 140 {
				t.Errorf("%d nodes for 1,000 files", reads)
			}
		})
	}
}
