package dirstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"datestone/layout"
	"datestone/publish"
)

// Config says where a site stands.
type Config struct {
	// Root is the directory. It may be a symbolic link; what is below it is
	// never reached through one that leads out of it.
	Root string
	// Create makes Root when it is missing. Default false: a bucket that is
	// not there is more often a typing error or a file system not mounted.
	Create bool
}

// A Store is a publish.Store, publish.Linker, publish.Deleter, publish.Purger and
// publish.Syncer. All processes on one machine that write to one root see each
// other's conditions; over network file systems that is as good as their locks.
type Store struct {
	path    string
	root    *tree
	disk    *os.File // the root, open, for Sync
	lock    *lock
	sweep   sync.Once
	holders holders
	copying chan struct{}               // holds one value while a file is copied
	link    func(from, to string) error // the root's, but in tests
	touched touched
}

// New opens the directory. It writes nothing, unless told to create it.
func New(cfg Config) (*Store, error) {
	if cfg.Root == "" {
		return nil, errors.New("open bucket: no directory given")
	}
	if cfg.Create {
		if err := os.MkdirAll(cfg.Root, 0o755); err != nil {
			return nil, fmt.Errorf("create bucket: %w", err)
		}
	}
	root, err := os.OpenRoot(cfg.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open bucket: the directory %q does not exist: create it with mkdir -p %s (%w)",
			cfg.Root, shellWord(cfg.Root), fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	disk, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	t := newTree(root)
	return &Store{
		path: cfg.Root, root: t, disk: disk, link: t.Link,
		lock: newLock(filepath.Join(cfg.Root, mutexName)), copying: make(chan struct{}, 1),
	}, nil
}

// shellWord quotes s for a shell where that is needed.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:@") == "" && s[0] != '-' {
		return s
	}
	return "-- '" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Close ends the use of the directory.
func (s *Store) Close() error { return errors.Join(s.disk.Close(), s.root.Close()) }

// What of the private prefix is the store's own, and no object.
var (
	privateDir = filepath.FromSlash(strings.TrimSuffix(layout.PrivatePrefix, "/"))
	tmpDir     = filepath.Join(privateDir, "tmp")
	mutexName  = filepath.Join(privateDir, "mutex")
)

// name returns the file of key.
func name(key string) (string, error) {
	n, err := filepath.Localize(key)
	if err != nil || key == "." {
		return "", errors.New("is not a key that can be a file here")
	}
	if isOwn(n) {
		return "", errors.New("is a name that the store keeps for itself")
	}
	return n, nil
}

func isOwn(name string) bool {
	return name == mutexName || name == tmpDir || strings.HasPrefix(name, tmpDir+string(filepath.Separator))
}

// do calls f with the file of key, and says of its error what was attempted.
func do(ctx context.Context, op, key string, f func(name string) error) error {
	err := context.Cause(ctx)
	if err == nil {
		var n string
		if n, err = name(key); err == nil {
			err = f(n)
		}
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", op, key, err)
	}
	return nil
}

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (body io.ReadCloser, info publish.Info, err error) {
	err = do(ctx, "get", key, func(name string) error {
		body, info, err = s.open(name, offset, length)
		info.Key = key
		return err
	})
	if err != nil {
		return nil, publish.Info{}, err
	}
	return body, info, nil
}

func (s *Store) open(name string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	f, fi, err := s.openRegular(name)
	if err != nil {
		return nil, publish.Info{}, err
	}
	if fi.Size() < small {
		defer f.Close()
		return openSmall(f, fi, offset, length)
	}
	info := publish.Info{Size: fi.Size(), ModTime: modTime(fi), Version: largeVersion(fi)}
	return &section{io.NewSectionReader(f, offset, within(info.Size, offset, length)), f}, info, nil
}

// openRegular opens a file that is one. What is a directory, or would be below
// a file, is a missing object.
func (s *Store) openRegular(name string) (*os.File, fs.FileInfo, error) {
	// Looked at first: to open a pipe would wait for its other end.
	if _, err := s.lstat(name); err != nil {
		return nil, nil, err
	}
	f, err := s.root.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, missing(err)
	}
	fi, err := f.Stat()
	if err == nil {
		err = regular(fi)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

func (s *Store) lstat(name string) (fs.FileInfo, error) {
	fi, err := s.root.Lstat(name)
	if err != nil {
		return nil, missing(err)
	}
	return fi, regular(fi)
}

func regular(fi fs.FileInfo) error {
	switch {
	case fi.Mode().IsRegular():
		return nil
	case fi.IsDir():
		return fmt.Errorf("is a directory: %w", fs.ErrNotExist)
	}
	return fmt.Errorf("is no regular file (%s): a site is files and directories only", fi.Mode().Type())
}

// missing makes fs.ErrNotExist of an error that says that there is no such
// path, because what should be a directory is a file.
func missing(err error) error {
	if isNotDir(err) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// openSmall reads all of a small file, so that version and content are of one
// moment.
func openSmall(f *os.File, fi fs.FileInfo, offset, length int64) (io.ReadCloser, publish.Info, error) {
	b := make([]byte, fi.Size())
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, publish.Info{}, err
	}
	b = b[:n]
	info := publish.Info{Size: int64(n), ModTime: modTime(fi), Version: smallVersion(layout.DigestOf(b))}
	from := min(offset, info.Size)
	part := b[from : from+within(info.Size, offset, length)]
	return io.NopCloser(bytes.NewReader(part)), info, nil
}

// within returns how many bytes of size a range has.
func within(size, offset, length int64) int64 {
	rest := max(size-offset, 0)
	if length < 0 {
		return rest
	}
	return min(rest, length)
}

type section struct {
	*io.SectionReader
	io.Closer
}

// Stat implements publish.Store.
func (s *Store) Stat(ctx context.Context, key string) (info publish.Info, err error) {
	err = do(ctx, "stat", key, func(name string) error {
		info, err = s.stat(name)
		info.Key = key
		return err
	})
	if err != nil {
		return publish.Info{}, err
	}
	return info, nil
}

func (s *Store) stat(name string) (publish.Info, error) {
	body, info, err := s.open(name, 0, 0)
	if err != nil {
		return publish.Info{}, err
	}
	return info, body.Close()
}

// small is the size below which a version is made of the content. Times of
// files are too coarse to tell two tables from each other that were written
// within milliseconds.
const small = 1 << 20

func smallVersion(d layout.Digest) string { return strconv.Quote(d.String()[:32]) }

func largeVersion(fi fs.FileInfo) string {
	return fmt.Sprintf("\"%x-%x-%x\"", fi.Size(), fi.ModTime().UnixNano(), inode(fi))
}
