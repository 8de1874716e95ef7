package rpmmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/rpmmd"
)

const metalinkText = `<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="other.xml"><resources><url protocol="https">https://no/repodata/repomd.xml</url></resources></file>
  <file name="repomd.xml">
   <mm0:timestamp>1700000000</mm0:timestamp>
   <size>1000</size>
   <verification>
    <hash type="md5">MD5</hash>
    <hash type="sha512">SHA512</hash>
    <hash type="sha256">SHA256</hash>
   </verification>
   <mm0:alternates>
    <mm0:alternate><mm0:timestamp>1</mm0:timestamp><size>1</size><verification><hash type="sha1">SHA1</hash></verification></mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" type="rsync" preference="100">rsync://a.example/x/repodata/repomd.xml</url>
    <url protocol="http" type="http" preference="90">http://b.example/x/repodata/repomd.xml</url>
    <url protocol="https" type="https" preference="99">https://c.example/x/repodata/repomd.xml</url>
    <url protocol="https" type="https" preference="98">https://d.example/x/elsewhere.xml</url>
   </resources>
  </file>
 </files>
</metalink>`

func TestMetalink(t *testing.T) {
	t.Parallel()
	got, err := rpmmd.Metalink([]byte(digits.Replace(metalinkText)))
	want := rpmmd.Mirrors{
		URLs:   []string{"https://c.example/x/", "http://b.example/x/"},
		Repomd: []rpmmd.Checksum{{Type: "sha512", Hex: digits.Replace("SHA512")}, {Type: "sha1", Hex: digits.Replace("SHA1")}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v: want -, got +\n%s", err, d)
	}
	for name, test := range map[string]struct{ text, want string }{
		"a page":              {"<html/>", "is <html>, want <metalink>"},
		"no mirror":           {strings.ReplaceAll(metalinkText, "http", "gopher"), "names no mirror"},
		"no checksum":         {strings.ReplaceAll(metalinkText, "verification", "x"), "has no checksum of repomd.xml"},
		"an unknown checksum": {strings.ReplaceAll(metalinkText, `"md5"`, `"crc"`), `checksum type "crc" is not known`},
		"an entity bomb":      {`<!DOCTYPE m [<!ENTITY a "b">]>` + metalinkText, "document type"},
	} {
		if got, err := rpmmd.Metalink([]byte(digits.Replace(test.text))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want %q", name, got, err, test.want)
		}
	}
}

func TestMirrorlist(t *testing.T) {
	t.Parallel()
	got, err := rpmmd.Mirrorlist([]byte("# repo = x\n\nhttps://a.example/x\r\nrsync://b.example/\n  http://c.example/y/repodata/repomd.xml\nhttps://a.example/x/\n/local\nhttps://u:p@d.example/\n"))
	if d := cmp.Diff([]string{"https://a.example/x/", "http://c.example/y/"}, got.URLs); d != "" || err != nil || len(got.Repomd) > 0 {
		t.Errorf("%v %v: want -, got +\n%s", got.Repomd, err, d)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":         {"# none\n", "names no mirror"},
		"a page":          {"<!DOCTYPE html>", "line 1"},
		"an endless line": {"https://" + strings.Repeat("x", 5000), "too long"},
	} {
		if got, err := rpmmd.Mirrorlist([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want %q", name, got, err, test.want)
		}
	}
}

func ExampleMirrorlist() {
	m, err := rpmmd.Mirrorlist([]byte("# a comment\nhttps://mirror.example.org/os\n"))
	fmt.Println(m.URLs, err)
	// Output: [https://mirror.example.org/os/] <nil>
}

func FuzzMirrors(f *testing.F) {
	f.Add([]byte(digits.Replace(metalinkText)))
	f.Add([]byte("https://a.example/x\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, read := range []func([]byte) (rpmmd.Mirrors, error){rpmmd.Metalink, rpmmd.Mirrorlist} {
			m, err := read(b)
			if err == nil && len(m.URLs) == 0 {
				t.Errorf("%q has no mirror, and no error", b)
			}
			for _, u := range m.URLs {
				if !strings.HasPrefix(strings.ToLower(u), "http") || !strings.HasSuffix(u, "/") {
					t.Errorf("%q has the mirror %q", b, u)
				}
			}
		}
	})
}
