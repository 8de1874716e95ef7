package enginetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Block returns the block of docs/serving.md in the given language that begins
// with the comment title, with what it says of the site replaced: pairs of old
// and new text, of which the old has to be there.
func Block(t testing.TB, language, title string, replace ...string) string {
	t.Helper()
	_, after, ok := strings.Cut(serving(t), "```"+language+"\n# "+title+"\n")
	text, _, closed := strings.Cut(after, "```")
	if !ok || !closed {
		t.Fatalf("docs/serving.md has no block %q", title)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("block %q of docs/serving.md has no %s", title, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// serving returns docs/serving.md, wherever in the module the test runs.
func serving(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, found := os.Stat(filepath.Join(dir, "go.mod")); found == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			err = os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", "serving.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
