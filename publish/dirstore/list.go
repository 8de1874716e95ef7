package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"datestone/publish"
)

// List implements publish.Store. It holds the names of one directory for each
// level at which it is.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	return func(yield func(publish.Info, error) bool) {
		dir, rest := path.Split(prefix)
		w := walk{ctx: ctx, s: s, yield: yield}
		if dir == "" {
			dir = "./"
		}
		// No key has a directory that is not canonical: the list is empty.
		if dir := strings.TrimSuffix(dir, "/"); fs.ValidPath(dir) {
			w.dir(dir, rest)
		}
	}
}

type walk struct {
	ctx   context.Context
	s     *Store
	yield func(publish.Info, error) bool
}

// dir walks what is in a directory and begins with prefix; false ends the walk.
func (w *walk) dir(dir, prefix string) bool {
	entries, err := w.read(dir)
	if err != nil {
		w.yield(publish.Info{}, fmt.Errorf("list %q: %w", dir, err))
		return false
	}
	for _, e := range entries {
		if strings.HasPrefix(e.order, prefix) && !w.entry(path.Join(dir, e.Name()), e.DirEntry) {
			return false
		}
	}
	return true
}

// An entry sorts as its keys do: those of the directory "a" begin with "a/",
// after "a-b" and "a.txt".
type entry struct {
	fs.DirEntry
	order string
}

func (w *walk) read(dir string) ([]entry, error) {
	if w.ctx.Err() != nil {
		return nil, context.Cause(w.ctx)
	}
	d, err := w.s.root.Open(filepath.FromSlash(dir))
	if errors.Is(missing(err), fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	found, err := d.ReadDir(-1)
	if isNotDir(err) {
		return nil, nil
	}
	entries := make([]entry, len(found))
	for i, e := range found {
		entries[i] = entry{e, e.Name()}
		if e.IsDir() {
			entries[i].order += "/"
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.order, b.order) })
	return entries, err
}

func (w *walk) entry(key string, e fs.DirEntry) bool {
	if isOwn(filepath.FromSlash(key)) {
		return true
	}
	if e.IsDir() {
		return w.dir(key, "")
	}
	fi, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true // deleted since
	}
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		w.yield(publish.Info{}, fmt.Errorf("list %q: %w", key, err))
		return false
	}
	return w.yield(publish.Info{Key: key, Size: fi.Size()}, nil)
}
