package pulpmanifest_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/pulpmanifest"
)

func TestWriteRefusesWhatNoManifestCanHold(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{
		"a comment": "#a", "leading space": " a", "trailing space": "a ", "a byte order mark": "\ufeffa",
		"a path that is not canonical": "a//b",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			files := layout.Files([]layout.File{file(t, path, 1)})
			if err := pulpmanifest.Write(&b, files); err == nil || b.Len() != 0 {
				t.Errorf("wrote %q (%v), want an error", &b, err)
			}
		})
	}
}

func TestWriteEndsWithTheSequencesError(t *testing.T) {
	t.Parallel()
	broken := errors.New("index is gone")
	err := pulpmanifest.Write(&bytes.Buffer{}, func(yield func(layout.File, error) bool) {
		yield(layout.File{}, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func ExampleWrite() {
	f := layout.File{Path: "a b,c", Size: 4, SHA256: layout.DigestOf([]byte("test"))}
	if err := pulpmanifest.Write(os.Stdout, layout.Files([]layout.File{f})); err != nil {
		panic(err)
	}
	// Output: a b,c,9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,4
}

// What parses re-prints to the same meaning, or was rejected.
func FuzzFiles(f *testing.F) {
	for _, seed := range []string{
		"", line("a") + line("b/c"), line("a") + line("a/b"), " a , " + sum + " , 007 ", "\ufeff" + line("a"),
		"#\r\n" + line("a,b"), "<html>", line("a\u00a0"), line("a\u2028b"), line("ä") + "\n\n" + line("../x"),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		files, err := pulpmanifest.Files(manifest, "PULP_MANIFEST")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Fatalf("error without a line: %v", err)
			}
			return
		}
		for _, err := range layout.Sorted(layout.Files(files)) {
			if err != nil {
				t.Fatal(err)
			}
		}
		var printed bytes.Buffer
		if err := pulpmanifest.Write(&printed, layout.Files(files)); err != nil {
			t.Fatal(err)
		}
		again, err := pulpmanifest.Files(printed.Bytes(), "PULP_MANIFEST")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(files, again); d != "" {
			t.Fatal(d)
		}
	})
}
