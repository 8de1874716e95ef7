package dirstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, p publish.Put) (info publish.Info, err error) {
	err = do(ctx, "put", p.Key, func(name string) error {
		if err := s.mayPut(name, p); err != nil {
			return err
		}
		tmp, i, err := s.writeTemp(ctx, p)
		if err != nil {
			return err
		}
		info = i
		return s.place(ctx, tmp, name, p)
	})
	if err != nil {
		return publish.Info{}, err
	}
	return info, nil
}

// mayPut asks before the body is read for what will be asked again after it: a
// conflict should not cost a download.
func (s *Store) mayPut(name string, p publish.Put) error {
	if !p.Create {
		return nil
	}
	_, err := s.root.Lstat(name)
	switch {
	case err == nil:
		return errExists
	case errors.Is(missing(err), fs.ErrNotExist):
		return nil
	}
	return err
}

var (
	errExists  = fmt.Errorf("%w: it exists", publish.ErrConflict)
	errMissing = fmt.Errorf("%w: it does not exist", publish.ErrConflict)
)

// writeTemp writes the body to a file that nobody sees yet.
func (s *Store) writeTemp(ctx context.Context, p publish.Put) (tmp string, info publish.Info, err error) {
	tmp, f, err := s.createTemp()
	if err != nil {
		return "", info, s.explain(err, p.Size)
	}
	sum, err := s.fill(ctx, f, p)
	var fi fs.FileInfo
	if err == nil {
		fi, err = f.Stat()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", info, errors.Join(s.explain(err, p.Size), s.root.Remove(tmp))
	}
	info = publish.Info{Key: p.Key, Size: p.Size, ModTime: modTime(fi), Version: smallVersion(sum)}
	if p.Size >= small {
		info.Version = largeVersion(fi)
	}
	return tmp, info, nil
}

func (s *Store) createTemp() (string, *os.File, error) {
	s.sweep.Do(s.removeStale)
	tmp := tempName()
	var f *os.File
	err := s.inDir(tmp, func() (err error) {
		f, err = s.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		return err
	})
	return tmp, f, err
}

func tempName() string { return filepath.Join(tmpDir, strconv.FormatUint(rand.Uint64(), 36)) }

// inDir calls f, which makes the file name. When the directory is missing it
// is made and f called again: that costs nothing where it is there, and holds
// against a Delete that removes it at the same time because it was empty.
func (s *Store) inDir(name string, f func() error) error {
	const tries = 100
	err := f()
	for range tries {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// "It exists" is of a directory that was removed a moment later.
		merr := s.root.MkdirAll(filepath.Dir(name), 0o755)
		if merr != nil && !errors.Is(merr, fs.ErrNotExist) && !errors.Is(merr, fs.ErrExist) {
			return merr
		}
		err = f()
	}
	return err
}

// stale is the age at which a file that nobody sees is one that a killed run
// left.
const stale = 24 * time.Hour

// removeStale does what it can; what it can't remove is nobody's harm.
func (s *Store) removeStale() {
	dir, err := s.root.Open(tmpDir)
	if err != nil {
		return
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(-1)
	for _, e := range entries {
		if fi, err := e.Info(); err == nil && time.Since(fi.ModTime()) > stale {
			s.root.Remove(filepath.Join(tmpDir, e.Name()))
		}
	}
}

var buffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// fill writes the body to f, and returns its digest if it is what p says.
func (s *Store) fill(ctx context.Context, f *os.File, p publish.Put) (layout.Digest, error) {
	r, err := p.Open(ctx)
	if err != nil {
		return layout.Digest{}, err
	}
	defer r.Close()
	buf := buffers.Get().(*[128 << 10]byte)
	defer buffers.Put(buf)
	hash := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(hash, f), &limited{ctx, r, p.Size}, buf[:])
	if err != nil {
		return layout.Digest{}, err
	}
	sum := layout.Digest(hash.Sum(nil))
	switch {
	case n != p.Size:
		return sum, fmt.Errorf("%w: %d bytes instead of %d", publish.ErrDigest, n, p.Size)
	case !p.SHA256.IsZero() && sum != p.SHA256:
		return sum, fmt.Errorf("%w: SHA-256 is %s instead of %s", publish.ErrDigest, sum, p.SHA256)
	case syncAtWrite || p.Whole:
		return sum, f.Sync()
	}
	return sum, nil
}

// limited ends with its context, and is an error past so many bytes: an
// endless body must not fill the disk.
type limited struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if err := context.Cause(l.ctx); err != nil {
		return 0, err
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("%w: there are more bytes than declared", publish.ErrDigest)
	}
	return n, err
}

// place gives the finished file its name, or removes it.
func (s *Store) place(ctx context.Context, tmp, name string, p publish.Put) error {
	err := context.Cause(ctx)
	switch {
	case err != nil:
	case p.Create:
		err = s.create(ctx, tmp, name)
	default:
		err = s.lock.hold(ctx, s.root, func() error {
			if err := s.matches(name, p.IfMatch); err != nil {
				return err
			}
			return s.rename(tmp, name)
		})
	}
	if err != nil {
		if rerr := s.root.Remove(tmp); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return s.explain(err, p.Size)
	}
	return nil
}

// create gives tmp a name that nothing has.
func (s *Store) create(ctx context.Context, tmp, name string) error {
	err := s.inDir(name, func() error { return s.link(tmp, name) })
	switch {
	case err == nil:
		s.touched.add(name)
		return s.root.Remove(tmp)
	case errors.Is(err, fs.ErrExist):
		return errExists
	case !cannotLink(err):
		return err
	}
	return s.lock.hold(ctx, s.root, func() error {
		if _, err := s.root.Lstat(name); err == nil {
			return errExists
		}
		return s.rename(tmp, name)
	})
}

// rename gives tmp a name, whatever has it.
func (s *Store) rename(tmp, name string) error {
	s.holders.forget(name)
	if err := s.mayReplace(name); err != nil {
		return err
	}
	err := s.inDir(name, func() error { return s.root.Rename(tmp, name) })
	if err == nil {
		s.touched.add(name)
	}
	return err
}

func (s *Store) mayReplace(name string) error {
	_, err := s.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a directory there is an error of the rename
	}
	return err
}

// matches holds what stands against the version that a caller knows.
func (s *Store) matches(name, version string) error {
	if version == "" {
		return nil
	}
	info, err := s.stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case err != nil:
		return err
	case info.Version != version:
		return fmt.Errorf("%w: its version is %s, not %s", publish.ErrConflict, info.Version, version)
	}
	return nil
}

// explain says what to do about an error, where that is known.
func (s *Store) explain(err error, size int64) error {
	if isNoSpace(err) {
		return fmt.Errorf("no space left for %d bytes in %q: %w", size, s.path, err)
	}
	return err
}

func modTime(fi fs.FileInfo) time.Time { return fi.ModTime().UTC().Truncate(time.Second) }
