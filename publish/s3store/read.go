package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	if length == 0 {
		return s3wire.Nothing(s.Stat(ctx, key))
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix.Key(key))}
	if r := s3wire.Range(offset, length); r != "" {
		in.Range = &r
	}
	out, err := s.client.GetObject(ctx, in)
	if fault(err).Status == http.StatusRequestedRangeNotSatisfiable {
		return s3wire.Nothing(s.Stat(ctx, key))
	}
	if err != nil {
		return nil, publish.Info{}, s.wrap(ctx, "get", key, err)
	}
	info := publish.Info{
		Key:     key,
		Size:    s3wire.TotalSize(aws.ToString(out.ContentRange), aws.ToInt64(out.ContentLength)),
		ModTime: aws.ToTime(out.LastModified).UTC(), Version: s3wire.Version(aws.ToString(out.ETag)),
		Header: layout.Header{ContentType: aws.ToString(out.ContentType), CacheControl: aws.ToString(out.CacheControl)},
	}
	return s.place.Reader(ctx, key, out.Body), info, nil
}

// Stat implements publish.Store.
func (s *Store) Stat(ctx context.Context, key string) (publish.Info, error) {
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.bucket, Key: aws.String(s.prefix.Key(key)), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		err = s.wrap(ctx, "stat", key, err)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.missing(ctx, key, err)
		}
		return publish.Info{}, err
	}
	return publish.Info{
		Key: key, Size: aws.ToInt64(out.ContentLength),
		ModTime: aws.ToTime(out.LastModified).UTC(), Version: s3wire.Version(aws.ToString(out.ETag)),
		SHA256: s3wire.ParseChecksum(aws.ToString(out.ChecksumSHA256)),
		Header: layout.Header{ContentType: aws.ToString(out.ContentType), CacheControl: aws.ToString(out.CacheControl)},
	}, nil
}

// missing returns err, which says that an object is missing, unless its bucket
// is: the answer to a HEAD can't tell.
func (s *Store) missing(ctx context.Context, key string, err error) error {
	_, bucketErr := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if f := fault(bucketErr).OfBucket(); f.Code == "NoSuchBucket" {
		return s.place.Wrap(ctx, "stat", key, bucketErr, f)
	}
	return err
}

// List implements publish.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	return func(yield func(publish.Info, error) bool) {
		pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
			Bucket: &s.bucket, Prefix: aws.String(s.prefix.Key(prefix)),
		}, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
		var order s3wire.Order
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(publish.Info{}, s.wrap(ctx, "list", prefix, err))
				return
			}
			for _, o := range page.Contents {
				info, err := s.listed(&order, o)
				if err != nil {
					yield(publish.Info{}, fmt.Errorf("list %q: %w", prefix, err))
					return
				}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) listed(order *s3wire.Order, o types.Object) (publish.Info, error) {
	key := aws.ToString(o.Key)
	if err := order.Next(key); err != nil {
		return publish.Info{}, err
	}
	return publish.Info{
		Key: s.prefix.Cut(key), Size: aws.ToInt64(o.Size),
		ModTime: aws.ToTime(o.LastModified).UTC(), Version: s3wire.Version(aws.ToString(o.ETag)),
	}, nil
}
