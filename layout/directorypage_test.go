package layout_test

import (
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

const (
	first  layout.Stamp = "20250318T140338Z"
	second layout.Stamp = "20250318T140442Z"
)

func file(path string, size int64, seen layout.Stamp) layout.File {
	return layout.File{Path: path, Size: size, SHA256: layout.DigestOf([]byte(path)), FirstSeen: seen}
}

// draw returns the pages of a checkpoint by the path of their directory.
func draw(t *testing.T, files ...layout.File) map[string]layout.Page {
	t.Helper()
	pages := map[string]layout.Page{}
	prefix := layout.CheckpointPrefix("checkpoints/myfile", second)
	for p, err := range layout.DirectoryPages("checkpoints/myfile", "/", second, layout.Sorted(layout.Files(files))) {
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, p)
		dir, ok := strings.CutPrefix(p.Key, prefix)
		if !ok || !strings.HasSuffix(dir, "index.html") {
			t.Fatalf("page at %q, want one below %q", p.Key, prefix)
		}
		dir = strings.TrimSuffix(dir, "index.html")
		if _, twice := pages[dir]; twice {
			t.Fatalf("page of %q drawn twice", dir)
		}
		pages[dir] = p
	}
	return pages
}

// rows returns the lines of the page's listing, markup included.
func rows(t *testing.T, p layout.Page) []string {
	t.Helper()
	_, after, ok := strings.Cut(string(p.Body), "<pre>")
	inner, _, closed := strings.Cut(after, "</pre>")
	if !ok || !closed {
		t.Fatalf("page %q has no listing", p.Key)
	}
	return strings.Split(strings.TrimSuffix(inner, "\n"), "\n")
}

func TestDirectoryPagesAreDrawnAsBefore(t *testing.T) {
	t.Parallel()
	pages := draw(t,
		file("1.iso", 1000, first), file("2.iso", 1000, first), file("3.iso", 1000, second), file("PULP_MANIFEST", 228, second))
	golden(t, "pages/checkpoint.html", pages[""].Body)

	pages = draw(t,
		file("Release", 42, second),
		file("pool/g++_12+b1~rc é.deb", 1234567, first),
		file("pool/"+strings.Repeat("long-name-", 12)+".deb", 1, second),
		file("pool/main/a/apt_3.0.deb", 0, first),
		file(`pool/w&<b>"quotes"'.txt`, 999950, second))
	for dir, name := range map[string]string{"": "tree.html", "pool/": "tree-pool.html", "pool/main/": "tree-pool-main.html", "pool/main/a/": "tree-pool-main-a.html"} {
		golden(t, "pages/"+name, pages[dir].Body)
	}
	if len(pages) != 4 {
		t.Errorf("%d pages, want 4", len(pages))
	}
}

func TestDirectoryPageOfAnEmptyCheckpointIsItsRoot(t *testing.T) {
	t.Parallel()
	pages := draw(t)
	if len(pages) != 1 {
		t.Fatalf("%d pages, want the root's alone", len(pages))
	}
	if diff := cmp.Diff([]string{`<a href="../">../</a>`}, rows(t, pages[""])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	golden(t, "pages/checkpoint-empty.html", pages[""].Body)
}

func TestDirectoryRows(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 90)
	for _, tc := range []struct {
		name  string
		dir   string
		files []layout.File
		want  []string
	}{
		{"a file has date and size", "", []layout.File{file("1.iso", 1000, first)},
			[]string{`<a href="./1.iso">1.iso</a>       18-Mar-2025 14:03  1.0 kB`}},
		{"a directory has the sum of sizes and the newest date", "",
			[]layout.File{file("d/a", 1, second), file("d/e/b", 2, first), file("d/e/c", 3000, first)},
			[]string{`<a href="./d/">d/</a>          18-Mar-2025 14:04  3.0 kB`}},
		{"rows are in order of name with its slash", "",
			[]layout.File{file("a-x", 1, first), file("a/b", 1, first), file("a0", 1, first)},
			[]string{
				`<a href="./a-x">a-x</a>         18-Mar-2025 14:03  1 Byte`,
				`<a href="./a/">a/</a>          18-Mar-2025 14:03  1 Byte`,
				`<a href="./a0">a0</a>          18-Mar-2025 14:03  1 Byte`}},
		{"text is escaped and hrefs are encoded", "", []layout.File{file(`&<>"'`, 0, first)},
			[]string{`<a href="./%26%3C%3E%22%27">&amp;&lt;&gt;&#34;&#39;</a>       18-Mar-2025 14:03  0 Bytes`}},
		{"what means something in a URL is encoded", "", []layout.File{file("a+b%41#c?d é", 0, first)},
			[]string{`<a href="./a%2Bb%2541%23c%3Fd%20%C3%A9">a+b%41#c?d é</a>  18-Mar-2025 14:03  0 Bytes`}},
		{"a colon is no scheme", "", []layout.File{file("javascript:alert(1)", 0, first)},
			[]string{`<a href="./javascript:alert%281%29">javascript:alert(1)</a>  18-Mar-2025 14:03  0 Bytes`}},
		{"a name longer than the column keeps two spaces", "", []layout.File{file(long, 1, first)},
			[]string{`<a href="./` + long + `">` + long + `</a>  18-Mar-2025 14:03  1 Byte`}},
		{"a file without first seen has a blank date", "", []layout.File{file("1.iso", 1, "")},
			[]string{`<a href="./1.iso">1.iso</a>                          1 Byte`}},
		{"a directory's rows are relative to it", "d/e/", []layout.File{file("d/e/b", 2, first)},
			[]string{`<a href="./b">b</a>           18-Mar-2025 14:03  2 Bytes`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			want := append([]string{`<a href="../">../</a>`}, tc.want...)
			if diff := cmp.Diff(want, rows(t, draw(t, tc.files...)[tc.dir])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDirectoryWithItsOwnPageKeepsIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files []layout.File
		want  []string
	}{
		{"in a directory", []layout.File{file("a/b", 1, first), file("a/index.html", 9, first), file("a/z/c", 1, first)}, []string{"", "a/z/"}},
		{"in the root", []layout.File{file("d/a", 1, first), file("index.html", 9, first)}, []string{"d/"}},
		{"a name that only looks like it changes nothing", []layout.File{file("INDEX.HTML", 1, first), file("x/index.htm", 9, first)}, []string{"", "x/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for dir := range draw(t, tc.files...) {
				got = append(got, dir)
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDirectoryPageNamesItsPublicPath(t *testing.T) {
	t.Parallel()
	for p, err := range layout.DirectoryPages("debian", "/mirror/", first, layout.Files([]layout.File{file("a&b/c", 1, first)})) {
		if err != nil {
			t.Fatal(err)
		}
		want := "Index of /mirror/debian/20250318T140338Z/"
		if strings.Contains(p.Key, "a&b") {
			want += "a&amp;b/"
		}
		for _, element := range []string{"title", "h1"} {
			if full := "<" + element + ">" + want + "</" + element + ">"; !strings.Contains(string(p.Body), full) {
				t.Errorf("page %q lacks %s", p.Key, full)
			}
		}
	}
}

func TestDirectoryPagesEndWithTheFilesError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	files := func(yield func(layout.File, error) bool) {
		_ = yield(file("a/b", 1, first), nil) && yield(layout.File{}, broken)
	}
	var pages int
	var last error
	for _, err := range layout.DirectoryPages("debian", "/", first, files) {
		if last = err; err == nil {
			pages++
		}
	}
	if !errors.Is(last, broken) || pages != 0 {
		t.Errorf("got %d pages and %v, want none and %v", pages, last, broken)
	}
}

func TestDirectoryPagesStopWhenAsked(t *testing.T) {
	t.Parallel()
	files := layout.Files([]layout.File{file("a/b", 1, first), file("c/d", 1, first), file("e", 1, first)})
	for range layout.DirectoryPages("debian", "/", first, files) {
		break // the range statement panics if the sequence goes on
	}
}

func TestDirectoryPagesStream(t *testing.T) {
	t.Parallel()
	passed := 0
	files := func(yield func(layout.File, error) bool) {
		for f := range manyFiles(4, 3) {
			passed++
			if !yield(f, nil) {
				return
			}
		}
	}
	for p, err := range layout.DirectoryPages("debian", "/", first, files) {
		if err != nil {
			t.Fatal(err)
		}
		// The first directory is drawn when the first file of the second comes.
		if passed != 4 {
			t.Errorf("page %q came after %d files, want 4", p.Key, passed)
		}
		break
	}
}

func TestSmallDirectoryPageIsSmall(t *testing.T) {
	t.Parallel()
	p := draw(t, file("1.iso", 1000, first), file("2.iso", 1000, first), file("3.iso", 1000, first), file("PULP_MANIFEST", 228, second))[""]
	if len(p.Body) >= 3000 {
		t.Errorf("%d bytes, want fewer than 3,000", len(p.Body))
	}
}

// manyFiles returns directories of files each, sorted.
func manyFiles(directories, each int) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for d := range directories {
			for f := range each {
				if !yield(file(fmt.Sprintf("pool/d%03d/package-%03d_1.0+b1_amd64.deb", d, f), 24<<10, first), nil) {
					return
				}
			}
		}
	}
}

func BenchmarkDirectoryPages(b *testing.B) {
	var files []layout.File
	for f := range manyFiles(500, 20) {
		files = append(files, f)
	}
	for b.Loop() {
		for _, err := range layout.DirectoryPages("debian", "/", first, layout.Files(files)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// rowForm is how scrapers read a row.
var rowForm = regexp.MustCompile(`^<a href="(\./[^"]+)">([^<]+)</a> +(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d)  ([\d.]+ (?:Bytes?|[kMGTPE]B))(?:  .*)?$`)

func TestEveryRowHasTheFormThatScrapersKnow(t *testing.T) {
	t.Parallel()
	pages := draw(t, file("1.iso", 1000, first), file("a b/"+strings.Repeat("ü", 80), 999_950, first), file("x<y", 1, second))
	for _, p := range pages {
		for _, line := range rows(t, p)[1:] {
			if !rowForm.MatchString(line) {
				t.Errorf("page %q has the row %q", p.Key, line)
			}
		}
	}
}
