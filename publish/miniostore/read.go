package miniostore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"

	"github.com/minio/minio-go/v7"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

// Get implements publish.Store.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	if length == 0 {
		return s3wire.Nothing(s.Stat(ctx, key))
	}
	var opts minio.GetObjectOptions
	if r := s3wire.Range(offset, length); r != "" {
		opts.Set("Range", r)
	}
	body, got, header, err := s.core.GetObject(ctx, s.bucket, s.prefix.Key(key), opts)
	if fault(err).Status == http.StatusRequestedRangeNotSatisfiable {
		return s3wire.Nothing(s.Stat(ctx, key))
	}
	if err != nil {
		return nil, publish.Info{}, s.wrap(ctx, "get", key, err)
	}
	info := s.info(key, got, header)
	info.Size = s3wire.TotalSize(header.Get("Content-Range"), got.Size)
	info.SHA256 = layout.Digest{}
	return s.place.Reader(ctx, key, body), info, nil
}

func (s *Store) info(key string, o minio.ObjectInfo, header http.Header) publish.Info {
	return publish.Info{
		Key: key, Size: o.Size, ModTime: o.LastModified.UTC(), Version: s3wire.Version(o.ETag),
		SHA256: s3wire.ParseChecksum(o.ChecksumSHA256),
		Header: layout.Header{ContentType: header.Get("Content-Type"), CacheControl: header.Get("Cache-Control")},
	}
}

// Stat implements publish.Store.
func (s *Store) Stat(ctx context.Context, key string) (publish.Info, error) {
	got, err := s.core.StatObject(ctx, s.bucket, s.prefix.Key(key), minio.StatObjectOptions{Checksum: true})
	if err != nil {
		err = s.wrap(ctx, "stat", key, err)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.missing(ctx, key, err)
		}
		return publish.Info{}, err
	}
	return s.info(key, got, got.Headers), nil
}

// missing returns err, which says that an object is missing, unless its bucket
// is: the answer to a HEAD can't tell.
func (s *Store) missing(ctx context.Context, key string, err error) error {
	if ok, bucketErr := s.core.BucketExists(ctx, s.bucket); bucketErr == nil && !ok {
		return s.noBucket(ctx, "stat", key)
	}
	return err
}

// List implements publish.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	return func(yield func(publish.Info, error) bool) {
		// minio-go stops asking when its context ends.
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		opts := minio.ListObjectsOptions{Prefix: s.prefix.Key(prefix), Recursive: true, MaxKeys: 1000}
		var order s3wire.Order
		for o := range s.core.ListObjectsIter(inner, s.bucket, opts) {
			if o.Err != nil {
				yield(publish.Info{}, s.wrap(ctx, "list", prefix, o.Err))
				return
			}
			if err := order.Next(o.Key); err != nil {
				yield(publish.Info{}, fmt.Errorf("list %q: %w", prefix, err))
				return
			}
			if !yield(s.listed(o), nil) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(publish.Info{}, s.wrap(ctx, "list", prefix, context.Cause(ctx)))
		}
	}
}

func (s *Store) listed(o minio.ObjectInfo) publish.Info {
	return publish.Info{
		Key: s.prefix.Cut(o.Key), Size: o.Size, ModTime: o.LastModified.UTC(), Version: s3wire.Version(o.ETag),
	}
}
