package dirstore_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/dirstore"
	"datestone/publish/storetest"
)

func link(t *testing.T, s *dirstore.Store, from, to string) {
	t.Helper()
	if err := s.Link(t.Context(), from, layout.Object{Key: to}); err != nil {
		t.Error(err)
	}
}

// contents returns how many different files stand at the keys.
func contents(t *testing.T, root string, keys []string) int {
	t.Helper()
	var different []fs.FileInfo
next:
	for _, key := range keys {
		fi, err := os.Stat(filepath.Join(root, filepath.FromSlash(key)))
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range different {
			if os.SameFile(fi, other) {
				continue next
			}
		}
		different = append(different, fi)
	}
	return len(different)
}

func TestLink_isAHardLink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "1/a", "x")
	link(t, s, "1/a", "2/a")
	link(t, s, "2/a", "3/a")
	put(t, s, "3/b", "x")
	link(t, s, "3/a", "3/b")
	if n := contents(t, root, []string{"1/a", "2/a", "3/a", "3/b"}); n != 1 {
		t.Errorf("%d different files, want 1", n)
	}
}

// full makes a file take most links.
func full(most int) func(func(string, string) error, string, string) error {
	var mu sync.Mutex
	made := map[string]int{}
	return func(link func(string, string) error, from, to string) error {
		mu.Lock()
		defer mu.Unlock()
		if filepath.Base(filepath.Dir(from)) == "tmp" {
			return link(from, to)
		}
		if made[from] == most {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EMLINK}
		}
		err := link(from, to)
		if err == nil {
			made[from]++
		}
		return err
	}
}

func TestLink_goesOnFromACopy(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	s.SetLink(full(10))
	put(t, s, "from", "content")
	keys := []string{"from"}
	for i := range 65 {
		key := fmt.Sprintf("%d/file", i)
		link(t, s, "from", key)
		wantBody(t, s, key, "content")
		keys = append(keys, key)
	}
	// 11 names for the first file and for each copy.
	if n := contents(t, root, keys); n != 6 {
		t.Errorf("%d keys are %d different files, want 6", len(keys), n)
	}
}

func TestLink_manyAtOnceMakeOneCopy(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	s.SetLink(full(40))
	put(t, s, "from", "content")
	keys := []string{"from"}
	var all sync.WaitGroup
	for i := range 80 {
		key := fmt.Sprintf("%d/file", i)
		keys = append(keys, key)
		all.Go(func() { link(t, s, "from", key) })
	}
	all.Wait()
	if n := contents(t, root, keys); n != 2 {
		t.Errorf("%d keys are %d different files, want 2", len(keys), n)
	}
}

func TestLink_copyThatChangesIsNoHolder(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, s *dirstore.Store, root string){
		"copy put":     func(t *testing.T, s *dirstore.Store, _ string) { put(t, s, "copy", "other") },
		"copy deleted": func(t *testing.T, s *dirstore.Store, _ string) { s.Delete(t.Context(), "copy") },
		"copy removed by someone else": func(t *testing.T, s *dirstore.Store, root string) {
			os.Remove(filepath.Join(root, "copy"))
		},
		"copy linked over": func(t *testing.T, s *dirstore.Store, _ string) {
			put(t, s, "other", "other")
			link(t, s, "other", "copy")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			s := open(t, root)
			s.SetLink(full(2))
			put(t, s, "from", "content")
			link(t, s, "from", "1")
			link(t, s, "from", "2")
			link(t, s, "from", "copy")
			change(t, s, root)
			link(t, s, "from", "3")
			wantBody(t, s, "3", "content")
		})
	}
}

// A file system without hard links keeps every promise.
func TestStore_withoutLinks(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) publish.Store {
		s := open(t, t.TempDir())
		s.SetLink(func(_ func(string, string) error, from, to string) error {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
		})
		return s
	})
}
