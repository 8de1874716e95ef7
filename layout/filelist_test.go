package layout_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

const listHead = "# datestone files 1: sha256, size, first seen, upstream digest, path\n"

var sum = strings.Repeat("0a", 32)

func line(size, seen, upstream, path string) string {
	return sum + "\t" + size + "\t" + seen + "\t" + upstream + "\t" + path + "\n"
}

func TestFileListComesBack(t *testing.T) {
	t.Parallel()
	long := file(strings.Repeat("é/", 266)+"a", math.MaxInt64-5000, second)
	long.Upstream = "sha512:" + strings.Repeat("ab", 64)
	for name, files := range map[string][]layout.File{
		"nothing":     nil,
		"a few":       {file("1.iso", 1000, first), file("a b", 0, first), file("a+b/é~%", 228, second)},
		"long fields": {file("a", 1, first), long},
		"many":        filesAt(manyPaths(5000)...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			list, err := layout.WriteFileList(&b, layout.Files(files))
			if err != nil {
				t.Fatal(err)
			}
			if list.SHA256 != layout.DigestOf(b.Bytes()) || list.Files != len(files) {
				t.Errorf("named %+v, want %d files and the digest of the text", list, len(files))
			}
			got, err := collect(layout.ReadFileList(iotest.OneByteReader(&b)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(files, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func manyPaths(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("pool/%05d", i)
	}
	return paths
}

func TestReadFileListNamesTheLine(t *testing.T) {
	t.Parallel()
	good := line("1", string(first), "-", "a")
	for _, tc := range []struct{ name, in, want string }{
		{"nothing", "", "line 1: unexpected EOF"},
		{"another head", "# datestone files 2: x\n" + good, "line 1: not a file list of version 1"},
		{"HTML", "<html>\n", "line 1: not a file list"},
		{"a cut head", listHead[:10], "line 1: unexpected EOF"},
		{"a cut line", listHead + good + good[:20], "line 3: unexpected EOF"},
		{"no newline at the end", listHead + strings.TrimSuffix(good, "\n"), "line 2: unexpected EOF"},
		{"an empty line", listHead + good + "\n", "line 3: 1 fields instead of 5"},
		{"four fields", listHead + "a\tb\tc\td\n", "line 2: 4 fields instead of 5"},
		{"six fields", listHead + good + line("1", string(first), "-", "b\tc"), "line 3: 6 fields instead of 5"},
		{"a short digest", listHead + good[2:], "line 2: \"" + sum[2:] + "\" is not a SHA-256"},
		{"capital digits", listHead + strings.ToUpper(sum) + good[64:], "line 2: is not written as datestone writes it"},
		{"no size", listHead + line("", string(first), "-", "a"), `line 2: "" is not a size`},
		{"a negative size", listHead + line("-1", string(first), "-", "a"), `line 2: "-1" is not a size`},
		{"a signed size", listHead + line("+1", string(first), "-", "a"), "line 2: is not written"},
		{"a padded size", listHead + line("01", string(first), "-", "a"), "line 2: is not written"},
		{"a size of 65 bits", listHead + line("9223372036854775808", string(first), "-", "a"), "line 2: \"9223372036854775808\" is not a size"},
		{"sizes that overflow together", listHead + line("9223372036854775807", string(first), "-", "a") + line("1", string(first), "-", "b"), "line 3: path \"b\""},
		{"no first seen", listHead + line("1", "", "-", "a"), "line 2: \"\" is not an ID"},
		{"a first seen that is no time", listHead + line("1", "20250230T000000Z", "-", "a"), "line 2: \"20250230T000000Z\" is no time"},
		{"an empty upstream digest", listHead + line("1", string(first), "", "a"), "line 2: is not written"},
		{"an upstream digest with a space", listHead + line("1", string(first), "md5: 1", "a"), "line 2: \"md5: 1\" is no upstream digest"},
		{"a path that climbs", listHead + good + line("1", string(first), "-", "../b"), "line 3: path \"../b\""},
		{"a path with a carriage return", listHead + line("1", string(first), "-", "a\r"), "line 2: path \"a\\r\""},
		{"not sorted", listHead + line("1", string(first), "-", "b") + good, "line 3: path \"a\" comes after \"b\""},
		{"twice", listHead + good + good, "line 3: path \"a\" is there twice"},
		{"a file that is a directory", listHead + good + line("1", string(first), "-", "a/b"), "line 3: path \"a\" is a file"},
		{"an endless line", listHead + strings.Repeat("x", 1<<20), "line 2: is longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := collect(layout.ReadFileList(strings.NewReader(tc.in)))
			if err == nil || !strings.HasPrefix(err.Error(), "file list, "+tc.want) {
				t.Errorf("got %v, want %q", err, "file list, "+tc.want)
			}
		})
	}
}

func TestReadFileListHandsReadErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	in := io.MultiReader(strings.NewReader(listHead+line("1", string(first), "-", "a")), iotest.ErrReader(broken))
	got, err := collect(layout.ReadFileList(in))
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("got %d files and %v, want 1 and %v", len(got), err, broken)
	}
}

func TestWriteFileListRefusesWhatCannotBeReadBack(t *testing.T) {
	t.Parallel()
	with := func(change func(*layout.File)) []layout.File {
		f := file("a", 1, first)
		change(&f)
		return []layout.File{f}
	}
	for _, tc := range []struct {
		name  string
		files []layout.File
		want  string
	}{
		{"no first seen", with(func(f *layout.File) { f.FirstSeen = "" }), "first seen"},
		{"a negative size", with(func(f *layout.File) { f.Size = -1 }), "size of -1"},
		{"a tab in the upstream digest", with(func(f *layout.File) { f.Upstream = "a\tb" }), "no upstream digest"},
		{"the sign for none as the upstream digest", with(func(f *layout.File) { f.Upstream = "-" }), "no upstream digest"},
		{"an endless upstream digest", with(func(f *layout.File) { f.Upstream = strings.Repeat("a", 201) }), "201 bytes"},
		{"not sorted", filesAt("b", "a"), "not sorted"},
		{"more bytes than 64 bits hold", []layout.File{file("a", math.MaxInt64, first), file("b", 1, first)}, `path "b"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			list, err := layout.WriteFileList(io.Discard, layout.Files(tc.files))
			if err == nil || !strings.Contains(err.Error(), tc.want) || list != (layout.FileList{}) {
				t.Errorf("got %+v, %v, want an error with %q", list, err, tc.want)
			}
		})
	}
}

func TestWriteFileListHandsWriteErrorsOn(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	broken := errors.New("no space left")
	r.CloseWithError(broken)
	if _, err := layout.WriteFileList(w, layout.Files(filesAt(manyPaths(5000)...))); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

// What parses is written again as the same bytes.
func FuzzReadFileList(f *testing.F) {
	f.Add([]byte(listHead))
	f.Add([]byte(listHead + line("1", string(first), "-", "a") + line("22", string(second), "sha512:00", "b/c é")))
	f.Add([]byte(listHead + line("1", string(first), "-", "a") + line("1", string(first), "-", "a/b")))
	f.Add([]byte(listHead + line("01", string(first), "--", "a")))
	f.Fuzz(func(t *testing.T, in []byte) {
		files, err := collect(layout.ReadFileList(bytes.NewReader(in)))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if _, err := layout.WriteFileList(&out, layout.Files(files)); err != nil || !bytes.Equal(out.Bytes(), in) {
			t.Errorf("read %q, wrote %q, %v", in, out.Bytes(), err)
		}
	})
}

func BenchmarkReadFileList(b *testing.B) {
	var text bytes.Buffer
	if _, err := layout.WriteFileList(&text, layout.Files(filesAt(manyPaths(10_000)...))); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := collect(layout.ReadFileList(bytes.NewReader(text.Bytes()))); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleWriteFileList() {
	files := []layout.File{{Path: "1.iso", Size: 6, SHA256: layout.DigestOf([]byte("hello\n")), FirstSeen: "20250318T140338Z"}}
	list, err := layout.WriteFileList(os.Stdout, layout.Files(files))
	fmt.Println(list.Files, list.Bytes, err)
	// Output:
	// # datestone files 1: sha256, size, first seen, upstream digest, path
	// 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03	6	20250318T140338Z	-	1.iso
	// 1 6 <nil>
}
