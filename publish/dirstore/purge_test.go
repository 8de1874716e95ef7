package dirstore_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPurgeTakesTheNameThatAKilledWriterLeft: a writer links its temporary file
// to the key and removes it then.
func TestPurgeTakesTheNameThatAKilledWriterLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, key := range []string{"a/1", "a/2"} {
		if _, err := s.Put(t.Context(), bytesOf(key, "content")); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(dir, ".datestone", "tmp")
	for temp, key := range map[string]string{"left": "a/1", "other": "a/2"} {
		if err := os.Link(filepath.Join(dir, key), filepath.Join(tmp, temp)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Purge(t.Context(), "a/1", "missing"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{filepath.Join(tmp, "left"): false, filepath.Join(tmp, "other"): true,
		filepath.Join(dir, "a", "1"): false, filepath.Join(dir, "a", "2"): true} {
		if _, err := os.Lstat(name); (err == nil) != want {
			t.Errorf("%s: %v, want it to stand: %t", name, err, want)
		}
	}
}
