package rpmmd_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ href, base, want, refused string }{
		{href: "a.rpm", want: "a.rpm"},
		{href: "Packages/l/libstdc++-1~rc é.rpm", want: "Packages/l/libstdc++-1~rc é.rpm"},
		{href: "a%2Bb.rpm", want: "a%2Bb.rpm"}, // as it stands
		{href: "./a.rpm", want: "a.rpm"},
		{href: "x/../a.rpm", want: "a.rpm"},
		{href: "x/..a./b...rpm", want: "x/..a./b...rpm"},
		{href: "https://h.example/r/os/x/a.rpm", want: "x/a.rpm"},
		{href: "https://h.example/r/os/x%20y/a.rpm", want: "x y/a.rpm"},
		{href: "https://H.example/r/os/a.rpm", want: "a.rpm"},
		{href: "a.rpm", base: "https://h.example/r/os", want: "a.rpm"},
		{href: "a.rpm", base: "https://h.example/r/os/sub/", want: "sub/a.rpm"},
		{href: "../a.rpm", base: "https://h.example/r/os/sub/", want: "a.rpm"},
		{href: "a.rpm", base: "sub", want: "sub/a.rpm"},

		{href: "../a.rpm", refused: `location "../a.rpm": leads out of the remote's URL`},
		{href: "x/../../a.rpm", refused: "leads out"},
		{href: "x/../..", refused: "leads out"},
		{href: "..", refused: "leads out"},
		{href: "../os-evil/a.rpm", refused: "leads out"},
		{href: ".", refused: "is empty"},
		{href: "/etc/passwd", refused: "is absolute"},
		{href: "//h2.example/a.rpm", refused: "is absolute"},
		{href: `..\a.rpm`, refused: `has the character`},
		{href: "a\x00.rpm", refused: `has the character`},
		{href: "a//b.rpm", refused: "empty segment"},
		{href: "a/", refused: "empty segment"},
		{href: "https://h2.example/r/os/a.rpm", refused: `location "https://h2.example/r/os/a.rpm": is on another host`},
		{href: "http://h.example/r/os/a.rpm", refused: "on another host"},
		{href: "https://h.example:444/r/os/a.rpm", refused: "on another host"},
		{href: "https://h.example/r/os-evil/a.rpm", refused: "leads out"},
		{href: "https://h.example/r/os/../../a.rpm", refused: "leads out"},
		{href: "https://h.example/r/os/%2e%2e/%2e%2e/a.rpm", refused: "leads out"},
		{href: "https://h.example/r/os/a.rpm?x=secret", refused: `location "https://h.example/r/os/a.rpm": has a query`},
		{href: "file:///etc/passwd", refused: "on another host"},
		{href: "a.rpm", base: "https://h2.example/r/os/", refused: `location "a.rpm" with xml:base "https://h2.example/r/os/": is on another host`},
		{href: "a.rpm", base: "../", refused: "leads out"},
		{href: "a.rpm", base: "/", refused: "leads out"},
		{href: "a.rpm", base: "://", refused: "is not a URL"},
	} {
		t.Run(test.base+" "+test.href, func(t *testing.T) {
			t.Parallel()
			root, err := url.Parse("https://h.example/r/os/")
			if err != nil {
				t.Fatal(err)
			}
			got, err := rpmmd.Resolve(root, rpmmd.Location{Base: test.base, Href: test.href})
			if got != test.want || (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.refused)
			}
		})
	}
}

func ExampleResolve() {
	root, _ := url.Parse("https://mirror.example.org/fedora/")
	fmt.Println(rpmmd.Resolve(root, rpmmd.Location{Href: "Packages/../hello.rpm"}))
	fmt.Println(rpmmd.Resolve(root, rpmmd.Location{Href: "../hello.rpm"}))
	// Output:
	// hello.rpm <nil>
	//  location "../hello.rpm": leads out of the remote's URL
}

func FuzzResolve(f *testing.F) {
	f.Add("a", "../b")
	f.Add("https://h.example/r/", "c/../d")
	f.Fuzz(func(t *testing.T, base, href string) {
		root, err := url.Parse("https://h.example/r/")
		if err != nil {
			t.Fatal(err)
		}
		p, err := rpmmd.Resolve(root, rpmmd.Location{Base: base, Href: href})
		if err != nil {
			return
		}
		if _, err := layout.CleanPath(p); err != nil {
			t.Errorf("%q, %q: %v", base, href, err)
		}
		if !strings.HasPrefix(root.JoinPath(p).Path, "/r/") {
			t.Errorf("%q, %q lead to %q", base, href, p)
		}
	})
}
