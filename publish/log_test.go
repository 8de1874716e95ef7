package publish_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

func stamp(n int) layout.Stamp {
	s := layout.Stamp("20250318T140338Z")
	for range n {
		s = s.Next()
	}
	return s
}

func seen(head layout.Head, n int) layout.Record {
	r := layout.NewRecord(layout.Seen, head, repo, base, stamp(n), stamp(n))
	r.Remote = &layout.Remote{Type: "file"}
	return r
}

// grow appends n records.
func grow(t testing.TB, l *publish.Log, n int) (head layout.Head) {
	t.Helper()
	for i := range n {
		e, err := l.Append(t.Context(), seen(head, i))
		must(t, err)
		head = layout.Head{Entries: e.Entry, SHA256: e.SHA256}
	}
	return head
}

func TestAppend(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	r := seen(grow(t, l, 2), 3)
	e, err := l.Append(t.Context(), r)
	must(t, err)
	again, err := l.Append(t.Context(), r) // as after a reply that was lost
	must(t, err)
	if d := cmp.Diff(e, again); d != "" {
		t.Error(d)
	}
	other := r
	other.ID = stamp(9)
	_, err = l.Append(t.Context(), other)
	wantIs(t, err, publish.ErrConflict)
	if got, err := l.Entry(t.Context(), 3); err != nil || got.ID != r.ID {
		t.Errorf("entry 3 is %s, %v", got.ID, err)
	}
}

func TestAppendWhoseReplyIsLost(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	m.FailAt(1, storetest.TemporaryDoneButFailed)
	if head := grow(t, newBucket(t, m).Log(repo, base), 1); head.Entries != 1 {
		t.Error(head)
	}
}

func entries(t testing.TB, l *publish.Log, n int) (got []int) {
	t.Helper()
	for e, err := range l.After(t.Context(), n) {
		must(t, err)
		got = append(got, e.Entry)
	}
	return got
}

func TestAfter(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	if got := entries(t, l, 0); got != nil || m.Calls() != 1 {
		t.Errorf("an empty log has %v, found by %d calls", got, m.Calls())
	}
	grow(t, l, 23)
	for n := range 24 {
		var want []int
		for i := n + 1; i <= 23; i++ {
			want = append(want, i)
		}
		if d := cmp.Diff(want, entries(t, l, n)); d != "" {
			t.Errorf("after %d: %s", n, d)
		}
	}
	before := m.Calls()
	if got := entries(t, l, 23); got != nil || m.Calls() != before+1 {
		t.Errorf("after the end: %v, by %d calls, want 1", got, m.Calls()-before)
	}
}

// forgets is a store that lost an object.
type forgets struct {
	*storetest.Memory
	key string
}

func (f forgets) Get(ctx context.Context, key string, offset, length int64) (r io.ReadCloser, i publish.Info, err error) {
	if key == f.key {
		return nil, i, fs.ErrNotExist
	}
	return f.Memory.Get(ctx, key, offset, length)
}

func TestAfterEndsAtAHole(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	grow(t, newBucket(t, m).Log(repo, base), 6)
	l := newBucket(t, forgets{m, layout.RecordKey(base, 3)}).Log(repo, base)
	if d := cmp.Diff([]int{1, 2}, entries(t, l, 0)); d != "" {
		t.Error(d)
	}
}

func TestAfterPassesErrorsOn(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	grow(t, l, 3)
	m.Restart()
	m.FailAt(2, storetest.Failed)
	var last error
	n := 0
	for _, err := range l.After(t.Context(), 0) {
		if last = err; err == nil {
			n++
		}
	}
	wantIs(t, last, storetest.ErrFault)
	if n == 0 {
		t.Error("the entry before the error is lost")
	}
}

// claim makes a claim of the bodies.
func claim(t testing.TB, l *publish.Log, id layout.Stamp, content map[string]string) layout.Claim {
	t.Helper()
	list, body, err := publish.EncodeFileList(layout.Files(files(content, id)))
	must(t, err)
	c := layout.NewClaim(repo, base, id, list, layout.Remote{Type: "file"})
	must(t, l.Claim(t.Context(), c, body))
	return c
}

func ids(claims []layout.Claim) (all []layout.Stamp) {
	for _, c := range claims {
		all = append(all, c.ID)
	}
	return all
}

func TestClaims(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	quiet, err := l.Quiet(t.Context())
	if !quiet || err != nil {
		t.Errorf("an empty bucket: quiet is %t, %v", quiet, err)
	}
	one := map[string]string{"a": "one"}
	second := claim(t, l, stamp(2), one)
	first := claim(t, l, stamp(1), one)
	if quiet, err = l.Quiet(t.Context()); quiet || err != nil {
		t.Errorf("with claims: quiet is %t, %v", quiet, err)
	}
	got, err := l.Claims(t.Context())
	must(t, err)
	if d := cmp.Diff(publish.Claims{Open: []layout.Claim{first, second}}, got); d != "" {
		t.Error(d)
	}
	_, other, err := publish.EncodeFileList(layout.Files(files(map[string]string{"a": "two"}, stamp(1))))
	must(t, err)
	wantIs(t, l.Claim(t.Context(), first, other), publish.ErrConflict)

	must(t, l.Unclaim(t.Context(), first.ID))
	must(t, l.Unclaim(t.Context(), first.ID)) // once more is nothing
	if claimed, err := l.Claimed(t.Context(), first.ID); claimed || err != nil {
		t.Errorf("it is claimed: %t, %v", claimed, err)
	}
	if claimed, err := l.Claimed(t.Context(), second.ID); !claimed || err != nil {
		t.Errorf("the other is claimed: %t, %v", claimed, err)
	}
	got, err = l.Claims(t.Context())
	must(t, err)
	if d := cmp.Diff([]layout.Stamp{second.ID}, ids(got.Open)); d != "" {
		t.Error(d)
	}
}

func TestHalfAClaim(t *testing.T) {
	t.Parallel()
	for lacks, want := range map[string]struct{ halves, torn []layout.Stamp }{
		layout.ClaimKey(repo, stamp(1)):      {halves: []layout.Stamp{stamp(1)}},
		layout.ClaimFilesKey(repo, stamp(1)): {torn: []layout.Stamp{stamp(1)}},
	} {
		m := &storetest.Memory{}
		l := newBucket(t, m).Log(repo, base)
		claim(t, l, stamp(1), nil)
		whole := claim(t, l, stamp(2), nil)
		content := layout.Key(base, stamp(1), "a")
		m.Plant(content, &storetest.Object{Body: "brought in"})
		must(t, m.Delete(t.Context(), lacks))
		got, err := l.Claims(t.Context())
		must(t, err)
		if d := cmp.Diff([]layout.Stamp{whole.ID}, ids(got.Open)) + cmp.Diff(want.halves, got.Halves) + cmp.Diff(want.torn, ids(got.Torn)); d != "" {
			t.Errorf("without %s: %s", lacks, d)
		}
		if got.Newest() != stamp(2) {
			t.Errorf("without %s: the newest that is taken is %q", lacks, got.Newest())
		}
		for _, c := range got.Torn {
			must(t, l.DropTorn(t.Context(), c.ID))
		}
		for _, id := range got.Halves {
			must(t, l.Unclaim(t.Context(), id))
		}
		if n := len(m.Snapshot()); n != 3-len(want.torn) {
			t.Errorf("without %s: %d objects are left", lacks, n)
		}
	}
}

// A lateStore carries out a delete when it has listed.
type lateStore struct {
	*storetest.Memory
	late string // key
}

func (s lateStore) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	return func(yield func(publish.Info, error) bool) {
		for info, err := range s.Memory.List(ctx, prefix) {
			if !yield(info, err) {
				return
			}
		}
		if err := s.Delete(ctx, s.late); err != nil {
			yield(publish.Info{}, err)
		}
	}
}

// What a run deletes that is killed then may go when another has listed it.
func TestClaimThatGoesMeanwhile(t *testing.T) {
	t.Parallel()
	m := lateStore{&storetest.Memory{}, layout.ClaimKey(repo, stamp(1))}
	l := newBucket(t, m).Log(repo, base)
	claim(t, l, stamp(1), nil)
	whole := claim(t, l, stamp(2), nil)
	got, err := l.Claims(t.Context())
	must(t, err)
	if d := cmp.Diff([]layout.Stamp{whole.ID}, ids(got.Open)) + cmp.Diff([]layout.Stamp{stamp(1)}, got.Halves); d != "" {
		t.Error(d)
	}
}

func TestForeignClaimIsRefused(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	claim(t, newBucket(t, m).Log(repo, base), stamp(1), nil)
	_, err := newBucket(t, m).Log(repo, "elsewhere").Claims(t.Context())
	if err == nil || !strings.Contains(err.Error(), base) {
		t.Errorf("got %v", err)
	}
}

func TestDropRemovesExactlyItsKeys(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	l := b.Log(repo, base)
	content := map[string]string{"a": "one", "d/b": "two"}
	p := plan(stamp(1), content)
	claim(t, l, stamp(1), content)
	must(t, b.Place(t.Context(), p.Steps(lacksAll), from(b, p, content)))
	must(t, b.Pages(t.Context(), p))
	neighbour := object(layout.Key(base, stamp(2), "a"), "one")
	must(t, b.Create(t.Context(), neighbour))
	must(t, l.Drop(t.Context(), p))
	if d := cmp.Diff(map[string]string{neighbour.Key: "one"}, bodies(m)); d != "" {
		t.Error(d)
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	l := b.Log(repo, base)
	content := map[string]string{"a": "one", "d/b": "two"}
	p := plan(stamp(1), content)
	c := claim(t, l, stamp(1), content)
	if _, err := l.Commit(t.Context(), c, layout.Head{}, stamp(1)); !errors.Is(err, storetest.ErrViolation) {
		t.Fatalf("the store let a checkpoint be committed whose content is missing: %v", err)
	}
	must(t, b.Place(t.Context(), p.Steps(lacksAll), from(b, p, content)))
	must(t, b.Pages(t.Context(), p))
	e, err := l.Commit(t.Context(), c, layout.Head{}, stamp(1))
	must(t, err)
	if e.Kind != layout.Commit || e.ID != c.ID || *e.List != c.List {
		t.Errorf("got %+v", e)
	}
	var got []layout.File
	for f, err := range l.Files(t.Context(), *e.List) {
		must(t, err)
		got = append(got, f)
	}
	if d := cmp.Diff(files(content, stamp(1)), got); d != "" {
		t.Error(d)
	}
	_, err = l.Commit(t.Context(), claim(t, l, stamp(2), content), layout.Head{}, stamp(2))
	wantIs(t, err, publish.ErrConflict)
}

// A witness remembers which objects were to survive a power cut whole.
type witness struct {
	*storetest.Memory
	mu    sync.Mutex
	whole map[string]bool
}

func (w *witness) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	w.mu.Lock()
	w.whole[p.Key] = p.Whole
	w.mu.Unlock()
	return w.Memory.Put(ctx, p)
}

func TestWhatIsReadToFinishIsWhole(t *testing.T) {
	t.Parallel()
	w := &witness{Memory: &storetest.Memory{}, whole: map[string]bool{}}
	b := newBucket(t, w)
	l := b.Log(repo, base)
	p := plan(stamp(1), trio)
	must(t, l.Locked(t.Context(), config("a"), func(ctx context.Context) error {
		c := claim(t, l, stamp(1), trio)
		must(t, b.Place(ctx, p.Steps(lacksAll), from(b, p, trio)))
		must(t, b.Pages(ctx, p))
		_, err := l.Commit(ctx, c, layout.Head{}, stamp(1))
		must(t, err)
		must(t, b.Advance(ctx, listing(1, "")))
		return b.Register(ctx, row("a"), "/")
	}))
	for key, whole := range w.whole {
		if want := !strings.HasPrefix(key, layout.CheckpointPrefix(base, stamp(1))); whole != want {
			t.Errorf("%s is put with Whole %t, want %t", key, whole, want)
		}
	}
	if len(w.whole) < 10 {
		t.Errorf("only %d objects were put", len(w.whole))
	}
}
