package s3store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"datestone/publish/internal/s3wire"
)

// Purge implements publish.Purger.
func (s *Store) Purge(ctx context.Context, keys ...string) error { return s3wire.Purge(ctx, s, keys) }

// Versions implements s3wire.Purging.
func (s *Store) Versions(ctx context.Context, key string) ([]s3wire.Stored, error) {
	full := s.prefix.Key(key)
	var all []version
	pages := s3.NewListObjectVersionsPaginator(s.client, &s3.ListObjectVersionsInput{Bucket: &s.bucket, Prefix: &full})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if fault(err).Status == http.StatusNotImplemented {
			return nil, fmt.Errorf("list versions of %q: %w", key, errors.ErrUnsupported)
		}
		if err != nil {
			return nil, s.wrap(ctx, "list versions of", key, err)
		}
		found, past := versionsOf(full, page)
		all = append(all, found...)
		if past {
			break
		}
	}
	return newestFirst(all), nil
}

// A version is one that was listed; S3 lists markers apart.
type version struct {
	s3wire.Stored
	latest bool
}

// versionsOf returns the versions of a key that a page has, and whether the
// page has keys that come after it.
func versionsOf(key string, page *s3.ListObjectVersionsOutput) (found []version, past bool) {
	for _, v := range page.Versions {
		past = past || aws.ToString(v.Key) > key
		if aws.ToString(v.Key) == key {
			found = append(found, version{s3wire.Stored{ID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size), Time: aws.ToTime(v.LastModified)}, aws.ToBool(v.IsLatest)})
		}
	}
	for _, m := range page.DeleteMarkers {
		past = past || aws.ToString(m.Key) > key
		if aws.ToString(m.Key) == key {
			found = append(found, version{s3wire.Stored{ID: aws.ToString(m.VersionId), Marker: true, Time: aws.ToTime(m.LastModified)}, aws.ToBool(m.IsLatest)})
		}
	}
	return found, past
}

func newestFirst(all []version) []s3wire.Stored {
	slices.SortStableFunc(all, func(a, b version) int {
		if a.latest != b.latest {
			return map[bool]int{true: -1, false: 1}[a.latest]
		}
		return b.Time.Compare(a.Time)
	})
	stored := make([]s3wire.Stored, len(all))
	for i, v := range all {
		stored[i] = v.Stored
	}
	return stored
}

// DeleteVersion implements s3wire.Purging.
func (s *Store) DeleteVersion(ctx context.Context, key, id string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: aws.String(s.prefix.Key(key)), VersionId: text(id)})
	if err != nil {
		if err = s.wrap(ctx, "delete version "+id+" of", key, err); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// Held implements s3wire.Purging. HEAD says it too, but not of all servers.
func (s *Store) Held(ctx context.Context, key, id string) (until time.Time, held bool) {
	full := s.prefix.Key(key)
	hold, err := s.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: &s.bucket, Key: &full, VersionId: text(id)})
	if err == nil && hold.LegalHold != nil && hold.LegalHold.Status == types.ObjectLockLegalHoldStatusOn {
		return until, true
	}
	lock, err := s.client.GetObjectRetention(ctx, &s3.GetObjectRetentionInput{Bucket: &s.bucket, Key: &full, VersionId: text(id)})
	if err != nil || lock.Retention == nil || lock.Retention.RetainUntilDate == nil {
		return until, false
	}
	return lock.Retention.RetainUntilDate.UTC(), true
}
