package reposync

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"

	"datestone/layout"
	"datestone/sync/internal/unpack"
	"datestone/sync/rpmmd"
)

// maxRatio is how many times its own size metadata may have when unpacked.
// Packages have a digest each, which can't be compressed: 70 is a lot.
const maxRatio = 200

// readData takes in the files that repomd.xml names, and what some of those
// name.
func (r *rpmReader) readData(ctx context.Context, data []rpmmd.Data) error {
	primaries := 0
	// Which deltas belong to packages that are wanted is known after those.
	slices.SortStableFunc(data, func(a, b rpmmd.Data) int { return rank(a) - rank(b) })
	for _, d := range data {
		path, err := r.located(ctx, d.Location)
		if err != nil {
			return fmt.Errorf("%s, data %q: %w", repomdPath, d.Type, err)
		}
		switch d.Type {
		case typePrimary:
			primaries++
			err = r.primary(ctx, path, d)
		case "prestodelta", "deltainfo":
			err = r.deltas(ctx, path, d)
		default:
			r.listed[path] = true
			err = r.add(ctx, path, d.Checksum, d.Size)
		}
		if err != nil {
			return err
		}
	}
	if primaries != 1 {
		return fmt.Errorf("%s names %d files of the type primary, want one", repomdPath, primaries)
	}
	return nil
}

// located returns where a file is that repomd.xml names. A percent sign means
// itself to zypper there, as both clients take it in primary.xml; dnf sends what
// is there as it stands, and web servers decode it. So what counts is which of
// the two the remote has: at the same place in a checkpoint each client gets
// what it gets there.
func (r *rpmReader) located(ctx context.Context, l rpmmd.Location) (string, error) {
	p, err := rpmmd.Resolve(r.url, l)
	decoded, ok := rpmmd.Decoded(p)
	if err != nil || !ok {
		return p, err
	}
	if _, err := r.stat(ctx, p); !isMissing(err) && !isForbidden(err) {
		return p, nil
	}
	if _, err := r.stat(ctx, decoded); err == nil {
		return decoded, nil
	}
	return p, nil
}

const typePrimary = "primary"

func rank(d rpmmd.Data) int {
	if d.Type == typePrimary {
		return 0
	}
	return 1
}

// primary takes in the packages that are wanted.
func (r *rpmReader) primary(ctx context.Context, path string, d rpmmd.Data) error {
	named := pool{filter: r.filter}
	err := r.readPackages(ctx, path, d, rpmmd.Packages, func(p rpmmd.Package, f layout.File) { named.add(rpmIdentity(p), f) })
	if err != nil {
		return err
	}
	files, err := named.narrow()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r.files = append(r.files, files...)
	return nil
}

// deltas takes in those that lead to packages that are there.
func (r *rpmReader) deltas(ctx context.Context, path string, d rpmmd.Data) error {
	return r.readPackages(ctx, path, d, rpmmd.Deltas, func(p rpmmd.Package, f layout.File) {
		if r.filter.keeps(rpmIdentity(p).id) {
			r.files = append(r.files, f)
		}
	})
}

func rpmIdentity(p rpmmd.Package) identity {
	return identity{idOf(p.Name, p.Arch, p.Version), p.Name, p.Arch, p.Version}
}

// add takes in a file by its checksum; its size is -1 where upstream does not
// declare it.
func (r *rpmReader) add(ctx context.Context, path string, sum rpmmd.Checksum, size int64) (err error) {
	f := declared(path, size, sum)
	if size < 0 {
		f.Size, err = r.sizeOf(ctx, path)
	}
	r.files = append(r.files, f)
	return err
}

// sizeOf asks for a size. What the remote says of it is only a promise, which
// the digest has to keep.
func (r *rpmReader) sizeOf(ctx context.Context, path string) (int64, error) {
	size, err := r.stat(ctx, path)
	switch {
	case err != nil:
		return 0, moved(err)
	case size < 0:
		return 0, fmt.Errorf("the size of %q is not declared, and the remote does not say it", path)
	}
	return size, nil
}

// readPackages takes in metadata that names other files, and hands those to
// take.
func (r *rpmReader) readPackages(ctx context.Context, path string, d rpmmd.Data,
	read func(io.Reader) iter.Seq2[rpmmd.Package, error], take func(rpmmd.Package, layout.File)) error {
	body, err := r.body(ctx, path, d)
	if err != nil {
		return err
	}
	plain, err := openData(body, d)
	if err == nil {
		defer plain.Close()
		for p, perr := range read(plain) {
			var at string
			if err = perr; err == nil {
				at, err = rpmmd.Resolve(r.url, p.Location)
			}
			if err != nil {
				break
			}
			take(p, declared(at, p.Size, p.Checksum))
		}
	}
	if err == nil {
		err = plain.finish()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// declared is a file as upstream declares it.
func declared(path string, size int64, sum rpmmd.Checksum) layout.File {
	f := layout.File{Path: path, Size: size}
	if digest, ok := sum.SHA256(); ok {
		f.SHA256 = digest
	} else {
		f.Upstream = sum.String()
	}
	return f
}

// body reads a file of metadata whole, and checks it.
func (r *rpmReader) body(ctx context.Context, path string, d rpmmd.Data) ([]byte, error) {
	limit := r.maxManifest
	if d.Size >= 0 {
		limit = min(limit, d.Size)
	}
	body, _, err := r.get(ctx, path, layout.Validators{}, limit)
	switch {
	case errors.Is(err, errTooLong) && limit == d.Size:
		return nil, fmt.Errorf("%w: %w", err, ErrMoved)
	case err != nil:
		return nil, moved(err)
	case d.Size >= 0 && int64(len(body)) != d.Size:
		return nil, &DigestError{Path: path, WantSize: d.Size, GotSize: int64(len(body))}
	}
	if got := sumOf(d.Checksum, body); !d.Checksum.Is(got) {
		return nil, &checksumError{path, d.Checksum, got}
	}
	r.keep(path, body)
	if _, ok := d.Checksum.SHA256(); !ok {
		r.files[len(r.files)-1].Upstream = d.Checksum.String()
	}
	return body, nil
}

// A checksumError is content that has not the digest that upstream declares. It
// is an ErrMoved.
type checksumError struct {
	path string
	want rpmmd.Checksum
	got  []byte
}

func (e *checksumError) Error() string {
	return fmt.Sprintf("file %q: has the %s %x, the metadata says %s", e.path, e.want.Type, e.got, e.want.Hex)
}

func (e *checksumError) Unwrap() error { return ErrMoved }

// plainData is metadata that is being unpacked.
type plainData struct {
	io.Reader
	io.Closer
	rpmmd.Data
	sum  hash.Hash
	size int64
}

func openData(body []byte, d rpmmd.Data) (*plainData, error) {
	limit := int64(len(body)+1) * maxRatio
	if d.OpenSize >= 0 {
		limit = min(limit, d.OpenSize)
	}
	u, err := unpack.Reader(bytes.NewReader(body), limit)
	if err != nil {
		return nil, err
	}
	p := &plainData{Closer: u, Data: d}
	p.Reader = io.TeeReader(u, p)
	if !d.Open.IsZero() {
		p.sum = d.Open.Hash()
	}
	return p, nil
}

// Write counts and hashes what was read.
func (p *plainData) Write(b []byte) (int, error) {
	p.size += int64(len(b))
	if p.sum != nil {
		p.sum.Write(b)
	}
	return len(b), nil
}

// finish holds what was read, to its end, against what repomd.xml says of it.
func (p *plainData) finish() error {
	switch {
	case p.OpenSize >= 0 && p.size != p.OpenSize:
		return fmt.Errorf("has %d bytes when unpacked, %s says %d", p.size, repomdPath, p.OpenSize)
	case p.sum != nil && !p.Open.Is(p.sum.Sum(nil)):
		return fmt.Errorf("has the %s %x when unpacked, %s says %s", p.Open.Type, p.sum.Sum(nil), repomdPath, p.Open.Hex)
	}
	return nil
}

// complete sorts the files, each once, and finds out what upstream did not
// declare of them.
func (r *rpmReader) complete(ctx context.Context) error {
	slices.SortStableFunc(r.files, byPath)
	kept := r.files[:0]
	for _, f := range r.files {
		if n := len(kept); n > 0 && kept[n-1].Path == f.Path {
			if err := merge(&kept[n-1], f); err != nil {
				return err
			}
			continue
		}
		kept = append(kept, f)
	}
	r.files = kept
	for _, err := range layout.Sorted(layout.Files(r.files)) {
		if err != nil {
			return err
		}
	}
	return r.digest(ctx, r.files)
}

// merge takes in what a second mention of a file says of it.
func merge(f *layout.File, g layout.File) error {
	switch {
	case f.Size == g.Size && f.SHA256 == g.SHA256 && f.Upstream == g.Upstream:
	case f.Size != g.Size, !f.SHA256.IsZero() && !g.SHA256.IsZero() && f.SHA256 != g.SHA256, f.Upstream != "" && g.Upstream != "" && f.Upstream != g.Upstream:
		return fmt.Errorf("path %q is claimed with different content: %s; %s", f.Path, claimed(*f), claimed(g))
	default: // one by its SHA-256, one by another digest
		if f.SHA256.IsZero() {
			f.SHA256 = g.SHA256
		}
		f.Upstream = cmp.Or(f.Upstream, g.Upstream)
	}
	return nil
}

func claimed(f layout.File) string {
	if f.Upstream != "" {
		return fmt.Sprintf("%d bytes, %s", f.Size, f.Upstream)
	}
	return fmt.Sprintf("%d bytes, sha256:%s", f.Size, f.SHA256)
}
