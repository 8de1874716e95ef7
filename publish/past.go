package publish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Browser lists a bucket level by level, as if it had directories.
type Browser interface {
	// Folders returns the names right below prefix, which is empty or ends in a
	// slash, that have keys below them: sorted, without slash.
	Folders(ctx context.Context, prefix string) ([]string, error)
}

// A Version is one version of an object.
type Version struct {
	ID      string
	Time    time.Time // when it was written, by the store's clock
	Size    int64     // bytes
	Deleted bool      // nothing stood from then on
}

// An Archive keeps earlier versions of its objects.
type Archive interface {
	// History returns the versions of an object, newest first; none where there
	// never was one. A store that keeps none has that which stands.
	History(ctx context.Context, key string) ([]Version, error)
	// GetVersion opens one of them.
	GetVersion(ctx context.Context, key, id string) (io.ReadCloser, error)
}

// Open opens an object to read it. Reading is one attempt: its errors wrap
// ErrTemporary where another may help.
func (b *Bucket) Open(ctx context.Context, key string) (body io.ReadCloser, info Info, err error) {
	err = b.try(ctx, "get", func() error {
		body, info, err = b.store.Get(ctx, key, 0, -1)
		return err
	})
	return body, info, err
}

// Folders lists one level of the bucket.
func (b *Bucket) Folders(ctx context.Context, prefix string) (names []string, err error) {
	s, ok := b.store.(Browser)
	if !ok {
		return nil, fmt.Errorf("store %T can't be listed level by level: %w", b.store, errors.ErrUnsupported)
	}
	err = b.try(ctx, "list", func() error {
		names, err = s.Folders(ctx, prefix)
		return err
	})
	return names, err
}

// History returns the versions of an object, newest first.
func (b *Bucket) History(ctx context.Context, key string) (versions []Version, err error) {
	s, err := b.archive()
	if err == nil {
		err = b.try(ctx, "list versions", func() error {
			versions, err = s.History(ctx, key)
			return err
		})
	}
	return versions, err
}

// OpenVersion opens a version of an object, as Open does what stands.
func (b *Bucket) OpenVersion(ctx context.Context, key, id string) (body io.ReadCloser, err error) {
	s, err := b.archive()
	if err == nil {
		err = b.try(ctx, "get version", func() error {
			body, err = s.GetVersion(ctx, key, id)
			return err
		})
	}
	return body, err
}

func (b *Bucket) archive() (Archive, error) {
	s, ok := b.store.(Archive)
	if !ok {
		return nil, fmt.Errorf("store %T keeps no versions: %w", b.store, errors.ErrUnsupported)
	}
	return s, nil
}
