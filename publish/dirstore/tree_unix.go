//go:build unix

package dirstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A tree is an os.Root that remembers open directories. An os.Root opens every
// directory of a path again for each call, which for 10,000 links takes longer
// than the links; from an open directory each is one system call.
type tree struct {
	*os.Root
	mu   sync.Mutex
	open map[string]*dir
}

func newTree(root *os.Root) *tree { return &tree{Root: root, open: map[string]*dir{}} }

// A dir is open while it is remembered or used.
type dir struct {
	root    *os.Root
	file    *os.File
	users   int
	dropped bool
}

func (d *dir) close() error { return errors.Join(d.file.Close(), d.root.Close()) }

// removed reports whether nothing can be made in the directory any more.
func (d *dir) removed() bool {
	var st unix.Stat_t
	return unix.Fstat(int(d.file.Fd()), &st) != nil || st.Nlink == 0
}

// maxOpen is enough for keys that come in order, from all workers.
const maxOpen = 128

// use returns the open directory; every use ends with done.
func (t *tree) use(name string) (*dir, error) {
	if d := t.remembered(name); d != nil {
		return d, nil
	}
	d, err := t.openDir(name)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other, ok := t.open[name]; ok { // another goroutine was faster
		other.users++
		return other, d.close()
	}
	for other := range t.open {
		if len(t.open) < maxOpen {
			break
		}
		t.drop(other)
	}
	t.open[name] = d
	return d, nil
}

func (t *tree) remembered(name string) *dir {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.open[name]
	if !ok {
		return nil
	}
	d.users++
	return d
}

// openDir opens a directory from the one above it, so that a missing one costs
// a system call and not one for each level of its path.
func (t *tree) openDir(name string) (*dir, error) {
	var root *os.Root
	err := error(fs.ErrInvalid)
	if name != "." {
		err = t.in(name, func(above *dir, base string) (err error) {
			root, err = above.root.OpenRoot(base)
			return err
		})
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	if err != nil { // the top, or a link to elsewhere below it
		root, err = t.Root.OpenRoot(name)
	}
	if err != nil {
		return nil, t.why(name, err)
	}
	file, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &dir{root: root, file: file, users: 1}, nil
}

// why returns the error that a system call would give, where OpenRoot gives one
// of its own.
func (t *tree) why(name string, err error) error {
	if fi, serr := t.Root.Stat(name); serr == nil && !fi.IsDir() {
		return &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return err
}

func (t *tree) done(d *dir) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d.users--; d.users == 0 && d.dropped {
		d.close()
	}
}

// drop forgets a directory. The tree is locked.
func (t *tree) drop(name string) {
	d := t.open[name]
	delete(t.open, name)
	if d.dropped = true; d.users == 0 {
		d.close()
	}
}

// in calls f with the directory of a file, and its name there. One that was
// removed since it was opened, and made again, is opened again.
func (t *tree) in(name string, f func(d *dir, base string) error) error {
	parent, base := filepath.Split(name)
	parent = filepath.Clean(parent)
	for {
		d, err := t.use(parent)
		if err != nil {
			return err
		}
		err = f(d, base)
		again := errors.Is(err, fs.ErrNotExist) && d.removed()
		if again {
			t.mu.Lock()
			if t.open[parent] == d {
				t.drop(parent)
			}
			t.mu.Unlock()
		}
		t.done(d)
		if !again {
			return err
		}
	}
}

// Lstat is os.Root's.
func (t *tree) Lstat(name string) (fi fs.FileInfo, err error) {
	err = t.in(name, func(d *dir, base string) error { fi, err = d.root.Lstat(base); return err })
	return fi, err
}

// OpenFile is os.Root's.
func (t *tree) OpenFile(name string, flag int, perm fs.FileMode) (f *os.File, err error) {
	err = t.in(name, func(d *dir, base string) error { f, err = d.root.OpenFile(base, flag, perm); return err })
	return f, err
}

// Remove is os.Root's.
func (t *tree) Remove(name string) error {
	return t.in(name, func(d *dir, base string) error { return d.root.Remove(base) })
}

// Link is os.Root's.
func (t *tree) Link(from, to string) error {
	return t.between("link", from, to, func(fd int, name string, toFd int, toName string) error {
		return unix.Linkat(fd, name, toFd, toName, 0)
	})
}

// Rename is os.Root's.
func (t *tree) Rename(from, to string) error { return t.between("rename", from, to, unix.Renameat) }

func (t *tree) between(op, from, to string, f func(int, string, int, string) error) error {
	return t.in(from, func(d *dir, base string) error {
		return t.in(to, func(toDir *dir, toBase string) error {
			err := f(int(d.file.Fd()), base, int(toDir.file.Fd()), toBase)
			for err == syscall.EINTR {
				err = f(int(d.file.Fd()), base, int(toDir.file.Fd()), toBase)
			}
			if err != nil {
				return &os.LinkError{Op: op, Old: from, New: to, Err: err}
			}
			return nil
		})
	})
}

// Close closes all directories.
func (t *tree) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.open {
		t.drop(name)
	}
	return t.Root.Close()
}
