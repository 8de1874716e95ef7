package aptrepo_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

const (
	digest     = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
	onePackage = "Package: a\nDescription: b\n c: d\nFilename: ./pool//a_1.deb\nSize: 3\nSHA256: " + digest + "\n"
	oneSource  = "Package: s\nFiles:\n x 1 y\nDirectory: .\nChecksums-Sha256:\n " + digest + " 1 s.dsc\n " + digest + " 2 s.tar.xz\n"
	onePatch   = "SHA256-Current: x 1\nSHA256-Download:\n " + digest + " 5 T-1-F-2.gz\n"
	oneRelease = "Suite: stable\nCodename: bookworm\nDate: Sat, 17 May 2025 08:00:00 UTC\nValid-Until: Sat, 24 May 2025 08:00:00 UTC\n" +
		"Acquire-By-Hash: yes\nComponents: main contrib\nArchitectures: all amd64\nMD5Sum:\n x 1 y\nSHA256:\n " + digest + " 4 main/binary-amd64/Packages\n " + digest +
		" 0 Release\nSHA512:\n " + digest + digest + " 4 main/binary-amd64/Packages\n"
)

func TestPackages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want string // the files' paths, or the error
	}{
		"one":                        {onePackage, "pool/a_1.deb"},
		"none":                       {"", ""},
		"only empty lines":           {"\n\n \n\t\r\n", ""},
		"two, empty lines around":    {"\n\n" + onePackage + "\n \n" + strings.Replace(onePackage, "a_1", "b_1", 1) + "\n", "pool/a_1.deb pool/b_1.deb"},
		"CRLF":                       {strings.ReplaceAll(onePackage, "\n", "\r\n"), "pool/a_1.deb"},
		"names in any case":          {strings.ToUpper(onePackage[:11]) + strings.ToLower(onePackage[11:]), "pool/a_1.deb"},
		"no newline at the end":      {strings.TrimSpace(onePackage), "pool/a_1.deb"},
		"a value on the next line":   {strings.Replace(onePackage, "Size: 3", "Size:\n 3", 1), `stanza 1 ("a"), line 6: field "size" has more than one line`},
		"a continuation of nothing":  {" a\n", `stanza 1, line 1: " a" goes on with a field that was not begun`},
		"a comment":                  {"# a: b\n", `stanza 1, line 1: "# a: b" is no field`},
		"no colon":                   {onePackage + "x\n", `stanza 1 ("a"), line 7: "x" is no field`},
		"a space in a name":          {"a b: c\n", `stanza 1, line 1: "a b: c" is no field`},
		"a field twice":              {onePackage + "Size: 3\n", `stanza 1 ("a"), line 7: field "size" is there twice`},
		"in the second stanza":       {onePackage + "\nPackage: b\n", `pool/a_1.deb stanza 2 ("b"), line 8: has no Filename`},
		"a size that is none":        {strings.Replace(onePackage, ": 3", ": +3", 1), `stanza 1 ("a"), line 1: path "pool/a_1.deb": "+3" is not a size`},
		"a digest that is none":      {onePackage[:len(onePackage)-2] + "g\n", `stanza 1 ("a"), line 1: path "pool/a_1.deb": "` + digest[:63] + `g" is not a SHA-256: encoding/hex: invalid byte: U+0067 'g'`},
		"a directory":                {strings.Replace(onePackage, "a_1.deb", "", 1), `stanza 1 ("a"), line 1: path "./pool//": has a "." segment`},
		"a path that climbs and out": {strings.Replace(onePackage, "a_1.deb", "../..", 1), `stanza 1 ("a"), line 1: path "./pool//../..": has a ".." segment`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for f, err := range aptrepo.Packages(strings.NewReader(test.text)) {
				if err != nil {
					got = append(got, err.Error())
				} else {
					got = append(got, f.Path)
				}
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"one":             {oneSource, "s.dsc s.tar.xz"},
		"two":             {strings.Replace(oneSource, ": .", ": pool/s", 1) + "\n" + oneSource, "pool/s/s.dsc pool/s/s.tar.xz s.dsc s.tar.xz"},
		"no directory":    {strings.Replace(oneSource, "Directory: .\n", "", 1), `stanza 1 ("s"), line 1: path "/s.dsc": is absolute`},
		"no checksums":    {"Package: s\nDirectory: x\nFiles:\n x 1 y\n", `stanza 1 ("s"), line 1: has no Checksums-Sha256`},
		"a row too short": {oneSource + " x y\n", `stanza 1 ("s"), line 8: "x y" is not a digest, a size and a name`},
		"a name climbs":   {strings.Replace(oneSource, "s.dsc", "../s.dsc", 1), `stanza 1 ("s"), line 1: path "./../s.dsc": has a ".." segment`},
		"directory twice": {oneSource + "Directory: y\n", `stanza 1 ("s"), line 8: field "directory" is there twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for f, err := range aptrepo.Sources(strings.NewReader(test.text)) {
				if err != nil {
					got = append(got, err.Error())
				} else {
					got = append(got, f.Path)
				}
			}
			if text := strings.Join(got, " "); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestParseRelease(t *testing.T) {
	t.Parallel()
	got, err := aptrepo.ParseRelease([]byte(oneRelease))
	if err != nil {
		t.Fatal(err)
	}
	want := &aptrepo.Release{Suite: "stable", Codename: "bookworm", Date: time.Date(2025, 5, 17, 8, 0, 0, 0, time.UTC), ValidUntil: time.Date(2025, 5, 24, 8, 0, 0, 0, time.UTC),
		ByHash: true, Components: []string{"main", "contrib"}, Architectures: []string{"all", "amd64"},
		Entries: []aptrepo.Entry{{Path: "main/binary-amd64/Packages", Size: 4, SHA256: layout.Digest(bytes.Repeat([]byte{0xa1}, 32)), SHA512: digest + digest}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	for _, zone := range []string{"GMT", "+0000", "Z"} {
		if again, err := aptrepo.ParseRelease([]byte(strings.ReplaceAll(oneRelease, "UTC", zone))); err != nil || !again.Date.Equal(want.Date) {
			t.Errorf("%s: got %v, %v", zone, again, err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":              {"", "is empty"},
		"two stanzas":        {oneRelease + "\na: b\n", "stanza 2, line 16: a second stanza; a Release is one"},
		"weak digests alone": {"Suite: a\nMD5Sum:\n x 1 y\n", "lists no SHA256; weaker digests prove nothing"},
		"SHA512 alone":       {"SHA512:\n " + digest + digest + " 4 x\n", `path "x" has no SHA256`},
		"two sizes":          {strings.Replace(oneRelease, digest+digest+" 4", digest+digest+" 5", 1), `stanza 1, line 14: path "main/binary-amd64/Packages" has the size 4, and 5`},
		"two digests":        {"SHA256:\n " + digest + " 4 x\n 2" + digest[1:] + " 4 x\n", `stanza 1, line 3: path "x": it has two digests`},
		"two of SHA512":      {"SHA512:\n " + digest + digest + " 4 x\n 1" + digest + digest[1:] + " 4 x\n", `stanza 1, line 3: path "x": it has two digests`},
		"no SHA512":          {"SHA512:\n " + digest + " 4 x\n", `stanza 1, line 2: path "x": "` + digest + `" is not a SHA-512`},
		"a row":              {"SHA256:\n x\n", `stanza 1, line 2: "x" is not a digest, a size and a name`},
		"a date twice":       {oneRelease + "Valid-Until: x\n", `stanza 1, line 15: field "valid-until" is there twice`},
		"no date":            {strings.Replace(oneRelease, "Sat, 24 May 2025 08:00:00 UTC", "tomorrow", 1), `Valid-Until: "tomorrow" is no date`},
		"no year":            {strings.Replace(oneRelease, "17 May 2025", "17 May 0000", 1), `Date: "Sat, 17 May 0000 08:00:00 UTC" is no date`},
		"another zone":       {strings.Replace(oneRelease, "UTC", "CEST", 1), `Date: "Sat, 17 May 2025 08:00:00 CEST" is no date`},
		"components, lines":  {"Components: a\n b\n", `stanza 1, line 2: field "components" has more than one line`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := aptrepo.ParseRelease([]byte(test.text)); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	got, err := aptrepo.Patches([]byte(onePatch))
	if err != nil || len(got) != 1 || got[0].Path != "T-1-F-2.gz" || got[0].Size != 5 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := aptrepo.Patches([]byte(onePatch + " x\n")); err == nil || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("got %v, want the line", err)
	}
}

// signedAt is when the files of testdata were signed, by gpg: key.asc and
// InRelease, Release and Release.gpg with SHA-512, weak.gpg with SHA-1.
var signedAt = time.Date(2025, 3, 18, 14, 3, 38, 0, time.UTC)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSignaturesOfGnuPG has what Go's library can't make itself.
func TestSignaturesOfGnuPG(t *testing.T) {
	t.Parallel()
	k, err := aptrepo.ParseKeyring(read(t, "key.asc"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.ClearSigned(read(t, "InRelease"), signedAt)
	// What is signed that way has no white space at the ends of lines.
	if want := bytes.TrimRight(bytes.Replace(read(t, "Release"), []byte("y  \n"), []byte("y\n"), 1), "\n"); err != nil || !bytes.Equal(text, want) {
		t.Errorf("InRelease: got %q, %v; want %q", text, err, want)
	}
	if err := k.Detached(read(t, "Release"), read(t, "Release.gpg"), signedAt); err != nil {
		t.Errorf("Release.gpg: %v", err)
	}
	if err := k.Detached(read(t, "Release"), append(read(t, "weak.gpg"), read(t, "Release.gpg")...), signedAt); err != nil {
		t.Errorf("two signatures, one of them good: %v", err)
	}
	if err := k.Detached(read(t, "Release"), read(t, "weak.gpg"), signedAt); err == nil || !strings.Contains(err.Error(), "signed a digest (SHA-1) that is refused") {
		t.Errorf("weak.gpg: got %v, want SHA-1 refused", err)
	}
	if err := k.Detached([]byte("another"), read(t, "Release.gpg"), signedAt); err == nil || !strings.Contains(err.Error(), "is wrong") {
		t.Errorf("got %v, want the signature found wrong", err)
	}
}

func TestParseKeyringRefuses(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("a key\n"), "a signature": read(t, "Release.gpg"), "cut short": read(t, "key.asc")[:300],
	} {
		if _, err := aptrepo.ParseKeyring(b); err == nil {
			t.Errorf("%s: taken for a keyring", name)
		}
	}
}

// repeated is text over and over, without the memory for it.
type repeated struct {
	text string
	left int
	r    *strings.Reader
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.r == nil || r.r.Len() == 0 {
		if r.left--; r.left < 0 {
			return 0, io.EOF
		}
		r.r = strings.NewReader(r.text)
	}
	return r.r.Read(p)
}

func TestPackagesNeedsLittleMemory(t *testing.T) {
	const n = 300_000
	long := onePackage + "Depends: " + strings.Repeat("libx, ", 40_000) + "\n\n"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := 0
	for _, err := range aptrepo.Packages(io.MultiReader(&repeated{text: onePackage + "\n", left: n}, &repeated{text: long, left: 100})) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) / n; count != n+100 || used > 1000 {
		t.Errorf("%d stanzas, %d bytes allocated for each", count, used)
	}
}

func ExamplePackages() {
	for f, err := range aptrepo.Packages(strings.NewReader(onePackage)) {
		fmt.Println(f.Package, f.Path, f.Size, err)
	}
	// Output: a pool/a_1.deb 3 <nil>
}

func ExampleEntry_Strongest() {
	kind, _ := aptrepo.Entry{SHA512: digest + digest}.Strongest()
	fmt.Println(kind)
	// Output: SHA512
}
