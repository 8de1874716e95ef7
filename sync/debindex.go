package reposync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/sync/aptrepo"
	"datestone/sync/internal/unpack"
)

// readIndex reads an index in one of its forms, and takes in the others that
// upstream has.
func (d *debReader) readIndex(ctx context.Context, sel *selection, x formed) error {
	var missing error
	for i, e := range x.forms {
		body, err := d.body(ctx, sel, e)
		if d.isMissing(ctx, err) {
			missing = err
			continue
		}
		if err != nil {
			return err
		}
		p := sel.suite.dir + e.Path
		d.keep(p, body)
		d.list(e.Size, e.SHA256, sel.byHash(e)...)
		group, ctx := errgroup.WithContext(ctx)
		for _, other := range x.forms[i+1:] {
			group.Go(func() error { return d.readOther(ctx, sel, other) })
		}
		group.Go(func() error { return d.takeIndex(ctx, sel, x, &debIndex{path: p, of: x.of}) })
		return group.Wait()
	}
	if plain, ok := sel.release.Find(x.stem); ok && plain.Size == 0 {
		return nil // nothing to read
	}
	return fmt.Errorf("%s is listed, but in none of its forms there: %w", sel.suite.dir+x.stem, missing)
}

// body reads a file that the Release lists, by its digest where that is
// offered: under its name there may be the next one already.
func (d *debReader) body(ctx context.Context, sel *selection, e aptrepo.Entry) ([]byte, error) {
	p := sel.suite.dir + e.Path
	if e.Size > d.maxManifest {
		return nil, fmt.Errorf("%s is too long: %d bytes, the limit is %d", p, e.Size, d.maxManifest)
	}
	if sel.release.ByHash {
		if body, err := d.listedBody(ctx, sel.byHash(e)[0], e); err == nil || ctx.Err() != nil {
			return body, err
		}
	}
	return d.listedBody(ctx, p, e)
}

func (d *debReader) listedBody(ctx context.Context, at string, e aptrepo.Entry) ([]byte, error) {
	body, _, err := d.get(ctx, at, layout.Validators{}, e.Size)
	wrong := &DigestError{Path: at, Want: e.SHA256, WantSize: e.Size, GotSize: int64(len(body))}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, errTooLong):
		wrong.GotSize = e.Size + 1
		return nil, wrong
	case err != nil:
		return nil, err
	}
	wrong.Got = layout.DigestOf(body)
	if wrong.Got != e.SHA256 {
		return nil, wrong
	}
	return body, nil
}

// takeIndex reads an index whose body is kept.
func (d *debReader) takeIndex(ctx context.Context, sel *selection, x formed, index *debIndex) error {
	select {
	case d.parsing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.parsing }()
	if plain, ok := sel.release.Find(x.stem); ok {
		index.plain, index.exact = plain, true
	}
	named := pool{filter: d.filter}
	if err := d.parse(index, func(f aptrepo.PoolFile) { named.add(debIdentity(f), f.File) }); err != nil {
		return err
	}
	var err error
	if index.files, err = named.narrow(); err != nil {
		return fmt.Errorf("%s: %w", index.path, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.indexes = append(d.indexes, index)
	return nil
}

// debIdentity is that of the package which a file belongs to. A source package
// may share files with its other versions, so it is none of its paths.
func debIdentity(f aptrepo.PoolFile) identity {
	who := identity{name: f.Package, arch: f.Architecture, version: f.Version}
	if f.Architecture == archSource {
		who.id = idOf(archSource, f.Package, f.Version)
	} else {
		who.id = idOf(f.Path)
	}
	return who
}

// parse hands each file that an index names to take. The plain text is held
// against what the Release says of it.
func (d *debReader) parse(index *debIndex, take func(aptrepo.PoolFile)) error {
	d.mu.Lock()
	body := d.bodies[index.path]
	d.mu.Unlock()
	return index.parse(body, take)
}

func (index *debIndex) parse(body []byte, take func(aptrepo.PoolFile)) error {
	limit := int64(maxUnpacked)
	if index.exact {
		limit = min(limit, index.plain.Size)
	}
	plain, err := unpack.Reader(bytes.NewReader(body), limit)
	if err != nil {
		return fmt.Errorf("%s: %w", index.path, err)
	}
	defer plain.Close()
	sum := sha256.New()
	for f, err := range index.entries(io.TeeReader(plain, sum)) {
		if err != nil {
			return fmt.Errorf("%s: %w", index.path, err)
		}
		take(f)
	}
	if got := layout.Digest(sum.Sum(nil)); index.exact && got != index.plain.SHA256 {
		return fmt.Errorf("%s: unpacked it has the SHA-256 %s, the Release says %s", index.path, got, index.plain.SHA256)
	}
	return nil
}

func (x *debIndex) entries(r io.Reader) iter.Seq2[aptrepo.PoolFile, error] {
	if x.of == ofSources {
		return aptrepo.Sources(r)
	}
	return aptrepo.Packages(r)
}
