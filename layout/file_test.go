package layout_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// collect returns what passed, and the error at the end.
func collect(files iter.Seq2[layout.File, error]) (passed []layout.File, last error) {
	for f, err := range files {
		if err != nil {
			return passed, err
		}
		passed = append(passed, f)
	}
	return passed, nil
}

func paths(files []layout.File) []string {
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

func filesAt(paths ...string) []layout.File {
	var files []layout.File
	for _, p := range paths {
		files = append(files, file(p, 1, first))
	}
	return files
}

func TestSorted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		paths []string
		pass  int    // how many come before the error
		want  string // in the error; none where empty
	}{
		{"nothing is sorted", nil, 0, ""},
		{"capital letters come first", []string{"Z", "a", "é"}, 3, ""},
		{"a directory beside names it begins", []string{"a-x", "a/b", "a0", "ab/c"}, 4, ""},
		{"twice", []string{"a", "a"}, 1, `"a" is there twice`},
		{"backwards", []string{"b", "a"}, 1, "not sorted"},
		{"a file that is also a directory", []string{"a", "a/b"}, 1, `"a" is a file, and a directory of "a/b"`},
		{"the same with others between", []string{"a", "a-x", "a.b", "a/b"}, 3, `"a" is a file, and a directory of "a/b"`},
		{"the same two levels up", []string{"a", "a-x", "a-x-y", "a/b/c"}, 3, `"a" is a file`},
		{"the same deeper", []string{"a/b", "a/b-c", "a/b/c"}, 2, `"a/b" is a file`},
		{"one that was left behind is not taken for it", []string{"a", "a-x", "b", "b-x", "c/d"}, 5, ""},
		{"a path that is not canonical", []string{"a", "b/../c"}, 1, `".." segment`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			passed, err := collect(layout.Sorted(layout.Files(filesAt(tc.paths...))))
			if want := strings.Join(tc.paths[:tc.pass], " "); strings.Join(paths(passed), " ") != want {
				t.Errorf("passed %q, want %q", paths(passed), want)
			}
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestSortedHandsErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := collect(layout.Sorted(func(yield func(layout.File, error) bool) {
		_ = yield(file("a", 1, first), nil) && yield(layout.File{}, broken)
	}))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestFirstSeen(t *testing.T) {
	t.Parallel()
	grown := file("a", 2, first)
	other := file("a", 1, first)
	other.SHA256 = layout.DigestOf([]byte("other"))
	for _, tc := range []struct {
		name          string
		before, files []layout.File
		want          []layout.Stamp
	}{
		{"the first state is seen now", nil, filesAt("a", "b"), []layout.Stamp{second, second}},
		{"what stays keeps its time", filesAt("a", "b"), filesAt("a", "b"), []layout.Stamp{first, first}},
		{"what is new is seen now", filesAt("b"), filesAt("a", "b", "c"), []layout.Stamp{second, first, second}},
		{"what went does not matter", filesAt("a", "b", "c", "d"), filesAt("b", "d"), []layout.Stamp{first, first}},
		{"another size is another content", filesAt("a"), []layout.File{grown}, []layout.Stamp{second}},
		{"another digest is another content", filesAt("a"), []layout.File{other}, []layout.Stamp{second}},
		{"nothing left", filesAt("a"), nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := collect(layout.FirstSeen(layout.Files(tc.before), layout.Files(tc.files), second))
			if err != nil {
				t.Fatal(err)
			}
			var seen []layout.Stamp
			for _, f := range got {
				seen = append(seen, f.FirstSeen)
			}
			if diff := cmp.Diff(tc.want, seen); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstSeenEndsWithEitherError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	bad := func(yield func(layout.File, error) bool) { yield(layout.File{}, broken) }
	good := layout.Files(filesAt("a", "b"))
	if _, err := collect(layout.FirstSeen(bad, good, second)); !errors.Is(err, broken) {
		t.Errorf("the state before is broken: got %v", err)
	}
	if _, err := collect(layout.FirstSeen(good, bad, second)); !errors.Is(err, broken) {
		t.Errorf("the new state is broken: got %v", err)
	}
}

func TestSameContentIgnoresWhenItWasSeen(t *testing.T) {
	t.Parallel()
	a := file("a", 1, first)
	later, path, size, sum, upstream := a, a, a, a, a
	later.FirstSeen, path.Path, size.Size, sum.SHA256, upstream.Upstream = second, "b", 2, layout.Digest{}, "sha512:00"
	if !a.SameContent(later) {
		t.Error("the same content seen later is not the same")
	}
	for _, f := range []layout.File{path, size, sum, upstream} {
		if a.SameContent(f) {
			t.Errorf("%+v is the same content as %+v", f, a)
		}
	}
}

func ExampleSorted() {
	for f, err := range layout.Sorted(layout.Files([]layout.File{{Path: "a"}, {Path: "a-x"}, {Path: "a/b"}})) {
		fmt.Printf("%q %v\n", f.Path, err)
	}
	// Output:
	// "a" <nil>
	// "a-x" <nil>
	// "a/b" path "a" is a file, and a directory of "a/b"
}
