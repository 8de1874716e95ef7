package storetest_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) publish.Store { return &storetest.Memory{} })
}

// A site is what a publisher would put, in order; tests leave out or bend one
// thing.
type site struct {
	*testing.T
	m    *storetest.Memory
	logs []layout.Entry
}

const (
	base  = "checkpoints/myfile"
	first = layout.Stamp("20250318T140338Z")
	later = layout.Stamp("20250319T140338Z")
)

func newSite(t *testing.T) *site { return &site{T: t, m: &storetest.Memory{}} }

func (s *site) try(role layout.Role, key, body string) error {
	_, err := s.m.Put(s.Context(), publish.Bytes(layout.Object{
		Key: key, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body)), Header: layout.HeaderFor(role, key),
	}, []byte(body)))
	return err
}

func (s *site) put(role layout.Role, key, body string) {
	s.Helper()
	if err := s.try(role, key, body); err != nil {
		s.Fatal(err)
	}
}

// content puts all of a checkpoint but what is in without, and returns its
// file list.
func (s *site) content(id layout.Stamp, without string) layout.FileList {
	s.Helper()
	var files []layout.File
	for _, p := range []string{"1.iso", "dir/checkpoints.json", "log/1.json"} {
		files = append(files, layout.File{Path: p, Size: int64(len(p)), SHA256: layout.DigestOf([]byte(p)), FirstSeen: first})
		if p != without {
			s.put(layout.Content, layout.Key(base, id, p), p)
		}
	}
	var text bytes.Buffer
	list, err := layout.WriteFileList(&text, layout.Files(files))
	if err != nil {
		s.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		s.Fatal(err)
	}
	if without != "list" {
		s.put(layout.LogEntry, layout.FileListKey(base, list.SHA256), string(z.EncodeAll(text.Bytes(), nil)))
	}
	if without != "page" {
		s.put(layout.DirectoryPage, layout.Key(base, id, "index.html"), "<pre>")
	}
	return list
}

func (s *site) sync() {
	s.Helper()
	if err := s.m.Sync(s.Context()); err != nil {
		s.Fatal(err)
	}
}

// record appends the commit of a checkpoint to the log.
func (s *site) record(id layout.Stamp, list layout.FileList) error {
	s.Helper()
	r := layout.NewRecord(layout.Commit, s.head(), "myfile", base, id, id)
	r.List, r.Remote = &list, &layout.Remote{Type: "file"}
	return s.append(r)
}

func (s *site) head() layout.Head {
	head := layout.Head{Entries: len(s.logs)}
	if n := len(s.logs); n > 0 {
		head.SHA256 = s.logs[n-1].SHA256
	}
	return head
}

func (s *site) append(r layout.Record) error {
	s.Helper()
	b, err := r.Encode()
	if err != nil {
		s.Fatal(err)
	}
	if err := s.try(layout.LogEntry, layout.RecordKey(base, r.Entry), string(b)); err != nil {
		return err
	}
	s.logs = append(s.logs, layout.Entry{Record: r, SHA256: layout.DigestOf(b)})
	return nil
}

// commit publishes a checkpoint up to its record.
func (s *site) commit(id layout.Stamp) {
	s.Helper()
	list := s.content(id, "")
	s.sync()
	if err := s.record(id, list); err != nil {
		s.Fatal(err)
	}
}

// table returns the table of the first n entries of the log.
func (s *site) table(n int) layout.Table {
	s.Helper()
	settings := layout.Settings{Repository: "myfile", BasePath: base, PublicPath: "/"}
	t := layout.NewTable(settings)
	for _, e := range s.logs[:n] {
		if err := t.Apply(settings, e); err != nil {
			s.Fatal(err)
		}
	}
	return t
}

func (s *site) announce(t layout.Table) error {
	s.Helper()
	b, err := t.Encode()
	if err != nil {
		s.Fatal(err)
	}
	return s.try(layout.Listing, layout.TableKey(base), string(b))
}

func (s *site) wantViolation(err error, words ...string) {
	s.Helper()
	if !errors.Is(err, storetest.ErrViolation) {
		s.Fatalf("error = %v, want a violation", err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			s.Errorf("error = %v, want it to say %q", err, w)
		}
	}
	all := s.m.Violations()
	if len(all) == 0 || !strings.Contains(err.Error(), all[len(all)-1].Error()) {
		s.Errorf("violations = %v, want %v among them", all, err)
	}
}

func TestMemory_goodSiteHasNoViolations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(first)
	s.commit(later)
	for n := range 3 {
		if err := s.announce(s.table(n)); err != nil {
			t.Error(err)
		}
	}
	s.put(layout.Listing, layout.ListingKey(base), `<a href="./20250318T140338Z/">`+`<a href="../">`+`<a href="https://x/">`)
	s.put(layout.Listing, layout.MonthKey(base, first), `<a href="../../20250318T140338Z/">`)
	s.put(layout.Content, layout.Key(base, first, "1.iso"), "1.iso") // the same bytes again
	if v := s.m.Violations(); v != nil {
		t.Errorf("violations = %v, want none", v)
	}
}

func TestMemory_immutableIsNeverReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(layout.Content, "a", "one")
	s.wantViolation(s.try(layout.Content, "a", "two"), `put "a"`, "never changes")
	s.put(layout.Content, "b", "two")
	to := layout.Object{Key: "a", Size: 3, SHA256: layout.DigestOf([]byte("two"))}
	s.wantViolation(s.m.Link(t.Context(), "b", to), `link "a"`, "never changes")
	if o, _ := s.m.Look("a"); o.Body != "one" {
		t.Errorf("a is %q after violations, want %q", o.Body, "one")
	}
	s.put(layout.Listing, "page", "one")
	s.put(layout.Listing, "page", "two")
}

func TestMemory_linkIsWhatItsCallerSays(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.put(layout.Content, "a", "one")
	s.wantViolation(s.m.Link(t.Context(), "a", layout.Object{Key: "b", Size: 3, SHA256: layout.DigestOf(nil)}))
}

func TestMemory_recordOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for without, want := range map[string]string{
		"1.iso": "1.iso", "log/1.json": "log/1.json", "page": "index.html", "list": ".files.zst",
	} {
		t.Run("without "+without, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			list := s.content(first, without)
			s.sync()
			s.wantViolation(s.record(first, list), "commits checkpoint "+string(first), want, fs.ErrNotExist.Error())
		})
	}
	t.Run("with other bytes", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		list := s.content(first, "1.iso")
		s.put(layout.Content, layout.Key(base, first, "1.iso"), "other")
		s.sync()
		s.wantViolation(s.record(first, list), "1.iso", "the file list says 5")
	})
	t.Run("with a list that is another", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		list := s.content(first, "list")
		s.put(layout.LogEntry, layout.FileListKey(base, list.SHA256), "other")
		s.sync()
		s.wantViolation(s.record(first, list), "not the list it is named after")
	})
	t.Run("before it is synced", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		s.wantViolation(s.record(first, s.content(first, "")), "not synced")
	})
}

func TestMemory_tableOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(first)
	s.commit(later)
	t2 := s.table(2)

	unknown := s.table(1)
	unknown.Checkpoints = append(unknown.Checkpoints, layout.Checkpoint{ID: later, Record: 3})
	s.wantViolation(s.announce(unknown), "record 3")

	other := s.table(1)
	other.Checkpoints[0].ID = later
	s.wantViolation(s.announce(other), "commit of "+string(first))

	head := s.table(2)
	head.Log.SHA256 = layout.DigestOf(nil)
	s.wantViolation(s.announce(head), "head of the log")

	gone := layout.Key(base, first, "1.iso")
	if err := s.m.Delete(t.Context(), gone); err != nil { // nothing names it yet
		t.Fatal(err)
	}
	s.wantViolation(s.announce(t2), gone)
	s.wantViolation(s.try(layout.Listing, layout.ListingKey(base), `<a href="./20250318T140338Z/">`), gone)
}

func TestMemory_tableGoesForwardOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(first)
	s.commit(later)
	if err := s.announce(s.table(2)); err != nil {
		t.Fatal(err)
	}
	s.wantViolation(s.announce(s.table(1)), "goes back from 2 entries of the log to 1")
}

func TestMemory_listingOfWhatIsNotCommitted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.content(first, "")
	for _, key := range []string{layout.ListingKey(base), layout.MonthKey(base, first), layout.RootPageKey} {
		href := map[string]string{
			layout.ListingKey(base): "./", layout.MonthKey(base, first): "../../", layout.RootPageKey: base + "/",
		}[key]
		s.wantViolation(s.try(layout.Listing, key, `<a href="`+href+string(first)+`/">`), "no commit of it")
	}
}

func TestMemory_whatIsNamedIsNotDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(first)
	s.wantViolation(s.m.Delete(t.Context(), layout.RecordKey(base, 1)), "nothing leaves the log")
	if err := s.announce(s.table(1)); err != nil {
		t.Fatal(err)
	}
	s.wantViolation(s.m.Delete(t.Context(), layout.Key(base, first, "dir/checkpoints.json")), "table names its checkpoint")
}

func TestMemory_whatIsRedactedGoesAndStaysAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(first)
	if err := s.announce(s.table(1)); err != nil {
		t.Fatal(err)
	}
	r := layout.NewRecord(layout.Redact, s.head(), "myfile", base, later, later)
	r.Redacted, r.Reason = []layout.Digest{layout.DigestOf([]byte("1.iso"))}, "court order"
	if err := s.append(r); err != nil {
		t.Fatal(err)
	}
	if err := s.m.Purge(t.Context(), layout.Key(base, first, "1.iso")); err != nil {
		t.Fatal(err)
	}
	if err := s.announce(s.table(2)); err != nil {
		t.Error(err)
	}
	s.wantViolation(s.m.Purge(t.Context(), layout.Key(base, first, "log/1.json")), "table names its checkpoint")
	list := s.content(later, "")
	s.sync()
	s.wantViolation(s.record(later, list), "1.iso", "redacted")
}

func TestMemory_check(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	broken := errors.New("no such key is wanted")
	s.m.Check = func(m *storetest.Memory) error {
		if _, ok := m.Look("b"); ok {
			return broken
		}
		return nil
	}
	s.put(layout.Content, "a", "x")
	if err := s.try(layout.Content, "b", "x"); !errors.Is(err, broken) {
		t.Errorf("Put = %v, want %q", err, broken)
	}
	if v := s.m.Violations(); len(v) != 1 || !errors.Is(v[0], broken) {
		t.Errorf("violations = %v, want %q", v, broken)
	}
}
