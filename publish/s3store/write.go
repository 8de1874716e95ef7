package s3store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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

// unsigned lets a stream go up that can't be read twice: its digest is a
// header of its own, which is signed.
var unsigned = s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)

// PutWhole implements s3wire.Calls.
func (s calls) PutWhole(ctx context.Context, p publish.Put, body *s3wire.Body) (string, layout.Digest, error) {
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix.Key(p.Key)),
		Body: body, ContentLength: &p.Size,
		ContentType: text(p.Header.ContentType), CacheControl: text(p.Header.CacheControl),
		IfMatch: text(p.IfMatch),
	}
	if p.Size == 0 {
		in.Body = http.NoBody
	}
	if !p.SHA256.IsZero() {
		in.ChecksumSHA256 = aws.String(s3wire.Checksum(p.SHA256))
	}
	if p.Create {
		in.IfNoneMatch = aws.String("*")
	}
	out, err := s.client.PutObject(ctx, in, unsigned, s.under(p.Header, false))
	if err != nil {
		return "", layout.Digest{}, s.wrap(ctx, "put", p.Key, err)
	}
	return s3wire.Version(aws.ToString(out.ETag)), s3wire.ParseChecksum(aws.ToString(out.ChecksumSHA256)), nil
}

// under adds what the terms ask for, in headers: three calls have a field of
// their own for each.
func (s *Store) under(h layout.Header, copied bool) func(*s3.Options) {
	return func(o *s3.Options) {
		for name, value := range s3wire.TermHeaders(s.terms, h, copied, time.Now()) {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(name, value))
		}
	}
}

// text returns nil for no text, which the SDK leaves out.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// CopyWhole implements s3wire.Calls.
func (s calls) CopyWhole(ctx context.Context, from string, to layout.Object) error {
	source := s3wire.CopySource(s.bucket, s.prefix.Key(from))
	out, err := s.client.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix.Key(to.Key)), CopySource: &source,
		MetadataDirective: types.MetadataDirectiveReplace,
		ContentType:       text(to.Header.ContentType), CacheControl: text(to.Header.CacheControl),
	}, s.under(to.Header, true))
	if err != nil {
		return s.wrap(ctx, "link", to.Key, err)
	}
	if out.CopyObjectResult == nil || aws.ToString(out.CopyObjectResult.ETag) == "" {
		return fmt.Errorf("link %q: the answer names no object: %w", to.Key, publish.ErrTemporary)
	}
	return nil
}

// Delete implements publish.Deleter.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = s.prefix.Key(key)
	}
	return s.deleteAll(ctx, full)
}

// deleteAll deletes keys of the bucket.
func (s *Store) deleteAll(ctx context.Context, keys []string) error {
	const most = 1000
	for some := range slices.Chunk(keys, most) {
		if err := s.deleteSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) deleteSome(ctx context.Context, keys []string) error {
	ids := make([]types.ObjectIdentifier, len(keys))
	for i, key := range keys {
		ids[i].Key = &key
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &s.bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)},
	}, withMD5)
	if err != nil {
		return s.wrap(ctx, "delete", s.prefix.Cut(keys[0]), err)
	}
	var all []error
	for _, e := range out.Errors {
		// Ceph's RGW gives no reason for what it could not do just then.
		f := s3wire.Fault{Status: http.StatusOK, Code: cmp.Or(aws.ToString(e.Code), "InternalError"), Message: aws.ToString(e.Message)}
		err := s.place.Wrap(ctx, "delete", s.prefix.Cut(aws.ToString(e.Key)), errRefused, f)
		if !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return s3wire.Join(all)
}

var errRefused = errors.New("refused")

// withMD5 sends the digest that S3 has always asked for with this call; the
// SDK's CRC-32 is refused by several other servers.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		for _, id := range []string{"AWSChecksum:SetupInputContext", "AWSChecksum:RequestMetricsTracking", "AWSChecksum:ComputeInputPayloadChecksum", "addInputChecksumTrailer"} {
			stack.Initialize.Remove(id)
			stack.Build.Remove(id)
			stack.Finalize.Remove(id)
		}
		return smithyhttp.AddContentChecksumMiddleware(stack)
	})
}
