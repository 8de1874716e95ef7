package layout_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func plan(files ...layout.File) layout.Plan {
	return layout.Plan{Base: "debian", PublicPath: "/", ID: second, Files: layout.Files(files)}
}

func TestStepsSayWhatStandsWhere(t *testing.T) {
	t.Parallel()
	files := []layout.File{file("Release", 42, first), file("pool/a+b.deb", 7, second)}
	held := func(f layout.File) (string, error) {
		if f.FirstSeen == first {
			return "debian/20250318T140338Z/Release", nil
		}
		return "", nil
	}
	var got []layout.Step
	for s, err := range plan(files...).Steps(held) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	const forever = "public, max-age=31536000, immutable"
	want := []layout.Step{
		{File: files[0], From: "debian/20250318T140338Z/Release", Object: layout.Object{Key: "debian/20250318T140442Z/Release", Size: 42,
			SHA256: files[0].SHA256, Header: layout.Header{ContentType: "text/plain; charset=utf-8", CacheControl: forever}}},
		{File: files[1], Object: layout.Object{Key: "debian/20250318T140442Z/pool/a+b.deb", Size: 7,
			SHA256: files[1].SHA256, Header: layout.Header{ContentType: "application/vnd.debian.binary-package", CacheControl: forever}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStepsEndWithAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	asked, passed := 0, 0
	held := func(layout.File) (string, error) {
		if asked++; asked == 2 {
			return "", broken
		}
		return "", nil
	}
	var last error
	for _, err := range plan(filesAt("a", "b", "c")...).Steps(held) {
		if last = err; err == nil {
			passed++
		}
	}
	if !errors.Is(last, broken) || passed != 1 || asked != 2 {
		t.Errorf("%d steps, %d questions, %v", passed, asked, last)
	}
	bad := layout.Plan{Base: "a", ID: first, Files: func(yield func(layout.File, error) bool) { yield(layout.File{}, broken) }}
	for _, err := range bad.Steps(func(layout.File) (string, error) { t.Error("asked for a file that is none"); return "", nil }) {
		last = err
	}
	for _, err := range bad.Keys() {
		if !errors.Is(err, broken) {
			t.Errorf("keys: got %v", err)
		}
	}
	if !errors.Is(last, broken) {
		t.Errorf("steps: got %v", last)
	}
}

func TestKeysAreAllThatACheckpointHas(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files []layout.File
		want  []string
	}{
		{"an empty one has its page", nil, []string{"index.html"}},
		{"files, then pages from the inside out", filesAt("a", "b/c/d", "e/index.html"),
			[]string{"a", "b/c/d", "e/index.html", "b/c/index.html", "b/index.html", "index.html"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var want, got []string
			for _, k := range tc.want {
				want = append(want, "debian/20250318T140442Z/"+k)
			}
			for k, err := range plan(tc.files...).Keys() {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, k)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysStopWhenAsked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3} { // at a file, and at a page
		for range plan(filesAt("a", "b")...).Keys() {
			if n--; n == 0 {
				break
			}
		}
	}
}
