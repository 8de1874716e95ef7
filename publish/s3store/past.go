package s3store

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

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
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &full, Delimiter: aws.String("/")},
		func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, s.wrap(ctx, "list", prefix, err)
		}
		for _, p := range page.CommonPrefixes {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(aws.ToString(p.Prefix), full), "/"))
		}
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
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix.Key(key)), VersionId: text(id)})
	if err != nil {
		return nil, s.wrap(ctx, "get version "+id+" of", key, err)
	}
	return s.place.Reader(ctx, key, out.Body), nil
}
