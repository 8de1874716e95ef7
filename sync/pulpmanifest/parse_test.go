package pulpmanifest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/pulpmanifest"
)

var sum = strings.Repeat("0123456789abcdef", 4)

func line(path string) string { return path + "," + sum + ",1024\n" }

func file(t *testing.T, path string, size int64) layout.File {
	t.Helper()
	d, err := layout.ParseDigest(sum)
	if err != nil {
		t.Fatal(err)
	}
	return layout.File{Path: path, Size: size, SHA256: d}
}

func TestFilesReads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		manifest string
		want     []string
	}{
		"nothing":                          {"", nil},
		"only comments and blank lines":    {"# a,b,c\n\n   \n\t# x\n", nil},
		"several files, sorted afterwards": {line("b") + line("a/b") + line("B"), []string{"B", "a/b", "b"}},
		"a last line without newline":      {line("a") + strings.TrimSpace(line("b")), []string{"a", "b"}},
		"carriage returns":                 {strings.ReplaceAll(line("a")+line("b"), "\n", "\r\n"), []string{"a", "b"}},
		"white space around fields":        {" \ta b ,\t" + sum + " , 1024 \n", []string{"a b"}},
		"commas in the path":               {line("a,b/c,d"), []string{"a,b/c,d"}},
		"quotes are part of the path":      {line(`"a"`), []string{`"a"`}},
		"an upper-case digest":             {"a," + strings.ToUpper(sum) + ",1024\n", []string{"a"}},
		"leading zeros in the size":        {"a," + sum + ",0001024\n", []string{"a"}},
		"characters URLs escape":           {line("g++_1~rc#2?%41 é.deb"), []string{"g++_1~rc#2?%41 é.deb"}},
		"names that only begin alike":      {line("a") + line("a-b") + line("ab/c") + line("PULP_MANIFEST.asc"), []string{"PULP_MANIFEST.asc", "a", "a-b", "ab/c"}},
		"a less-than sign later on":        {line("a") + line("<b>"), []string{"<b>", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pulpmanifest.Files([]byte(test.manifest), "PULP_MANIFEST")
			if err != nil {
				t.Fatal(err)
			}
			var want []layout.File
			for _, p := range test.want {
				want = append(want, file(t, p, 1024))
			}
			if d := cmp.Diff(want, got[:len(got):len(got)], cmp.Transformer("nil", noNil)); d != "" {
				t.Errorf("want -, got +\n%s", d)
			}
		})
	}
}

func noNil(f []layout.File) string { return fmt.Sprint(len(f), f) }

func TestFilesRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ manifest, want string }{
		"a parent segment":             {"# x\n" + line("a/../b"), `line 2: path "a/../b": has a ".." segment`},
		"a dot segment":                {line("./a"), `line 1: path "./a": has a "." segment`},
		"an absolute path":             {line("/etc/passwd"), `line 1: path "/etc/passwd": is absolute`},
		"a double slash":               {line("a//b"), `line 1: path "a//b": has an empty segment`},
		"a trailing slash":             {line("a/"), `line 1: path "a/": has an empty segment`},
		"an empty path":                {line(""), `line 1: path "": is empty`},
		"NUL":                          {line("a\x00b"), `line 1: path "a\x00b": has the character U+0000`},
		"a control character":          {line("a\x1b[31m"), `line 1: path "a\x1b[31m": has the character U+001B`},
		"a backslash":                  {line(`a\b`), `line 1: path "a\\b": has the character U+005C`},
		"lines that end in CR alone":   {strings.ReplaceAll(line("a")+line("b"), "\n", "\r"), `has the character U+000D`},
		"bytes that are not UTF-8":     {line("a\xff"), `line 1: path "a\xff": is not UTF-8`},
		"a path that is too long":      {line(strings.Repeat("a/", 500) + "b"), `has 1001 bytes, the limit is 800`},
		"one path twice":               {line("a") + "\n" + line("b") + line("a"), `line 4: path "a" stands in line 1 already`},
		"one path thrice":              {line("a") + line("a") + line("a"), `line 2: path "a" stands in line 1 already`},
		"a file, then below it":        {line("a") + line("a-b") + line("a/b"), `line 3: path "a/b" makes a directory of "a", a file in line 1`},
		"below it, then a file":        {line("a/b/c") + line("a-b") + line("a"), `line 3: path "a" is a file, and a directory of "a/b/c" in line 1`},
		"the manifest itself":          {line("a") + line("PULP_MANIFEST"), `line 2: path "PULP_MANIFEST" is that of the manifest itself`},
		"below the manifest":           {line("PULP_MANIFEST/a"), `line 1: path "PULP_MANIFEST/a" makes a directory of the manifest itself`},
		"one field":                    {line("a") + "b\n", `line 2: has 1 field; a line is path,sha256,size`},
		"two fields":                   {"a," + sum + "\n", `line 1: has 2 fields; a line is path,sha256,size`},
		"four fields":                  {"a," + sum + ",1,2\n", `line 1: "1" is not a SHA-256: 1 characters instead of 64; a line is path,sha256,size`},
		"a truncated digest":           {"a," + sum[:63] + ",1\n", `is not a SHA-256: 63 characters instead of 64`},
		"a digest that is too long":    {"a," + sum + "0,1\n", `is not a SHA-256: 65 characters instead of 64`},
		"a digest that is not hex":     {"a," + sum[:63] + "g,1\n", `is not a SHA-256: encoding/hex: invalid byte: U+0067 'g'`},
		"a negative size":              {"a," + sum + ",-1\n", `line 1: "-1" is not a size: only digits are`},
		"a signed size":                {"a," + sum + ",+1\n", `"+1" is not a size`},
		"a fraction":                   {"a," + sum + ",5.0\n", `"5.0" is not a size`},
		"no size":                      {"a," + sum + ",\n", `line 1: has no size`},
		"a size past all disks":        {"a," + sum + ",9223372036854775808\n", `line 1: the size "9223372036854775808" is more than 9223372036854775807`},
		"a byte order mark":            {"\ufeff" + line("a"), `line 1: begins with a byte order mark; write the manifest without one`},
		"HTML":                         {"\n<!DOCTYPE html>\n<html>\n", `line 2: this is HTML, not a manifest; is the URL that of the manifest itself?`},
		"HTML without a line end":      {"<html>" + strings.Repeat("x", 1<<17), `line 1: this is HTML, not a manifest`},
		"gzip":                         {"\x1f\x8b\x08\x00\x00", `line 1: this is compressed (gzip), not a manifest`},
		"an endless line":              {line("a") + strings.Repeat("x", 1<<17), `line 2: is longer than 65536 bytes`},
		"a field quoted only in part":  {"a," + strings.Repeat("y", 3000) + ",1\n", `"` + strings.Repeat("y", 100) + `"… is not a SHA-256: 3000 characters`},
		"a directory called like page": {line("index.html/a"), `has a directory named index.html`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pulpmanifest.Files([]byte(test.manifest), "PULP_MANIFEST")
			var syntax *pulpmanifest.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line == 0 || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestParseEndsWithTheReadersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("line went dead")
	r := io.MultiReader(strings.NewReader(line("a")), iotest.ErrReader(broken))
	var got []string
	var last error
	for e, err := range pulpmanifest.Parse(r) {
		got, last = append(got, fmt.Sprint(e.Line, e.Path)), err
	}
	if len(got) != 2 || got[0] != "1a" || !errors.Is(last, broken) {
		t.Errorf("got %q and %v, want one entry, then the reader's error", got, last)
	}
}

func ExampleParse() {
	manifest := "# made nightly\n" +
		"pool/a,b.deb,9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,4\n" +
		"../evil,9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,4\n"
	for e, err := range pulpmanifest.Parse(strings.NewReader(manifest)) {
		fmt.Printf("%d %q %d %v\n", e.Line, e.Path, e.Size, err)
	}
	// Output:
	// 2 "pool/a,b.deb" 4 <nil>
	// 3 "" 0 line 3: path "../evil": has a ".." segment
}
