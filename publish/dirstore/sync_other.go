//go:build !linux

package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
)

// syncAtWrite is whether each file is synced when it is written: there is no
// call that syncs a file system and says whether it could.
const syncAtWrite = true

// touched are the directories in which a name was made since the last Sync.
type touched struct{ dirs sync.Map }

func (t *touched) add(name string) {
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		if _, known := t.dirs.LoadOrStore(dir, true); known || dir == "." {
			return
		}
	}
}

// Sync implements publish.Syncer: the files are synced, their names follow.
func (s *Store) Sync(ctx context.Context) error {
	var failed error
	s.touched.dirs.Range(func(dir, _ any) bool {
		s.touched.dirs.Delete(dir)
		if failed = context.Cause(ctx); failed == nil {
			failed = s.syncDir(dir.(string))
		}
		if failed != nil {
			s.touched.dirs.Store(dir, true)
		}
		return failed == nil
	})
	if failed != nil {
		return fmt.Errorf("sync %q: %w", s.path, failed)
	}
	return nil
}

func (s *Store) syncDir(dir string) error {
	if runtime.GOOS == "windows" { // has no such thing; NTFS logs names
		return nil
	}
	d, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
