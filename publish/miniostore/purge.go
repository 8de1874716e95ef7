package miniostore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"datestone/publish/internal/s3wire"
)

// Purge implements publish.Purger.
func (s *Store) Purge(ctx context.Context, keys ...string) error { return s3wire.Purge(ctx, s, keys) }

// Versions implements s3wire.Purging.
func (s *Store) Versions(ctx context.Context, key string) ([]s3wire.Stored, error) {
	full := s.prefix.Key(key)
	inner, cancel := context.WithCancel(ctx) // minio-go stops asking when its context ends
	defer cancel()
	var all []s3wire.Stored
	for o := range s.core.ListObjectsIter(inner, s.bucket, minio.ListObjectsOptions{Prefix: full, Recursive: true, WithVersions: true}) {
		if o.Err != nil && fault(o.Err).Status == http.StatusNotImplemented {
			return nil, fmt.Errorf("list versions of %q: %w", key, errors.ErrUnsupported)
		}
		if o.Err != nil {
			return nil, s.wrap(ctx, "list versions of", key, o.Err)
		}
		if o.Key > full {
			break
		}
		if o.Key == full {
			all = append(all, s3wire.Stored{ID: o.VersionID, Marker: o.IsDeleteMarker, Time: o.LastModified, Size: o.Size})
		}
	}
	if ctx.Err() != nil {
		return nil, s.wrap(ctx, "list versions of", key, context.Cause(ctx))
	}
	return all, nil
}

// DeleteVersion implements s3wire.Purging.
func (s *Store) DeleteVersion(ctx context.Context, key, id string) error {
	err := s.core.RemoveObject(ctx, s.bucket, s.prefix.Key(key), minio.RemoveObjectOptions{VersionID: id})
	if err != nil {
		if err = s.wrap(ctx, "delete version "+id+" of", key, err); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return err
}

// Held implements s3wire.Purging. HEAD says it too, but not of all servers. What
// versitygw answers minio-go can't read: then there is a lock, without an end.
func (s *Store) Held(ctx context.Context, key, id string) (until time.Time, held bool) {
	full := s.prefix.Key(key)
	hold, err := s.core.GetObjectLegalHold(ctx, s.bucket, full, minio.GetObjectLegalHoldOptions{VersionID: id})
	if err == nil && hold != nil && *hold == minio.LegalHoldEnabled {
		return until, true
	}
	_, end, err := s.core.GetObjectRetention(ctx, s.bucket, full, id)
	if err == nil && end != nil {
		return end.UTC(), true
	}
	return until, err != nil && strings.Contains(err.Error(), "<ObjectLockRetention>")
}
