package s3store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// An upload is an object that is being put or copied in parts.
type upload struct {
	store *Store
	put   publish.Put // without its content
	id    string
	parts []types.CompletedPart
	// source is what parts are copied from.
	source string
}

// BeginPut implements s3wire.Calls.
func (s calls) BeginPut(ctx context.Context, p publish.Put, parts int) (s3wire.PartPutter, error) {
	return s.begin(ctx, p, parts, types.ChecksumAlgorithmCrc32c)
}

// BeginCopy implements s3wire.Calls.
func (s calls) BeginCopy(ctx context.Context, from string, to layout.Object, parts int) (s3wire.PartCopier, error) {
	up, err := s.begin(ctx, publish.Put{Object: to}, parts, "")
	if err != nil {
		return nil, err
	}
	up.source = s3wire.CopySource(s.bucket, s.prefix.Key(from))
	return up, nil
}

func (s *Store) begin(ctx context.Context, p publish.Put, parts int, sum types.ChecksumAlgorithm) (*upload, error) {
	p.Open = nil
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix.Key(p.Key)), ChecksumAlgorithm: sum,
		ContentType: text(p.Header.ContentType), CacheControl: text(p.Header.CacheControl),
	}, s.under(p.Header, false))
	if err != nil {
		return nil, s.wrap(ctx, "begin upload of", p.Key, err)
	}
	return &upload{store: s, put: p, id: aws.ToString(out.UploadId), parts: make([]types.CompletedPart, parts)}, nil
}

func (u *upload) key() *string { return aws.String(u.store.prefix.Key(u.put.Key)) }

// PutPart implements s3wire.PartPutter.
func (u *upload) PutPart(ctx context.Context, p s3wire.Part, body []byte, crc uint32) error {
	sum := s3wire.ChecksumCRC(crc)
	out, err := u.store.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.store.bucket, Key: u.key(), UploadId: &u.id, PartNumber: aws.Int32(int32(p.Number)),
		Body: bytes.NewReader(body), ContentLength: &p.Size, ChecksumCRC32C: &sum,
	}, unsigned)
	if err != nil {
		return u.store.wrap(ctx, fmt.Sprintf("upload part %d of", p.Number), u.put.Key, err)
	}
	u.parts[p.Number-1] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: out.ETag, ChecksumCRC32C: &sum}
	return nil
}

// CopyPart implements s3wire.PartCopier.
func (u *upload) CopyPart(ctx context.Context, p s3wire.Part) error {
	op := fmt.Sprintf("copy part %d to", p.Number)
	out, err := u.store.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: &u.store.bucket, Key: u.key(), UploadId: &u.id, PartNumber: aws.Int32(int32(p.Number)),
		CopySource: &u.source, CopySourceRange: aws.String(s3wire.Range(p.Offset, p.Size)),
	})
	if err != nil {
		return u.store.wrap(ctx, op, u.put.Key, err)
	}
	if out.CopyPartResult == nil || aws.ToString(out.CopyPartResult.ETag) == "" {
		return fmt.Errorf("%s %q: the answer names no part: %w", op, u.put.Key, publish.ErrTemporary)
	}
	u.parts[p.Number-1] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: out.CopyPartResult.ETag}
	return nil
}

// Complete implements s3wire.Upload.
func (u *upload) Complete(ctx context.Context) (string, error) {
	in := &s3.CompleteMultipartUploadInput{
		Bucket: &u.store.bucket, Key: u.key(), UploadId: &u.id, IfMatch: text(u.put.IfMatch),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	}
	if u.put.Create {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := u.store.client.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return "", u.store.wrap(ctx, "complete upload of", u.put.Key, err)
	}
	return s3wire.Version(aws.ToString(out.ETag)), nil
}

// Abort implements s3wire.Upload.
func (u *upload) Abort(ctx context.Context) error {
	_, err := u.store.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &u.store.bucket, Key: u.key(), UploadId: &u.id,
	})
	if err != nil && fault(err).Code != "NoSuchUpload" {
		return u.store.wrap(ctx, "abort upload of", u.put.Key, err)
	}
	return nil
}
