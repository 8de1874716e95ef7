package publish_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

var trio = map[string]string{"a": "one", "b": "two", "d/c": "three"}

func TestPlaceLinksAndFetches(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	old := layout.Key(base, stamp(1), "a")
	must(t, b.Create(t.Context(), object(old, "one")))
	p := plan(stamp(2), trio)
	steps := p.Steps(func(f layout.File) (string, error) {
		if f.Path == "a" {
			return old, nil
		}
		return "", nil
	})
	fetched := map[string]string{"b": "two", "d/c": "three"} // a is linked, or its upload is an error
	must(t, b.Place(t.Context(), steps, from(b, p, fetched)))
	want := map[string]string{old: "one"}
	for path, body := range trio {
		want[layout.Key(base, stamp(2), path)] = body
	}
	if d := cmp.Diff(want, bodies(m)); d != "" {
		t.Error(d)
	}
}

// TestPlaceFetchesWhatIsGone links from where nothing stands any more.
func TestPlaceFetchesWhatIsGone(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	m := &storetest.Memory{}
	b := newBucket(t, m)
	p := plan(stamp(1), trio)
	steps := p.Steps(func(f layout.File) (string, error) {
		if f.Path == "b" {
			return "", nil
		}
		return "pruned", nil
	})
	var asked [][]string
	fetch := func(ctx context.Context, files iter.Seq2[layout.File, error]) error {
		var paths []string
		err := from(b, p, trio)(ctx, func(yield func(layout.File, error) bool) {
			for f, err := range files {
				if paths = append(paths, f.Path); !yield(f, err) {
					return
				}
			}
		})
		asked = append(asked, paths)
		return err
	}
	must(t, b.Place(t.Context(), steps, fetch))
	if d := cmp.Diff([][]string{{"b"}, {"a", "d/c"}}, asked); d != "" {
		t.Error(d)
	}
	for path, body := range trio {
		if o, _ := m.Look(layout.Key(base, stamp(1), path)); o.Body != body {
			t.Errorf("%s is %q, want %q", path, o.Body, body)
		}
	}
	calls := 0
	err := b.Place(t.Context(), p.Steps(func(layout.File) (string, error) { return "pruned", nil }),
		func(ctx context.Context, files iter.Seq2[layout.File, error]) error {
			for range files {
				calls++
			}
			if calls > 0 {
				return boom
			}
			return nil
		})
	wantIs(t, err, boom)
}

func TestPlaceEndsWithAnError(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	m := &storetest.Memory{}
	b := newBucket(t, m)
	p := plan(stamp(2), trio)

	err := b.Place(t.Context(), p.Steps(lacksAll), func(context.Context, iter.Seq2[layout.File, error]) error { return boom })
	wantIs(t, err, boom)
	err = b.Place(t.Context(), p.Steps(func(layout.File) (string, error) { return "", boom }), from(b, p, trio))
	wantIs(t, err, boom)
	ctx, cancel := context.WithCancelCause(t.Context())
	err = b.Place(ctx, p.Steps(lacksAll), func(ctx context.Context, files iter.Seq2[layout.File, error]) error {
		for range files {
			cancel(boom)
		}
		return nil
	})
	wantIs(t, err, boom)
}

// unfinished returns the paths of the steps that are left to do.
func unfinished(t testing.TB, b *publish.Bucket, p layout.Plan) (paths []string) {
	t.Helper()
	for s, err := range b.Unfinished(t.Context(), layout.CheckpointPrefix(base, p.ID), p.Steps(lacksAll)) {
		must(t, err)
		paths = append(paths, s.File.Path)
	}
	return paths
}

// putWrong writes bytes that are not those of the plan, as a power cut leaves
// them in a store that writes lazily.
func putWrong(t testing.TB, m *storetest.Memory, key, body string) {
	t.Helper()
	_, err := m.Put(t.Context(), object(key, body))
	must(t, err)
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	p := plan(stamp(1), trio)
	if d := cmp.Diff([]string{"a", "b", "d/c"}, unfinished(t, b, p)); d != "" {
		t.Errorf("of nothing: %s", d)
	}
	putWrong(t, m, layout.Key(base, stamp(1), "a"), "one")
	putWrong(t, m, layout.Key(base, stamp(1), "b"), "")        // truncated
	putWrong(t, m, layout.Key(base, stamp(1), "d/c"), "THREE") // of the right size
	putWrong(t, m, layout.Key(base, stamp(1), "zzz"), "not of the plan")
	if d := cmp.Diff([]string{"b", "d/c"}, unfinished(t, b, p)); d != "" {
		t.Error(d)
	}
	must(t, b.Place(t.Context(), b.Unfinished(t.Context(), layout.CheckpointPrefix(base, p.ID), p.Steps(lacksAll)), from(b, p, trio)))
	if got := unfinished(t, b, p); got != nil {
		t.Errorf("left to do after all was done: %v", got)
	}
	for path, body := range trio {
		if o, _ := m.Look(layout.Key(base, stamp(1), path)); o.Body != body {
			t.Errorf("%s is %q, want %q", path, o.Body, body)
		}
	}
}

func TestStanding(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	p := plan(stamp(1), trio)
	key := layout.Key(base, stamp(1), "a")
	putWrong(t, m, key, "one")
	putWrong(t, m, layout.Key(base, stamp(1), "b"), "tw")
	got := map[layout.Digest]string{}
	must(t, b.Standing(t.Context(), p, got))
	if d := cmp.Diff(map[layout.Digest]string{layout.DigestOf([]byte("one")): key}, got); d != "" {
		t.Error(d)
	}
}

func TestPagesOnceMoreAreNothing(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	b := newBucket(t, m)
	p := plan(stamp(1), trio)
	must(t, b.Pages(t.Context(), p))
	before := bodies(m)
	must(t, b.Pages(t.Context(), p))
	if d := cmp.Diff(before, bodies(m)); d != "" || len(before) != 2 {
		t.Errorf("%d pages, %s", len(before), d)
	}
	p.Source = layout.Source{Repository: "debian", URL: "https://elsewhere.example.org/debian/", ID: p.ID}
	must(t, b.Pages(t.Context(), p))
	if d := cmp.Diff(before, bodies(m)); d != "" {
		t.Errorf("with another public URL: %s", d)
	}
}
