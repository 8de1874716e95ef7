package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/index"
	"datestone/layout"
)

// The run that the sites of these tests do next.
const vNext layout.Stamp = "20250322T000000Z"

// A machineIndex is an index as a run may find it.
type machineIndex struct {
	name string
	// change makes it of the one that the machine has, being given what it was
	// after the first run, and that of another site.
	change func(grown, first, other []byte) []byte
	said   string // what the run has to say of it
}

func machineIndexes() []machineIndex {
	return []machineIndex{
		{"lost", func(_, _, _ []byte) []byte { return nil }, ""},
		{"stale", func(_, first, _ []byte) []byte { return first }, ""},
		{"of another site", func(_, _, other []byte) []byte { return other }, "is the index of"},
		{"truncated", func(grown, _, _ []byte) []byte { return grown[:len(grown)/2] }, "index was set aside"},
		{"no index", func(_, _, _ []byte) []byte { return []byte("something else") }, "index was set aside"},
		{"of zeros", func(grown, _, _ []byte) []byte { return make([]byte, len(grown)) }, "index was set aside"},
		{"with other values", func(grown, _, _ []byte) []byte { return []byte(strings.ReplaceAll(string(grown), "1.iso", "9.iso")) },
			"index is damaged, and is made again"},
	}
}

// TestRunWithAnyIndex wants the same next checkpoint, byte for byte, whatever
// stands where the index should, and an index that is whole afterwards.
func TestRunWithAnyIndex(t *testing.T) {
	t.Parallel()
	other := newDamagedSite(t, e2eStores[0])
	s := newDamagedSite(t, e2eStores[0])
	others, err := os.ReadFile(filepath.Join(other.dir, "datestone.db"))
	must(t, err)
	name := filepath.Join(s.dir, "datestone.db")
	grown, err := os.ReadFile(name)
	must(t, err)
	first := firstIndex(t, s)
	before := filepath.Join(t.TempDir(), "before")
	must(t, os.CopyFS(before, os.DirFS(s.dir)))
	again := func() {
		must(t, os.RemoveAll(s.dir))
		must(t, os.CopyFS(s.dir, os.DirFS(before)))
		s.store = s.open()
		s.see("one")
	}
	again()
	s.run(vNext, "run")
	want := s.whole()
	cases := machineIndexes()
	for seed := range uint64(12) { // bits that flip anywhere
		r := rand.New(rand.NewPCG(seed, 1))
		cases = append(cases, machineIndex{name: "with flipped bits", change: func(grown, _, _ []byte) []byte {
			b := append([]byte{}, grown...)
			for range 64 {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			}
			return b
		}})
	}
	for i, c := range cases {
		again()
		must(t, os.Remove(name))
		if b := c.change(grown, first, others); b != nil {
			must(t, os.WriteFile(name, b, 0o666))
		}
		code, out, said := s.try(vNext, "run")
		if code != exitDone || !strings.Contains(out, "published "+string(vNext)) || !strings.Contains(said, c.said) {
			t.Errorf("%d: index %s: exit code %d: %s%s; want %q said", i, c.name, code, out, said, c.said)
			continue
		}
		if d := differ(s.whole(), want); d != "" {
			t.Errorf("%d: index %s:\n%s", i, c.name, d)
		}
		if code, _, said := s.try(vNext, "run"); code != exitDone {
			t.Errorf("%d: index %s: the run after it: exit code %d: %s", i, c.name, code, said)
		}
	}
}

// firstIndex returns the index of the site as it was after the first run.
func firstIndex(t *testing.T, s *damagedSite) []byte {
	t.Helper()
	keep := filepath.Join(t.TempDir(), "keep")
	must(t, os.CopyFS(keep, os.DirFS(s.dir)))
	must(t, os.RemoveAll(filepath.Join(s.dir, "site")))
	must(t, os.MkdirAll(filepath.Join(s.dir, "site", "pre", "fix"), 0o777))
	must(t, os.Remove(filepath.Join(s.dir, "datestone.db")))
	s.see("one")
	s.run(vOne, "run")
	first, err := os.ReadFile(filepath.Join(s.dir, "datestone.db"))
	must(t, err)
	must(t, os.RemoveAll(s.dir))
	must(t, os.CopyFS(s.dir, os.DirFS(keep)))
	return first
}

// TestRunWithAnotherLog wants an index begun again, with a warning, whose bucket
// was restored, exchanged or emptied, and the site as of a machine without index.
func TestRunWithAnotherLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		states []string // what the other bucket had published, at vOne, vTwo, …
	}{
		{"of an older time", []string{"one", "two"}},
		{"of the same length", []string{"three", "two", "one"}},
		{"longer", []string{"three", "one", "two", "one"}},
		{"empty", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, e2eStores[0])
			grown, err := os.ReadFile(filepath.Join(s.dir, "datestone.db"))
			must(t, err)
			place := func(with []byte) siteBytes {
				must(t, os.RemoveAll(filepath.Join(s.dir, "site")))
				must(t, os.MkdirAll(filepath.Join(s.dir, "site", "pre", "fix"), 0o777))
				must(t, os.Remove(filepath.Join(s.dir, "datestone.db")))
				for i, state := range c.states {
					s.see(state)
					s.run([]layout.Stamp{vOne, vTwo, vLast, vNow}[i], "run")
				}
				must(t, os.RemoveAll(filepath.Join(s.dir, "datestone.db")))
				if with != nil {
					must(t, os.WriteFile(filepath.Join(s.dir, "datestone.db"), with, 0o666))
				}
				s.see("one") // as long as nothing is new, nobody looks at what is known
				s.store = s.open()
				code, out, said := s.try(vNext, "run")
				if code != exitDone || strings.Contains(said, "beginning again from the bucket") != (with != nil) {
					t.Errorf("exit code %d: %s%s", code, out, said)
				}
				s.clean("afterwards")
				return s.whole()
			}
			want := place(nil)
			if d := differ(place(grown), want); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestRebuildIndex wants the index that was made again to know what the one knew
// that grew, and to be whole.
func TestRebuildIndex(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, kind)
			s.run(vNow, "promote", "myfile", "frozen", string(vOne))
			grown := s.index()
			if out := s.run(vNow, "rebuild-index"); out != "myfile: read 4 records, 3 checkpoints, 3 lists of 29 files\n" {
				t.Errorf("said %q", out)
			}
			if d := cmp.Diff(grown, s.index()); d != "" {
				t.Errorf("(-grown +rebuilt):\n%s", d)
			}
			if out := s.run(vNow, "run"); out != "myfile: unchanged\n" {
				t.Errorf("the next run: %q", out)
			}
			s.run(vNow, "pin", "myfile", string(vOne))
			s.append(layout.Prune, vTwo, func(r *layout.Record) { r.Pruned = []layout.Stamp{vTwo} })
			s.run(vNow, "run")
			grown = s.index()
			if out := s.run(vNow, "rebuild-index", "--json"); out !=
				`{"repository":"myfile","records":6,"checkpoints":2,"lists":2,"files":19}`+"\n" {
				t.Errorf("said %q", out)
			}
			if d := cmp.Diff(grown, s.index()); d != "" {
				t.Errorf("with a checkpoint pruned (-grown +rebuilt):\n%s", d)
			}
			s.clean("nothing in the bucket changed")
		})
	}
}

// An indexContent is what an index knows, places aside.
type indexContent struct {
	Repo  index.Repo
	Files map[layout.Stamp][]layout.File
}

// index reads the index, wants it whole, and wants content to stand where it says.
func (s *damagedSite) index() indexContent {
	s.t.Helper()
	b, err := parseBucket(s.bucketURL, s.dir)
	must(s.t, err)
	db, err := index.Open(filepath.Join(s.dir, "datestone.db"), index.Config{Bucket: b.String()})
	must(s.t, err)
	defer db.Close()
	must(s.t, db.Check())
	got := indexContent{Files: map[layout.Stamp][]layout.File{}}
	got.Repo, err = db.Repo("myfile")
	must(s.t, err)
	for _, c := range got.Repo.Table.Checkpoints {
		root, err := db.Checkpoint("myfile", c.ID)
		must(s.t, err)
		for f, err := range db.Files(root) {
			must(s.t, err)
			got.Files[c.ID] = append(got.Files[c.ID], f)
			key, err := db.Holder(f.SHA256)
			if err != nil {
				s.t.Errorf("%s %s: %v", c.ID, f.Path, err)
				continue
			}
			if body, _ := s.read(key); layout.DigestOf([]byte(body)) != f.SHA256 {
				s.t.Errorf("%s %s does not stand at %s", c.ID, f.Path, key)
			}
		}
	}
	return got
}
