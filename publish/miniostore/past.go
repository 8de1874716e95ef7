package miniostore

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

var (
	_ publish.Browser = (*Store)(nil)
	_ publish.Archive = (*Store)(nil)
)

// Folders implements publish.Browser.
func (s *Store) Folders(ctx context.Context, prefix string) ([]string, error) {
	full := s.prefix.Key(prefix)
	inner, cancel := context.WithCancel(ctx) // minio-go stops asking when its context ends
	defer cancel()
	var names []string
	for o := range s.core.ListObjectsIter(inner, s.bucket, minio.ListObjectsOptions{Prefix: full, MaxKeys: 1000}) {
		if o.Err != nil {
			return nil, s.wrap(ctx, "list", prefix, o.Err)
		}
		if name, folder := strings.CutSuffix(strings.TrimPrefix(o.Key, full), "/"); folder && name != "" {
			names = append(names, name)
		}
	}
	if ctx.Err() != nil {
		return nil, s.wrap(ctx, "list", prefix, context.Cause(ctx))
	}
	slices.Sort(names)
	return names, nil
}

// History implements publish.Archive.
func (s *Store) History(ctx context.Context, key string) ([]publish.Version, error) {
	stored, err := s.Versions(ctx, key)
	return s3wire.History(stored), err
}

// GetVersion implements publish.Archive.
func (s *Store) GetVersion(ctx context.Context, key, id string) (io.ReadCloser, error) {
	body, _, _, err := s.core.GetObject(ctx, s.bucket, s.prefix.Key(key), minio.GetObjectOptions{VersionID: id})
	if err != nil {
		return nil, s.wrap(ctx, "get version "+id+" of", key, err)
	}
	return s.place.Reader(ctx, key, body), nil
}
