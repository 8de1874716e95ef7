package s3wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	"datestone/layout"
	"datestone/publish"
)

// Calls are what a driver's SDK does for a Writer. Keys are without the
// prefix, and errors are those of publish.Store.
type Calls interface {
	Stat(ctx context.Context, key string) (publish.Info, error)
	// PutWhole puts body in one request, under the conditions of p. It
	// returns the version, and the digest that the store keeps.
	PutWhole(ctx context.Context, p publish.Put, body *Body) (string, layout.Digest, error)
	// CopyWhole copies in one request.
	CopyWhole(ctx context.Context, from string, to layout.Object) error
	// BeginPut begins an upload that completes under the conditions of p.
	BeginPut(ctx context.Context, p publish.Put, parts int) (PartPutter, error)
	// BeginCopy begins an upload of what stands at from.
	BeginCopy(ctx context.Context, from string, to layout.Object, parts int) (PartCopier, error)
}

// Sizes say what goes in parts.
type Sizes struct {
	Part           int64 // of a part that goes up; DefaultPart if zero
	MultipartAbove int64 // goes up in parts; DefaultAbove if zero
	CopyAbove      int64 // is copied in parts; MaxCopy if zero
}

// A Writer is Put and Link of a driver: it chooses between one request and
// parts, and says what a failure means.
type Writer struct {
	calls Calls
	place *Place
	pool  *Pool
	sizes Sizes
	// bare says that the server compares IfMatch without its quotes.
	bare atomic.Bool
}

// NewWriter returns the writer of a driver.
func NewWriter(calls Calls, place *Place, sizes Sizes) *Writer {
	sizes.MultipartAbove = cmp.Or(sizes.MultipartAbove, DefaultAbove)
	sizes.CopyAbove = cmp.Or(sizes.CopyAbove, MaxCopy)
	return &Writer{calls: calls, place: place, pool: NewPool(sizes.Part), sizes: sizes}
}

// Put is that of publish.Store.
//
// Ceph's RGW, and what is built on it, holds what If-Match says against the tag
// without quotes, which it writes with quotes itself: a condition that holds is
// refused, until it is asked without.
func (w *Writer) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	info, err := w.putOnce(ctx, p)
	if p.IfMatch == "" || w.bare.Load() || !errors.Is(err, publish.ErrConflict) {
		return info, err
	}
	if stands, statErr := w.calls.Stat(ctx, p.Key); statErr != nil || stands.Version != p.IfMatch {
		return info, err
	}
	w.bare.Store(true)
	return w.putOnce(ctx, p)
}

func (w *Writer) putOnce(ctx context.Context, p publish.Put) (publish.Info, error) {
	if err := context.Cause(ctx); err != nil {
		return publish.Info{}, w.place.Wrap(ctx, "put", p.Key, err, Fault{})
	}
	src, err := p.Open(ctx)
	if err != nil {
		return publish.Info{}, w.place.WrapBody(ctx, p.Key, fmt.Errorf("open: %w", err))
	}
	body := NewBody(src, p.Size)
	defer body.Close()
	asked := p
	if w.bare.Load() {
		asked.IfMatch = strings.Trim(p.IfMatch, `"`)
	}
	info := publish.Info{Key: p.Key, Size: p.Size, Header: p.Header}
	switch {
	case body.Err() != nil:
	case p.Size > w.sizes.MultipartAbove:
		info.Version, err = w.putParts(ctx, asked, body)
	default:
		info.Version, info.SHA256, err = w.calls.PutWhole(ctx, asked, body)
	}
	if body.Err() != nil {
		return publish.Info{}, w.place.WrapBody(ctx, p.Key, body.Err())
	}
	if err != nil {
		return publish.Info{}, w.refused(ctx, p, err)
	}
	return info, nil
}

func (w *Writer) putParts(ctx context.Context, p publish.Put, body *Body) (string, error) {
	if p.Create {
		// Complete would refuse it too, after all of it has gone up.
		if _, err := w.calls.Stat(ctx, p.Key); err == nil {
			return "", publish.ErrConflict
		}
	}
	up, err := w.calls.BeginPut(ctx, p, Parts(p.Size, w.pool.PartSize(p.Size)))
	if err != nil {
		return "", err
	}
	return w.pool.Put(ctx, up, body, p.SHA256)
}

// refused says what err means of a put: nothing standing where IfMatch wants
// something is a conflict.
func (w *Writer) refused(ctx context.Context, p publish.Put, err error) error {
	var done *Error
	if !errors.As(err, &done) {
		err = w.place.Wrap(ctx, "put", p.Key, err, Fault{})
	}
	if p.IfMatch != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put %q: nothing stands there: %w", p.Key, publish.ErrConflict)
	}
	if errors.Is(err, publish.ErrTemporary) && w.conflicts(ctx, p) {
		return fmt.Errorf("put %q: %w (%v)", p.Key, publish.ErrConflict, err)
	}
	return err
}

// conflicts reports whether the condition of p does not hold. A server that
// refuses a put before it has read the content resets the connection, and the
// refusal may be lost with it.
func (w *Writer) conflicts(ctx context.Context, p publish.Put) bool {
	if !p.Create && p.IfMatch == "" {
		return false
	}
	info, err := w.calls.Stat(ctx, p.Key)
	if err != nil {
		return p.IfMatch != "" && errors.Is(err, fs.ErrNotExist)
	}
	return p.Create || info.Version != p.IfMatch
}

// Link is that of publish.Linker, by a copy on the server.
func (w *Writer) Link(ctx context.Context, from string, to layout.Object) error {
	if to.Size <= w.sizes.CopyAbove {
		return w.calls.CopyWhole(ctx, from, to)
	}
	part := PartSize(to.Size, min(w.sizes.CopyAbove, CopyPart))
	up, err := w.calls.BeginCopy(ctx, from, to, Parts(to.Size, part))
	if err != nil {
		return err
	}
	_, err = Copy(ctx, up, to.Size, part)
	return err
}
