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
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Put implements publish.Store.
func (s *Store) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	return s.writer.Put(ctx, p)
}

// Link implements publish.Linker, by a copy on the server.
func (s *Store) Link(ctx context.Context, from string, to layout.Object) error {
	return s.writer.Link(ctx, from, to)
}

// calls are what the writer has the SDK do.
type calls struct{ *Store }

// PutWhole implements s3wire.Calls.
func (s calls) PutWhole(ctx context.Context, p publish.Put, body *s3wire.Body) (string, layout.Digest, error) {
	opts := s.options(p.Header)
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
		return "", layout.Digest{}, s.wrap(ctx, "put", p.Key, err)
	}
	return s3wire.Version(out.ETag), s3wire.ParseChecksum(out.ChecksumSHA256), nil
}

// options returns those of an object with the header h, under the store's terms.
// The payload is not signed: its digest is a header of its own, which is.
func (s *Store) options(h layout.Header) minio.PutObjectOptions {
	o := minio.PutObjectOptions{ContentType: h.ContentType, CacheControl: h.CacheControl, DisableContentSha256: true, UserTags: s.terms.Tags}
	if s.terms.LockMode != "" && h.IsFinal() {
		o.Mode = minio.RetentionMode(strings.ToUpper(s.terms.LockMode))
		o.RetainUntilDate = s3wire.RetainUntil(s.terms, time.Now())
	}
	if h.IsFinal() {
		o.StorageClass = s.terms.StorageClass
	}
	if s.terms.Encryption != "" {
		o.ServerSideEncryption = encryption{s.terms}
	}
	return o
}

// encryption asks for what the SDK has no word for, too.
type encryption struct{ publish.Terms }

// Type implements encrypt.ServerSide.
func (e encryption) Type() encrypt.Type {
	if e.Encryption == "AES256" {
		return encrypt.S3
	}
	return encrypt.KMS
}

// Marshal implements encrypt.ServerSide.
func (e encryption) Marshal(h http.Header) {
	only := publish.Terms{Encryption: e.Encryption, KMSKey: e.KMSKey}
	for name, value := range s3wire.TermHeaders(only, layout.Header{}, false, time.Time{}) {
		h.Set(name, value)
	}
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

// CopyWhole implements s3wire.Calls.
func (s calls) CopyWhole(ctx context.Context, from string, to layout.Object) error {
	replaced := s3wire.TermHeaders(s.terms, to.Header, true, time.Now())
	replaced["X-Amz-Metadata-Directive"] = "REPLACE"
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
