package layout_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"datestone/layout"
)

func TestCleanPathRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", "is empty"},
		{"an absolute path", "/etc/passwd", "is absolute"},
		{"a slash alone", "/", "is absolute"},
		{"dot dot", "..", `".." segment`},
		{"dot dot inside", "a/../b", `".." segment`},
		{"dot dot at the end", "a/..", `".." segment`},
		{"a dot", ".", `"." segment`},
		{"a dot before", "./a", `"." segment`},
		{"a dot inside", "a/./b", `"." segment`},
		{"two slashes", "a//b", "empty segment"},
		{"a slash at the end", "a/", "empty segment"},
		{"a backslash", `a\b`, "U+005C"},
		{"NUL", "a\x00b", "U+0000"},
		{"a newline", "a\nb", "U+000A"},
		{"a carriage return", "a\r", "U+000D"},
		{"a tab", "a\tb", "U+0009"},
		{"an escape", "a\x1b[31m", "U+001B"},
		{"delete", "a\x7f", "U+007F"},
		{"a C1 control", "a\u0085b", "U+0085"},
		{"the last C1 control", "a\u009fb", "U+009F"},
		{"a line separator", "a\u2028b", "U+2028"},
		{"a paragraph separator", "a\u2029b", "U+2029"},
		{"Latin-1", "caf\xe9", "not UTF-8"},
		{"an overlong slash", "a\xc0\xafb", "not UTF-8"},
		{"a surrogate", "a\xed\xa0\x80", "not UTF-8"},
		{"801 bytes", strings.Repeat("a/", 400) + "b", "has 801 bytes"},
		{"a name of 256 bytes", strings.Repeat("a", 256), "segment of 256 bytes"},
		{"a directory named index.html", "a/index.html/b", "directory named index.html"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := layout.CleanPath(tc.in)
			if err == nil || got != "" || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %q, %v, want an error with %q", got, err, tc.want)
			}
		})
	}
}

func TestCleanPathTakes(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"1.iso", "dists/bookworm/InRelease", "pool/g++_12+b1~rc é.deb", "a:b", "a%2Fb", "a?b#c", "...", "..a/b..", ".treeinfo",
		"index.html", "a/index.html", "20250318T140338Z/x", "-rf", "~", " ", "a&<b>\"'", "日本語", "👍", "a\u0301",
		strings.Repeat("a", 255), strings.Repeat("a/", 399) + "bc",
	} {
		if got, err := layout.CleanPath(p); err != nil || got != p {
			t.Errorf("%q: got %q, %v", p, got, err)
		}
	}
}

func TestCleanBasePath(t *testing.T) {
	t.Parallel()
	for _, p := range []string{"debian", "checkpoints/myfile", "a/b/c", "A-b_c.d", "a..b", "2025", "latest", strings.Repeat("a", 100)} {
		if got, err := layout.CleanBasePath(p); err != nil || got != p {
			t.Errorf("%q: got %q, %v", p, got, err)
		}
	}
	for _, tc := range []struct{ name, in string }{
		{"nothing", ""}, {"a slash before", "/a"}, {"a slash after", "a/"}, {"two slashes", "a//b"},
		{"what datestone keeps to itself", ".datestone"}, {"a hidden segment", "a/.b"}, {"dot dot", "a/../b"},
		{"a space", "a b"}, {"a plus sign", "a+b"}, {"a percent sign", "a%62"}, {"a letter with accent", "é"},
		{"a newline", "a\nb"}, {"a quote", `a"b`}, {"a dollar sign", "a$b"},
		{"a timestamp", "a/20250318T140338Z"}, {"a date", "20250318/a"}, {"a date that is none", "99999999"},
		{"a page", "a/index.html"}, {"the list of repositories", "repositories.json"}, {"the status", "status.json"}, {"101 bytes", strings.Repeat("a", 101)},
	} {
		if got, err := layout.CleanBasePath(tc.in); err == nil || got != "" {
			t.Errorf("%s: %q was taken as %q", tc.name, tc.in, got)
		}
	}
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "a/b", true}, {"a/b/c", "a", true},
		{"a", "ab", false}, {"a/b", "a/c", false}, {"a/b", "a/bc", false},
	} {
		if layout.Overlap(tc.a, tc.b) != tc.want || layout.Overlap(tc.b, tc.a) != tc.want {
			t.Errorf("%q and %q: want %v both ways", tc.a, tc.b, tc.want)
		}
	}
}

func TestPublicPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://example.org": "/", "https://example.org/": "/", "http://h:8080/mirror": "/mirror/",
		"https://example.org/mirror/a/": "/mirror/a/", "https://[::1]:8443/x/": "/x/",
	} {
		if got, err := layout.PublicPath(in); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "example.org", "ftp://example.org/", "file:///srv", "https://", "https:///x", "https://user:pw@h/", "https://h/?", "https://h/?a=b",
		"https://h/#", "https://h/#a", "https://h/a b/", "https://h/a%20b/", "https://h/a//b/", "https://h/../a", "https://h/20250318/", "://",
	} {
		if got, err := layout.PublicPath(in); err == nil {
			t.Errorf("%q was taken as %q", in, got)
		}
	}
}

func TestURLPath(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, key, want string }{
		{"plain stays plain", "debian/20250318T140338Z/dists/x", "/debian/20250318T140338Z/dists/x"},
		{"plus sign is escaped", "g++", "/g%2B%2B"},
		{"tilde stays", "a~rc1", "/a~rc1"},
		{"percent sign is escaped", "a%2Fb", "/a%252Fb"},
		{"hash is escaped", "a#b", "/a%23b"},
		{"question mark is escaped", "a?b", "/a%3Fb"},
		{"space is escaped, not as a plus sign", "a b", "/a%20b"},
		{"accents are escaped as UTF-8", "é", "/%C3%A9"},
		{"colon stays", "gcc_4:12.2", "/gcc_4:12.2"},
		{"a star is escaped", "*", "/%2A"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := layout.URLPath(tc.key); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Whatever CleanPath takes comes back unchanged from a URL, and from the href
// of its row.
func FuzzCleanPath(f *testing.F) {
	for _, p := range []string{"a/b", "pool/g++_12+b1~rc é.deb", "../a", "a//b", "a%2Fb", "a:b?c#d", "a\u0085", "x&<y>'\""} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if _, err := layout.CleanPath(p); err != nil {
			return
		}
		if u, err := url.Parse("http://host" + layout.URLPath(p)); err != nil || u.Path != "/"+p || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q comes back from its URL as %q, %v", p, u, err)
		}
		for page, err := range layout.DirectoryPages("b", "/", first, layout.Files([]layout.File{file(p, 1, first)})) {
			if err != nil {
				t.Fatal(err)
			}
			row := rows(t, page)[1]
			_, after, _ := strings.Cut(row, `href="./`)
			href, _, _ := strings.Cut(after, `"`)
			dir := strings.TrimSuffix(strings.TrimPrefix(page.Key, "b/"+string(first)+"/"), "index.html")
			name, err := url.PathUnescape(href)
			if err != nil || !strings.HasPrefix(p+"/", dir+strings.TrimSuffix(name, "/")+"/") {
				t.Errorf("%q has the row %q, which leads to %q, %v", p, row, name, err)
			}
		}
	})
}

func ExampleURLPath() {
	fmt.Println(layout.URLPath(layout.Key("debian", "20250212T194653Z", "pool/g++_12+b1~rc é.deb")))
	fmt.Println(layout.URLPath("a%41#b?c:d"))
	// Output:
	// /debian/20250212T194653Z/pool/g%2B%2B_12%2Bb1~rc%20%C3%A9.deb
	// /a%2541%23b%3Fc:d
}

func ExampleCleanPath() {
	_, err := layout.CleanPath("pool/../../etc/passwd")
	fmt.Println(err)
	// Output: path "pool/../../etc/passwd": has a ".." segment
}
