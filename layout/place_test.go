package layout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// placesOf returns keys below the checkpoint; pages are marked.
func placesOf(t testing.TB, paths ...string) []string {
	t.Helper()
	slices.Sort(paths)
	var files []layout.File
	for _, p := range slices.Compact(paths) {
		files = append(files, layout.File{Path: p})
	}
	plan := layout.Plan{Base: "b", ID: "20250318T140338Z", Files: layout.Files(files)}
	var got []string
	for p, err := range plan.Places() {
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.Key, "b/20250318T140338Z/")
		if p.File == nil {
			name += " (page)"
		} else if p.File.Path != name {
			t.Errorf("the place %q has the file %q", name, p.File.Path)
		}
		got = append(got, name)
	}
	return got
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		files, want []string
	}{
		{"an empty checkpoint has a page", nil, []string{"index.html (page)"}},
		{"the page has its place among the files", []string{"a", "z"}, []string{"a", "index.html (page)", "z"}},
		{"the page of a directory may come before its files", []string{"d/z"}, []string{"d/index.html (page)", "d/z", "index.html (page)"}},
		{"directories in directories", []string{"a/b/c", "a/z/y"},
			[]string{"a/b/c", "a/b/index.html (page)", "a/index.html (page)", "a/z/index.html (page)", "a/z/y", "index.html (page)"}},
		{"a page of the remote's own is a file", []string{"d/index.html", "d/x"}, []string{"d/index.html", "d/x", "index.html (page)"}},
		{"names that sort around a slash", []string{"a-b", "a.txt", "a/x", "a0"},
			[]string{"a-b", "a.txt", "a/index.html (page)", "a/x", "a0", "index.html (page)"}},
	} {
		if d := cmp.Diff(c.want, placesOf(t, c.files...)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// TestPlacesAreKeys holds the places of any paths against the keys of the plan.
func TestPlacesAreKeys(t *testing.T) {
	t.Parallel()
	same := func(seeds []uint16) bool {
		var files []layout.File
		for _, s := range seeds {
			files = append(files, layout.File{Path: fmt.Sprintf("%c/%c%c/%c", 'a'+s%16, 'a'+s>>4%16, ".-0/"[s>>8%3], 'a'+s>>12)})
		}
		slices.SortFunc(files, func(a, b layout.File) int { return strings.Compare(a.Path, b.Path) })
		files = slices.CompactFunc(files, func(a, b layout.File) bool { return a.Path == b.Path })
		plan := layout.Plan{Base: "b", ID: "20250318T140338Z", Files: layout.Files(files)}
		var want, got []string
		for key := range plan.Keys() {
			want = append(want, key)
		}
		for p := range plan.Places() {
			got = append(got, p.Key)
		}
		slices.Sort(want)
		return slices.Equal(want, got)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

func ExamplePageRows() {
	pages := layout.DirectoryPages("b", "/", "20250318T140338Z", layout.Files([]layout.File{{Path: "1.iso", Size: 4, FirstSeen: "20250318T140338Z"}}))
	for page := range pages {
		rows, ok := layout.PageRows(page.Body)
		fmt.Printf("%t\n%s", ok, rows)
	}
	// Output:
	// true
	// <a href="../">../</a>
	// <a href="./1.iso">1.iso</a>       18-Mar-2025 14:03  4 Bytes
}
