package rpmmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/rpmmd"
)

var digits = strings.NewReplacer(
	"MD5", strings.Repeat("1a", 16), "SHA1", strings.Repeat("2b", 20), "SHA224", strings.Repeat("3c", 28),
	"SHA256", strings.Repeat("4d", 32), "SHA384", strings.Repeat("5e", 48), "SHA512", strings.Repeat("6f", 64))

const repomd = `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>1700000000</revision>
  <tags><content>x</content><distro cpeid="cpe:/o:x">x</distro></tags>
  <data type="primary">
    <checksum type="sha256">SHA256</checksum>
    <open-checksum type="sha">SHA1</open-checksum>
    <location href="repodata/primary.xml.gz"/>
    <timestamp>1700000000</timestamp>
    <size>100</size>
    <open-size>1000</open-size>
    <database_version>10</database_version>
  </data>
  <data type="nobody knows">
    <checksum type="sha512">SHA512</checksum>
    <header-checksum type="sha256">SHA256</header-checksum>
    <location xml:base="http://x/y" href="repodata/unknown"/>
    <header-size>7</header-size>
  </data>
</repomd>
`

func TestRepomd(t *testing.T) {
	t.Parallel()
	sum := func(kind, d string) rpmmd.Checksum { return rpmmd.Checksum{Type: kind, Hex: digits.Replace(d)} }
	want := []rpmmd.Data{
		{Type: "primary", Location: rpmmd.Location{Href: "repodata/primary.xml.gz"}, Checksum: sum("sha256", "SHA256"), Size: 100,
			Open: sum("sha1", "SHA1"), OpenSize: 1000},
		{Type: "nobody knows", Location: rpmmd.Location{Base: "http://x/y", Href: "repodata/unknown"}, Checksum: sum("sha512", "SHA512"), Size: -1, OpenSize: -1},
	}
	got, err := rpmmd.Repomd(strings.NewReader(digits.Replace(repomd)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

// data is a repomd.xml with one file.
func data(inside string) string {
	return "<repomd>\n<data type=\"primary\">\n" + digits.Replace(inside) + "</data></repomd>"
}

func TestRepomdRefuses(t *testing.T) {
	t.Parallel()
	sum, location := `<checksum type="sha256">SHA256</checksum>`, `<location href="p"/>`
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                  {"", "is empty"},
		"a page":                   {"<!DOCTYPE html>\n<html><body>Log in</body></html>", "document type"},
		"a page without type":      {"<html><body>Log in</body></html>", "is <html>, want <repomd>"},
		"text":                     {"404 not found", `begins with "404 not found"`},
		"cut short":                {repomd[:300], "unexpected EOF"},
		"more after the end":       {"<repomd/>\n<repomd/>", "line 2: goes on after its end"},
		"text after the end":       {"<repomd/>x", "goes on after its end"},
		"an unknown entity":        {data("&x;"), "invalid character entity &x;"},
		"an entity bomb":           {`<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><repomd>&b;</repomd>`, "document type"},
		"no location":              {data(sum), `line 3: data "primary": has no location`},
		"no checksum":              {data(location), `data "primary": location "p": has no checksum`},
		"an unknown checksum":      {data(location + `<checksum type="crc32">00000000</checksum>`), `checksum type "crc32" is not known`},
		"a checksum too short":     {data(location + `<checksum type="sha256">SHA1</checksum>`), "is not a checksum of the type sha256"},
		"a checksum of no digits":  {data(location + `<checksum type="md5">` + strings.Repeat("x", 32) + `</checksum>`), "is not a checksum"},
		"a size below zero":        {data(location + sum + `<size>-1</size>`), `"-1" is not a size`},
		"a size that is no number": {data(location + sum + `<open-size>1e3</open-size>`), `"1e3" is not a size`},
		"too many files":           {"<repomd>" + strings.Repeat("<data>"+digits.Replace(sum+location)+"</data>", 1001) + "</repomd>", "names more than 1000 files"},
		"elements without end":     {"<repomd>" + strings.Repeat("<a>", 100), "more than 64 elements"},
		"another character set":    {`<?xml version="1.0" encoding="utf-7"?><repomd/>`, "utf-7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := rpmmd.Repomd(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestChecksumsOfAllNames(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} {
		c, err := rpmmd.ParseChecksum(strings.ToUpper(kind), digits.Replace(strings.ToUpper(kind)))
		if err != nil || c.Type != kind {
			t.Errorf("%s: got %v, %v", kind, c, err)
			continue
		}
		h := c.Hash()
		h.Write([]byte("x"))
		right, err := rpmmd.ParseChecksum(kind, fmt.Sprintf("%X", h.Sum(nil)))
		if err != nil || !right.Is(h.Sum(nil)) || c.Is(h.Sum(nil)) {
			t.Errorf("%s: of x it is %v, %v", kind, right, err)
		}
		if d, ok := right.SHA256(); ok != (kind == "sha256") || ok && d.String() != right.Hex {
			t.Errorf("%s: as SHA-256 it is %v, %v", kind, d, ok)
		}
	}
}

func ExampleRepomd() {
	data, err := rpmmd.Repomd(strings.NewReader(`<repomd><data type="group">
		<checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>
		<location href="repodata/comps.xml"/><size>0</size></data></repomd>`))
	fmt.Println(data[0].Type, data[0].Href, data[0].Size, data[0].Checksum, err)
	// Output: group repodata/comps.xml 0 sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709 <nil>
}

func FuzzRepomd(f *testing.F) {
	f.Add(digits.Replace(repomd))
	f.Add(data(`<checksum type="sha256">SHA256</checksum><location href="../p"/>`))
	f.Add("<!DOCTYPE x><repomd/>")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := rpmmd.Repomd(strings.NewReader(text))
		for _, d := range got {
			if d.Href == "" || d.Checksum.IsZero() || d.Size < -1 || d.OpenSize < -1 {
				t.Errorf("%q is read as %+v, %v", text, d, err)
			}
			if again, err := rpmmd.ParseChecksum(d.Checksum.Type, d.Checksum.Hex); again != d.Checksum || err != nil {
				t.Errorf("%v is read again as %v, %v", d.Checksum, again, err)
			}
		}
	})
}
