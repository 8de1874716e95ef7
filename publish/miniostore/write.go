package miniostore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	if err := context.Cause(ctx); err != nil {
		return publish.Info{}, s.wrap(ctx, "put", p.Key, err)
	}
	src, err := p.Open(ctx)
	if err != nil {
		return publish.Info{}, s.place.WrapBody(ctx, p.Key, fmt.Errorf("open: %w", err))
	}
	body := s3wire.NewBody(src, p.Size)
	defer body.Close()
	info := publish.Info{Key: p.Key, Size: p.Size, Header: p.Header}
	switch {
	case body.Err() != nil:
	case p.Size > s.multipartAbove:
		info.Version, err = s.putParts(ctx, p, body)
	default:
		info.Version, info.SHA256, err = s.putWhole(ctx, p, body)
	}
	if body.Err() != nil {
		return publish.Info{}, s.place.WrapBody(ctx, p.Key, body.Err())
	}
	if err != nil {
		return publish.Info{}, s.wrapPut(ctx, p, err)
	}
	return info, nil
}

// wrapPut says what err means of a put: nothing standing where IfMatch wants
// something is a conflict.
func (s *Store) wrapPut(ctx context.Context, p publish.Put, err error) error {
	var done *s3wire.Error
	if !errors.As(err, &done) {
		err = s.wrap(ctx, "put", p.Key, err)
	}
	if p.IfMatch != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("put %q: nothing stands there: %w", p.Key, publish.ErrConflict)
	}
	if errors.Is(err, publish.ErrTemporary) && s.conflicts(ctx, p) {
		return fmt.Errorf("put %q: %w (%v)", p.Key, publish.ErrConflict, err)
	}
	return err
}

// conflicts reports whether the condition of p does not hold. A server that
// refuses a put before it has read the content resets the connection, and the
// refusal may be lost with it.
func (s *Store) conflicts(ctx context.Context, p publish.Put) bool {
	if !p.Create && p.IfMatch == "" {
		return false
	}
	info, err := s.Stat(ctx, p.Key)
	if err != nil {
		return p.IfMatch != "" && errors.Is(err, fs.ErrNotExist)
	}
	return p.Create || info.Version != p.IfMatch
}

func (s *Store) putWhole(ctx context.Context, p publish.Put, body *s3wire.Body) (string, layout.Digest, error) {
	opts := header(p.Header)
	condition(&opts, p)
	if !p.SHA256.IsZero() {
		opts.UserMetadata = map[string]string{"X-Amz-Checksum-Sha256": s3wire.Checksum(p.SHA256)}
	}
	var content io.Reader = body
	if p.Size == 0 {
		content = http.NoBody
	}
	out, err := s.core.PutObject(ctx, s.bucket, s.prefix.Key(p.Key), content, p.Size, "", "", opts)
	if err != nil {
		return "", layout.Digest{}, err
	}
	return s3wire.Version(out.ETag), s3wire.ParseChecksum(out.ChecksumSHA256), nil
}

// header returns the options of an object with the header h. The payload is
// not signed: its digest is a header of its own, which is.
func header(h layout.Header) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: h.ContentType, CacheControl: h.CacheControl, DisableContentSha256: true}
}

func condition(opts *minio.PutObjectOptions, p publish.Put) {
	if p.Create {
		opts.SetMatchETagExcept("*")
	}
	if p.IfMatch != "" {
		// minio-go puts the quotes back.
		opts.SetMatchETag(strings.Trim(p.IfMatch, `"`))
	}
}

// Link implements publish.Linker, by a copy on the server.
func (s *Store) Link(ctx context.Context, from string, to layout.Object) error {
	if to.Size > s.copyAbove {
		return s.linkParts(ctx, from, to)
	}
	replaced := map[string]string{"X-Amz-Metadata-Directive": "REPLACE"}
	if to.Header.ContentType != "" {
		replaced["Content-Type"] = to.Header.ContentType
	}
	if to.Header.CacheControl != "" {
		replaced["Cache-Control"] = to.Header.CacheControl
	}
	out, err := s.core.CopyObject(ctx, s.bucket, s.prefix.Key(from), s.bucket, s.prefix.Key(to.Key), replaced,
		minio.CopySrcOptions{}, minio.PutObjectOptions{})
	if err != nil {
		return s.wrap(ctx, "link", to.Key, err)
	}
	if out.ETag == "" {
		// An error inside a 200, which minio-go takes for an object.
		return fmt.Errorf("link %q: the answer names no object: %w", to.Key, publish.ErrTemporary)
	}
	return nil
}

// Delete implements publish.Deleter. minio-go makes batches of 1,000.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return s.wrap(ctx, "delete", keys[0], err)
	}
	objects := func(yield func(minio.ObjectInfo) bool) {
		for key := range slices.Values(keys) {
			if !yield(minio.ObjectInfo{Key: s.prefix.Key(key)}) {
				return
			}
		}
	}
	results, err := s.core.RemoveObjectsWithIter(ctx, s.bucket, objects, minio.RemoveObjectsOptions{})
	if err != nil {
		return s.wrap(ctx, "delete", keys[0], err)
	}
	var all []error
	for r := range results {
		if r.Err == nil {
			continue
		}
		err := s.wrap(ctx, "delete", s.prefix.Cut(r.ObjectName), r.Err)
		if !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	if ctx.Err() != nil {
		all = append(all, s.wrap(ctx, "delete", keys[0], context.Cause(ctx)))
	}
	return s3wire.Join(all)
}
