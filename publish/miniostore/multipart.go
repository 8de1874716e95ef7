package miniostore

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// An upload is an object that is being put or copied in parts.
type upload struct {
	store *Store
	put   publish.Put // without its content
	id    string
	parts []minio.CompletePart
	// source is what parts are copied from.
	source string
}

// BeginPut implements s3wire.Calls.
func (s calls) BeginPut(ctx context.Context, p publish.Put, parts int) (s3wire.PartPutter, error) {
	return s.begin(ctx, p, parts, map[string]string{"X-Amz-Checksum-Algorithm": "CRC32C"})
}

// BeginCopy implements s3wire.Calls.
func (s calls) BeginCopy(ctx context.Context, from string, to layout.Object, parts int) (s3wire.PartCopier, error) {
	up, err := s.begin(ctx, publish.Put{Object: to}, parts, nil)
	if err != nil {
		return nil, err
	}
	up.source = s.prefix.Key(from)
	return up, nil
}

func (s *Store) begin(ctx context.Context, p publish.Put, parts int, metadata map[string]string) (*upload, error) {
	p.Open = nil
	opts := s.options(p.Header)
	opts.UserMetadata = metadata
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, s.prefix.Key(p.Key), opts)
	if err != nil {
		return nil, s.wrap(ctx, "begin upload of", p.Key, err)
	}
	return &upload{store: s, put: p, id: id, parts: make([]minio.CompletePart, parts)}, nil
}

func (u *upload) key() string { return u.store.prefix.Key(u.put.Key) }

// PutPart implements s3wire.PartPutter.
func (u *upload) PutPart(ctx context.Context, p s3wire.Part, body []byte, crc uint32) error {
	sum := s3wire.ChecksumCRC(crc)
	out, err := u.store.core.PutObjectPart(ctx, u.store.bucket, u.key(), u.id, p.Number, bytes.NewReader(body), p.Size,
		minio.PutObjectPartOptions{DisableContentSha256: true, CustomHeader: http.Header{"X-Amz-Checksum-Crc32c": {sum}}})
	if err != nil {
		return u.store.wrap(ctx, fmt.Sprintf("upload part %d of", p.Number), u.put.Key, err)
	}
	u.parts[p.Number-1] = minio.CompletePart{PartNumber: p.Number, ETag: out.ETag, ChecksumCRC32C: sum}
	return nil
}

// CopyPart implements s3wire.PartCopier.
func (u *upload) CopyPart(ctx context.Context, p s3wire.Part) error {
	op := fmt.Sprintf("copy part %d to", p.Number)
	out, err := u.store.core.CopyObjectPart(ctx, u.store.bucket, u.source, u.store.bucket, u.key(), u.id, p.Number, p.Offset, p.Size, nil)
	if err != nil {
		return u.store.wrap(ctx, op, u.put.Key, err)
	}
	if out.ETag == "" {
		return fmt.Errorf("%s %q: the answer names no part: %w", op, u.put.Key, publish.ErrTemporary)
	}
	u.parts[p.Number-1] = out
	return nil
}

// Complete implements s3wire.Upload.
func (u *upload) Complete(ctx context.Context) (string, error) {
	var opts minio.PutObjectOptions
	condition(&opts, u.put)
	out, err := u.store.core.CompleteMultipartUpload(ctx, u.store.bucket, u.key(), u.id, u.parts, opts)
	if err != nil {
		return "", u.store.wrap(ctx, "complete upload of", u.put.Key, err)
	}
	return s3wire.Version(out.ETag), nil
}

// Abort implements s3wire.Upload.
func (u *upload) Abort(ctx context.Context) error {
	err := u.store.core.AbortMultipartUpload(ctx, u.store.bucket, u.key(), u.id)
	if err != nil && fault(err).Code != "NoSuchUpload" {
		return u.store.wrap(ctx, "abort upload of", u.put.Key, err)
	}
	return nil
}
