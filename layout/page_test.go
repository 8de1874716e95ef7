package layout_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// golden holds body against testdata/name.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), string(body)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestShownChangesReadsWhatIsShown(t *testing.T) {
	t.Parallel()
	table := layout.NewTable(layout.Settings{Repository: "a", BasePath: "a", PublicPath: "/"})
	table.Log.Entries = 17
	encoded, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		body  string
		want  int
		shown bool
	}{
		{"a table shows its log's entries", string(encoded), 17, true},
		{"repositories.json shows its changes", `{"version":1,"changes":3,"repositories":[]}`, 3, true},
		{"a page shows its meta element", `<meta name="datestone:changes" content="41">`, 41, true},
		{"an empty log is zero changes, which is a number", `{"log":{"entries":0}}`, 0, true},
		{"a page without the element shows none", `<html><body>`, 0, false},
		{"an element without number shows none", `<meta name="datestone:changes" content="x">`, 0, false},
		{"a negative number shows none", `<meta name="datestone:changes" content="-1">`, 0, false},
		{"a cut element shows none", `<meta name="datestone:changes" content="`, 0, false},
		{"negative entries show none", `{"log":{"entries":-2}}`, 0, false},
		{"other JSON shows none", `{"version":1}`, 0, false},
		{"a cut table shows none", string(encoded[:len(encoded)/2]), 0, false},
		{"nothing shows none", "", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got, shown := layout.ShownChanges([]byte(tc.body)); got != tc.want || shown != tc.shown {
				t.Errorf("got %d, %v, want %d, %v", got, shown, tc.want, tc.shown)
			}
		})
	}
}

func TestNewPageSaysWhatItsBytesAre(t *testing.T) {
	t.Parallel()
	p := layout.NewPage(layout.Listing, "a/index.html", []byte("hello"), 4)
	want := layout.Page{
		Object: layout.Object{Key: "a/index.html", Size: 5, SHA256: layout.DigestOf([]byte("hello")),
			Header: layout.Header{ContentType: "text/html; charset=utf-8", CacheControl: "public, max-age=60"}},
		Body: []byte("hello"), Changes: 4,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// checkPage holds what is true of every page.
func checkPage(t *testing.T, p layout.Page) {
	t.Helper()
	if p.Size != int64(len(p.Body)) || p.SHA256 != layout.DigestOf(p.Body) {
		t.Errorf("page %q: size or digest is not that of its bytes", p.Key)
	}
	if bytes.Contains(p.Body, []byte("<script")) {
		t.Errorf("page %q has a script", p.Key)
	}
	for _, need := range []string{`<!doctype html>`, `<html lang="en">`, `name="viewport"`, "prefers-color-scheme:dark", "<main>", "<h1>Index of ", "</html>\n"} {
		if bytes.Count(p.Body, []byte(need)) != 1 {
			t.Errorf("page %q has %q %d times, want once", p.Key, need, bytes.Count(p.Body, []byte(need)))
		}
	}
}
