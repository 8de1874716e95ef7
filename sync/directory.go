package reposync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"datestone/layout"
)

// A directory is a remote on this machine. What is read lies below the
// manifest's directory: symbolic links that lead out of it are errors.
type directory struct {
	location
	root *os.Root
}

func openDirectory(l location) (*directory, error) {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return nil, fmt.Errorf("remote: %w", err)
	}
	return &directory{l, root}, nil
}

func (d *directory) Close() error { return d.root.Close() }

// get reads the file, each time: times and sizes of files are too coarse to
// tell that nothing has changed.
func (d *directory) get(ctx context.Context, path string, _ layout.Validators, limit int64) (body []byte, _ layout.Validators, err error) {
	f, err := d.regular(filepath.FromSlash(path))
	if err == nil {
		defer f.Close()
		body, err = d.whole(ctx, f, limit)
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", shown(d.file(path)), err)
	}
	return body, layout.Validators{}, err
}

func (d *directory) whole(ctx context.Context, f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readAll(contextReader{ctx, f}, info.Size(), limit)
}

func (d *directory) stat(_ context.Context, path string) (int64, error) {
	f, err := d.regular(filepath.FromSlash(path))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", shown(d.file(path)), err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d *directory) open(ctx context.Context, f layout.File) (*content, error) {
	file, err := d.regular(filepath.FromSlash(f.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %q: %w: %w", f.Path, err, ErrMoved)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", f.Path, err)
	}
	return &content{ctx: ctx, file: f, body: contextReader{ctx, file}, resume: noResume}, nil
}

func noResume(c *content, broken error) (io.ReadCloser, error) {
	return nil, fmt.Errorf("read %q: %w", c.file.Path, broken)
}

// regular opens a file that is one: opening a pipe would wait for its writer.
func (d *directory) regular(name string) (*os.File, error) {
	info, err := d.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	return d.root.Open(name)
}

// A contextReader ends when its context does.
type contextReader struct {
	ctx context.Context
	*os.File
}

func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.File.Read(p)
}
