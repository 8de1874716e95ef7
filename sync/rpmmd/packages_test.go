package rpmmd_test

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/rpmmd"
)

const primaryHead = `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="2">
`

// primaryPackage is what createrepo_c writes of one, with its place and size.
const primaryPackage = `<package type="rpm">
  <name>hello</name>
  <arch>x86_64</arch>
  <version epoch="0" ver="1.0" rel="1"/>
  <checksum type="sha256" pkgid="YES">SHA256</checksum>
  <summary>Says &lt;hello&gt; &amp; no more</summary>
  <description><![CDATA[<package><location href="no"/></package>]]></description>
  <packager></packager>
  <url>https://example.org/</url>
  <time file="1700000000" build="1700000000"/>
  <size package="%d" installed="200" archive="300"/>
  <location %s/>
  <format>
    <rpm:license>MIT</rpm:license>
    <rpm:header-range start="1" end="2"/>
    <rpm:provides><rpm:entry name="hello" flags="EQ" epoch="0" ver="1.0" rel="1"/></rpm:provides>
    <file>/usr/bin/hello</file>
  </format>
</package>
`

func primary(packages ...string) string {
	return digits.Replace(primaryHead + strings.Join(packages, "") + "</metadata>\n")
}

func packageAt(size int, location string) string {
	return fmt.Sprintf(primaryPackage, size, location)
}

func collect(packages iter.Seq2[rpmmd.Package, error]) (all []rpmmd.Package, err error) {
	for p, err := range packages {
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	return all, nil
}

func TestPackages(t *testing.T) {
	t.Parallel()
	sum := rpmmd.Checksum{Type: "sha256", Hex: digits.Replace("SHA256")}
	want := []rpmmd.Package{
		{Location: rpmmd.Location{Href: "h/hello-1.0-1.x86_64.rpm"}, Checksum: sum, Size: 100, Name: "hello", Arch: "x86_64", Version: "0:1.0-1"},
		{Location: rpmmd.Location{Href: "é+~.rpm", Base: "https://x/"}, Checksum: sum, Size: 0, Name: "hello", Arch: "x86_64", Version: "0:1.0-1"},
	}
	text := primary(packageAt(100, `href="h/hello-1.0-1.x86_64.rpm"`), packageAt(0, `xml:base="https://x/" href="é+~.rpm"`))
	got, err := collect(rpmmd.Packages(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	for range rpmmd.Packages(strings.NewReader(text)) {
		break // and no more is asked for
	}
}

func TestPackagesRefuses(t *testing.T) {
	t.Parallel()
	good := packageAt(1, `href="a"`)
	for name, test := range map[string]struct {
		text, want string
		before     int // packages that come before the error
	}{
		"another document":   {digits.Replace(repomd), "is <repomd>, want <metadata>", 0},
		"cut short":          {primary(good, good)[:1600], "unexpected EOF", 1},
		"no size":            {primary(good, strings.Replace(good, "package=", "x=", 1)), `line 40: package "a": has no size`, 1},
		"no location":        {primary(strings.Replace(good, "\n  <location", "<x", 1)), "a package has no location", 0},
		"no href":            {primary(packageAt(1, "")), "a package has no location", 0},
		"no checksum":        {primary(strings.ReplaceAll(good, "checksum", "x")), `package "a": has no checksum`, 0},
		"a wrong checksum":   {primary(strings.Replace(good, "SHA256", "SHA512", 1)), "is not a checksum", 0},
		"endless text":       {primaryHead + "<package><description>" + strings.Repeat("x", 5<<20), "more than 4194304 bytes without a tag", 0},
		"an endless tag":     {primaryHead + "<package a=\"" + strings.Repeat("x", 5<<20), "more than 4194304 bytes without a tag", 0},
		"zeros":              {strings.Repeat("\x00", 1000), "illegal character code", 0},
		"a document type":    {"<!DOCTYPE metadata []>" + primary(good), "document type", 0},
		"elements unbounded": {primaryHead + strings.Repeat("<package>", 1000), "more than 64 elements", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := collect(rpmmd.Packages(strings.NewReader(test.text)))
			if len(got) != test.before || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d packages, %v; want %d, %q", len(got), err, test.before, test.want)
			}
		})
	}
}

func TestDeltas(t *testing.T) {
	t.Parallel()
	text := digits.Replace(`<prestodelta><newpackage name="a" epoch="0" version="2" release="1" arch="noarch">
		<delta oldepoch="0" oldversion="1" oldrelease="1"><filename>drpms/a.drpm</filename><sequence>x</sequence><size>7</size>
		<checksum type="sha512">SHA512</checksum></delta></newpackage></prestodelta>`)
	got, err := collect(rpmmd.Deltas(strings.NewReader(text)))
	want := []rpmmd.Package{{Location: rpmmd.Location{Href: "drpms/a.drpm"}, Size: 7, Checksum: rpmmd.Checksum{Type: "sha512", Hex: digits.Replace("SHA512")},
		Name: "a", Arch: "noarch", Version: "0:2-1"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v: want -, got +\n%s", err, d)
	}
	if _, err := collect(rpmmd.Deltas(strings.NewReader(strings.Replace(text, "<size>7</size>", "", 1)))); err == nil || !strings.Contains(err.Error(), `delta "drpms/a.drpm": has no size`) {
		t.Errorf("got %v, want that the delta has no size", err)
	}
}

// many is a primary.xml of n packages, made while it is read.
func many(n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.WriteString(w, primaryHead)
		for i := 0; i < n && err == nil; i++ {
			_, err = io.WriteString(w, digits.Replace(packageAt(i, fmt.Sprintf(`href="p/%d.rpm"`, i))))
		}
		if err == nil {
			_, err = io.WriteString(w, "</metadata>")
		}
		w.CloseWithError(err)
	}()
	return r
}

func TestPackagesNeedsNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for _, err := range rpmmd.Packages(many(20_000)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 19_000 {
			runtime.GC()
			runtime.ReadMemStats(&after)
		}
	}
	if n != 20_000 || after.HeapAlloc > before.HeapAlloc+8<<20 {
		t.Errorf("%d packages, and %d bytes are held", n, int64(after.HeapAlloc)-int64(before.HeapAlloc))
	}
}

func BenchmarkPackages(b *testing.B) {
	b.SetBytes(int64(len(packageAt(1, `href="p/1000.rpm"`))))
	b.ReportAllocs()
	for _, err := range rpmmd.Packages(many(b.N)) {
		if err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzPackages(f *testing.F) {
	f.Add(primary(packageAt(1, `href="a"`)))
	f.Add(`<prestodelta><newpackage><delta><filename>a</filename></delta></newpackage></prestodelta>`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(io.Reader) iter.Seq2[rpmmd.Package, error]{rpmmd.Packages, rpmmd.Deltas} {
			all, err := collect(read(strings.NewReader(text)))
			for _, p := range all {
				if p.Href == "" || p.Checksum.IsZero() || p.Size < 0 {
					t.Errorf("%q is read as %+v, %v", text, p, err)
				}
			}
		}
	})
}
