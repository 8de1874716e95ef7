package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"datestone/layout"
	"datestone/publish"
)

// Link implements publish.Linker by hard links. Where the file system has no
// more of them for a file, or none at all, it copies.
func (s *Store) Link(ctx context.Context, from string, to layout.Object) error {
	return do(ctx, "link", to.Key, func(target string) error {
		source, err := name(from)
		if err == nil {
			err = s.linkFile(ctx, source, target)
		}
		if err != nil {
			return fmt.Errorf("from %q: %w", from, err)
		}
		return nil
	})
}

func (s *Store) linkFile(ctx context.Context, source, target string) error {
	holder := s.holders.of(source)
	err := s.tryLink(holder, target)
	switch {
	case errors.Is(err, fs.ErrExist):
		err = s.replaceByLink(ctx, holder, target)
	case errors.Is(err, fs.ErrNotExist) && holder != source:
		s.holders.forget(holder)
		return s.linkFile(ctx, source, target)
	}
	if cannotLink(err) {
		return s.copyFile(ctx, source, holder, target)
	}
	return err
}

// tryLink makes a link where nothing stands.
func (s *Store) tryLink(source, target string) error {
	// A link to a symbolic link, or to a pipe, would be one more of them.
	if _, err := s.lstat(source); err != nil {
		return err
	}
	err := s.inDir(target, func() error { return s.link(source, target) })
	if err == nil {
		s.touched.add(target)
	}
	return err
}

// replaceByLink makes target the same file as source, if it is another.
func (s *Store) replaceByLink(ctx context.Context, source, target string) error {
	return s.lock.hold(ctx, s.root, func() error {
		old, err := s.lstat(target)
		if err != nil {
			return err
		}
		if now, err := s.lstat(source); err != nil || os.SameFile(old, now) {
			return err
		}
		tmp := tempName()
		if err := s.inDir(tmp, func() error { return s.link(source, tmp) }); err != nil {
			return err
		}
		if err := s.rename(tmp, target); err != nil {
			return errors.Join(err, s.root.Remove(tmp))
		}
		return nil
	})
}

// copyFile makes target a copy of source, and the holder of what is linked
// from source later: holder is the one that had no room. Copies are made one
// at a time, so that of many links at once to a full file one is a copy.
func (s *Store) copyFile(ctx context.Context, source, holder, target string) error {
	select {
	case s.copying <- struct{}{}:
		defer func() { <-s.copying }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if next := s.holders.of(source); next != holder {
		if err := s.tryLink(next, target); err == nil {
			return nil
		}
		holder = next
	}
	tmp, size, err := s.copyTemp(ctx, holder)
	if err != nil {
		return s.explain(err, size)
	}
	err = s.lock.hold(ctx, s.root, func() error { return s.rename(tmp, target) })
	if err != nil {
		return errors.Join(s.explain(err, size), s.root.Remove(tmp))
	}
	s.holders.set(source, target)
	return nil
}

func (s *Store) copyTemp(ctx context.Context, source string) (tmp string, size int64, err error) {
	from, fi, err := s.openRegular(source)
	if err != nil {
		return "", 0, err
	}
	defer from.Close()
	tmp, to, err := s.createTemp()
	if err != nil {
		return "", fi.Size(), err
	}
	err = copyBody(ctx, to, from, fi.Size())
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fi.Size(), errors.Join(err, s.root.Remove(tmp))
	}
	return tmp, fi.Size(), nil
}

// copyBody copies in steps, each of which the kernel may do by itself, or by
// sharing blocks.
func copyBody(ctx context.Context, to, from *os.File, size int64) error {
	const step = 64 << 20
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := io.CopyN(to, from, min(left, step))
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it became shorter while it was copied", publish.ErrDigest)
		}
		if err != nil {
			return err
		}
		left -= n
	}
	if syncAtWrite {
		return to.Sync()
	}
	return nil
}
