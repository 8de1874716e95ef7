package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

const (
	repo = "myfile"
	base = "checkpoints/myfile"
)

func newBucket(t testing.TB, s publish.Store) *publish.Bucket {
	t.Helper()
	b, err := publish.New(publish.Config{Store: s, Jobs: 4, Attempts: 4, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantIs(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

func object(key, body string) publish.Put {
	page := layout.NewPage(layout.LogEntry, key, []byte(body), 0)
	return publish.Bytes(page.Object, page.Body)
}

func TestNewWantsAllThatASiteNeeds(t *testing.T) {
	t.Parallel()
	_, err := publish.New(publish.Config{Store: struct{ publish.Store }{&storetest.Memory{}}})
	wantIs(t, err, errors.ErrUnsupported)
}

func TestCreate(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	must(t, b.Create(t.Context(), object("a/log/x", "one")))
	must(t, b.Create(t.Context(), object("a/log/x", "one"))) // the same bytes
	wantIs(t, b.Create(t.Context(), object("a/log/x", "two")), publish.ErrConflict)
	wantIs(t, b.Create(t.Context(), object("a/log/x", "longer")), publish.ErrConflict)
	if o, _ := m.Look("a/log/x"); o.Body != "one" {
		t.Errorf("it is %q now, want %q", o.Body, "one")
	}
}

func TestCreateWhoseReplyIsLost(t *testing.T) {
	t.Parallel()
	for _, fault := range []storetest.Fault{storetest.TemporaryFailed, storetest.TemporaryDoneButFailed} {
		m := &storetest.Memory{}
		m.FailAt(1, fault)
		must(t, newBucket(t, m).Create(t.Context(), object("a/log/x", "one")))
		if o, _ := m.Look("a/log/x"); o.Body != "one" {
			t.Errorf("%s: it is %q", fault, o.Body)
		}
	}
}

func TestTemporaryFailuresEnd(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	for n := range 10 {
		m.FailAt(n+1, storetest.TemporaryFailed)
	}
	_, _, err := newBucket(t, m).Read(t.Context(), "x", 10)
	wantIs(t, err, publish.ErrTemporary)
	if m.Calls() != 4 {
		t.Errorf("%d attempts, want 4", m.Calls())
	}
	m = &storetest.Memory{}
	m.FailAt(1, storetest.Failed)
	_, _, err = newBucket(t, m).Read(t.Context(), "x", 10)
	wantIs(t, err, storetest.ErrFault)
	if m.Calls() != 1 {
		t.Errorf("%d attempts of what can't succeed, want 1", m.Calls())
	}
}

func TestReadLimit(t *testing.T) {
	t.Parallel()
	b := newBucket(t, &storetest.Memory{})
	must(t, b.Create(t.Context(), object("x", "12345")))
	body, _, err := b.Read(t.Context(), "x", 5)
	if err != nil || string(body) != "12345" {
		t.Errorf("got %q, %v", body, err)
	}
	if _, _, err := b.Read(t.Context(), "x", 4); err == nil || !strings.Contains(err.Error(), `"x": more than 4 bytes`) {
		t.Errorf("got %v", err)
	}
}

func listing(changes int, text string) layout.Page {
	return layout.NewPage(layout.Listing, "x.json", fmt.Appendf(nil, `{"changes":%d,"text":%q}`, changes, text), changes)
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	for _, step := range []struct {
		name string
		page layout.Page
		want layout.Page
	}{
		{"what is missing is made", listing(2, "b"), listing(2, "b")},
		{"forward", listing(3, "c"), listing(3, "c")},
		{"never back", listing(2, "b"), listing(3, "c")},
		{"as far, but drawn otherwise", listing(3, "C"), listing(3, "C")},
		{"far forward", listing(9, "z"), listing(9, "z")},
	} {
		must(t, b.Advance(t.Context(), step.page))
		if o, _ := m.Look("x.json"); o.Body != string(step.want.Body) {
			t.Errorf("%s: got %s, want %s", step.name, o.Body, step.want.Body)
		}
	}
	before := m.Calls()
	must(t, b.Advance(t.Context(), listing(9, "z")))
	if n := m.Calls() - before; n != 1 {
		t.Errorf("%d calls to leave it as it is, want 1", n)
	}
}

func TestAdvanceOfManyAtOnce(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	back := 0
	shown := -1
	m.Check = func(m *storetest.Memory) error {
		o, _ := m.Look("x.json")
		n, _ := layout.ShownChanges([]byte(o.Body))
		if n < shown {
			back++
		}
		shown = n
		return nil
	}
	m.Check = serial(m.Check)
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			if err := b.Advance(t.Context(), listing(n, "")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if o, _ := m.Look("x.json"); o.Body != string(listing(39, "").Body) || back > 0 {
		t.Errorf("it shows %s, and went back %d times", o.Body, back)
	}
}

func serial(f func(*storetest.Memory) error) func(*storetest.Memory) error {
	var mu sync.Mutex
	return func(m *storetest.Memory) error {
		mu.Lock()
		defer mu.Unlock()
		return f(m)
	}
}

func row(name string) layout.Repository { return layout.NewRepository(name, "r/"+name, "file") }

func TestRegisterOfManyAtOnce(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	names := []string{"a", "b", "c", "d", "e"}
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			if err := newBucket(t, m).Register(t.Context(), row(name), "/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, _, err := newBucket(t, m).Repositories(t.Context())
	must(t, err)
	var got []string
	for _, r := range list.Repositories {
		got = append(got, r.Name)
	}
	if d := cmp.Diff(names, got); d != "" {
		t.Error(d)
	}
	for _, key := range []string{layout.RootPageKey, "r/index.html"} {
		page, _ := m.Look(key)
		for _, name := range names {
			if !strings.Contains(page.Body, name+"/") {
				t.Errorf("%s lacks %s", key, name)
			}
		}
	}
}

func TestRegisterIsCompleted(t *testing.T) {
	t.Parallel()
	undisturbed := &storetest.Memory{}
	must(t, newBucket(t, undisturbed).Register(t.Context(), row("a"), "/"))
	for n := 1; n <= undisturbed.Calls(); n++ {
		for _, fault := range []storetest.Fault{storetest.KilledBefore, storetest.KilledAfter} {
			m := &storetest.Memory{}
			m.FailAt(n, fault)
			if err := newBucket(t, m).Register(t.Context(), row("a"), "/"); !errors.Is(err, storetest.ErrKilled) {
				t.Errorf("call %d %s: got error %v", n, fault, err)
			}
			m.Restart()
			must(t, newBucket(t, m).Register(t.Context(), row("a"), "/"))
			if d := cmp.Diff(bodies(undisturbed), bodies(m)); d != "" {
				t.Errorf("call %d %s: %s", n, fault, d)
			}
		}
	}
}

func bodies(m *storetest.Memory) map[string]string {
	all := map[string]string{}
	for key, o := range m.Snapshot() {
		all[key] = o.Body
	}
	return all
}

// A forgetful store takes no notice of conditions and digests, as some do.
type forgetful struct{ *storetest.Memory }

func (f forgetful) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	p.Create, p.IfMatch, p.SHA256 = false, "", layout.Digest{}
	return f.Memory.Put(ctx, p)
}

func TestProbe(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	for range 2 {
		got, err := newBucket(t, m).Probe(t.Context())
		if want := (publish.Honours{Create: true, IfMatch: true, Digest: true}); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	got, err := newBucket(t, forgetful{m}).Probe(t.Context())
	if err != nil || got != (publish.Honours{}) {
		t.Errorf("of a forgetful store: got %+v, %v", got, err)
	}
	if n := len(m.Snapshot()); n != 1 {
		t.Errorf("it left %d objects, want 1", n)
	}
}

func TestShows(t *testing.T) {
	t.Parallel()
	b := newBucket(t, &storetest.Memory{})
	n, err := b.Shows(t.Context(), "x.json")
	if n != 0 || err != nil {
		t.Errorf("of nothing: %d, %v", n, err)
	}
	must(t, b.Advance(t.Context(), listing(7, "")))
	if n, err = b.Shows(t.Context(), "x.json"); n != 7 || err != nil {
		t.Errorf("got %d, %v, want 7", n, err)
	}
}

func TestSlowDownIsObeyedAndForgotten(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b, err := publish.New(publish.Config{Store: m, Jobs: 8, Attempts: 20, Pause: time.Millisecond})
	must(t, err)
	m.SlowDown(6)
	var wg sync.WaitGroup
	for n := range 64 {
		wg.Go(func() {
			if err := b.Create(t.Context(), object(fmt.Sprint("k/", n), "x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(m.Snapshot()); got != 64 {
		t.Errorf("%d objects, want 64", got)
	}
}

func files(bodies map[string]string, id layout.Stamp) []layout.File {
	var all []layout.File
	for p, body := range bodies {
		all = append(all, layout.File{Path: p, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body)), FirstSeen: id})
	}
	slices.SortFunc(all, func(a, b layout.File) int { return strings.Compare(a.Path, b.Path) })
	return all
}

func plan(id layout.Stamp, bodies map[string]string) layout.Plan {
	return layout.Plan{Base: base, PublicPath: "/", ID: id, Files: layout.Files(files(bodies, id))}
}

// from returns a fetch that has the content.
func from(b *publish.Bucket, p layout.Plan, bodies map[string]string) publish.Fetch {
	return func(ctx context.Context, files iter.Seq2[layout.File, error]) error {
		for f, err := range files {
			if err == nil {
				err = b.Upload(ctx, p, f, func(context.Context) (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader(bodies[f.Path])), nil
				})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func lacksAll(layout.File) (string, error) { return "", nil }
