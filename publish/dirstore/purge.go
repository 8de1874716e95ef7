package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Purge implements publish.Purger. A file whose writer was killed may have a
// second name, which no key leads to: that goes too. Copies that were made
// where a file had no room for more links stand at keys of their own.
func (s *Store) Purge(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		err := do(ctx, "purge", key, func(name string) error {
			fi, err := s.lstat(name)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			return s.removeTemps(fi)
		})
		if err != nil {
			return err
		}
	}
	return s.Delete(ctx, keys...)
}

// removeTemps removes the temporary names of a file.
func (s *Store) removeTemps(of fs.FileInfo) error {
	dir, err := s.root.Open(tmpDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err == nil && os.SameFile(fi, of) {
			err = s.root.Remove(filepath.Join(tmpDir, e.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
