package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
)

// Delete implements publish.Deleter. Directories that become empty go too: to
// a reader of the site a directory is there when something is in it.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	dirs := map[string]bool{}
	defer func() { s.removeEmpty(dirs) }()
	for _, key := range keys {
		err := do(ctx, "delete", key, func(name string) error {
			dirs[filepath.Dir(name)] = true
			return s.remove(name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) remove(name string) error {
	s.holders.forget(name)
	_, err := s.lstat(name)
	if err == nil {
		err = s.root.Remove(name)
		s.touched.add(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeEmpty removes the directories that are empty, and those above them
// that become so. One that is not, or is gone, is left to itself.
func (s *Store) removeEmpty(dirs map[string]bool) {
	for _, dir := range slices.Backward(slices.Sorted(maps.Keys(dirs))) {
		for ; dir != "." && s.removeDir(dir); dir = filepath.Dir(dir) {
			s.touched.add(dir)
		}
	}
}

func (s *Store) removeDir(dir string) bool {
	fi, err := s.root.Lstat(dir) // Remove takes files too
	return err == nil && fi.IsDir() && s.root.Remove(dir) == nil
}
