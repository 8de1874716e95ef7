package miniostore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
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

var (
	_ s3wire.PartPutter = (*upload)(nil)
	_ s3wire.PartCopier = (*upload)(nil)
)

func (s *Store) putParts(ctx context.Context, p publish.Put, body *s3wire.Body) (string, error) {
	if p.Create {
		// Complete would refuse it too, after all of it has gone up.
		if _, err := s.Stat(ctx, p.Key); err == nil {
			return "", fmt.Errorf("put %q: %w", p.Key, publish.ErrConflict)
		}
	}
	sum := map[string]string{"X-Amz-Checksum-Algorithm": "CRC32C"}
	up, err := s.begin(ctx, p, s.pool.PartSize(p.Size), sum)
	if err != nil {
		return "", err
	}
	return s.pool.Put(ctx, up, body, p.SHA256)
}

func (s *Store) linkParts(ctx context.Context, from string, to layout.Object) error {
	part := s3wire.PartSize(to.Size, min(s.copyAbove, s3wire.CopyPart))
	up, err := s.begin(ctx, publish.Put{Object: to}, part, nil)
	if err != nil {
		return err
	}
	up.source = s.prefix.Key(from)
	_, err = s3wire.Copy(ctx, up, to.Size, part)
	return err
}

func (s *Store) begin(ctx context.Context, p publish.Put, part int64, metadata map[string]string) (*upload, error) {
	p.Open = nil
	opts := header(p.Header)
	opts.UserMetadata = metadata
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, s.prefix.Key(p.Key), opts)
	if err != nil {
		return nil, s.wrap(ctx, "begin upload of", p.Key, err)
	}
	return &upload{store: s, put: p, id: id, parts: make([]minio.CompletePart, s3wire.Parts(p.Size, part))}, nil
}

func (u *upload) key() string { return u.store.prefix.Key(u.put.Key) }

// PutPart implements s3wire.PartPutter.
func (u *upload) PutPart(ctx context.Context, p s3wire.Part, body []byte, crc uint32) error {
	sum := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
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
