package s3wire

import (
	"context"
	"errors"
	"slices"
	"time"

	"datestone/publish"
)

// A Stored is one version of an object that a bucket keeps.
type Stored struct {
	ID     string
	Marker bool // it says that the object was deleted, and has no bytes
	Time   time.Time
	Size   int64
}

// History is that of publish.Archive, of versions that are newest first.
func History(stored []Stored) []publish.Version {
	versions := make([]publish.Version, len(stored))
	for i, v := range stored {
		versions[i] = publish.Version{ID: v.ID, Time: v.Time.UTC(), Size: v.Size, Deleted: v.Marker}
	}
	return versions
}

// Purging is what a driver's SDK does for Purge. Keys are without the prefix.
type Purging interface {
	// Versions returns all versions of what stood at key, newest first. A store
	// that keeps none has one version of what stands; one that has no such call
	// says errors.ErrUnsupported.
	Versions(ctx context.Context, key string) ([]Stored, error)
	// DeleteVersion removes one version for good.
	DeleteVersion(ctx context.Context, key, id string) error
	// Held reports whether a version is known to be locked, and until when; the
	// zero time is a legal hold, or not known.
	Held(ctx context.Context, key, id string) (until time.Time, held bool)
	// Delete removes what stands, and leaves older versions alone.
	Delete(ctx context.Context, keys ...string) error
}

// Purge is that of publish.Purger.
func Purge(ctx context.Context, c Purging, keys []string) error {
	var all []error
	for _, key := range keys {
		if err := purge(ctx, c, key); err != nil {
			all = append(all, err)
		}
	}
	return Join(all)
}

// purge removes the versions oldest first and the markers last, so that nothing
// older comes to light meanwhile. What can't go is hidden below a marker.
func purge(ctx context.Context, c Purging, key string) error {
	versions, err := c.Versions(ctx, key)
	if errors.Is(err, errors.ErrUnsupported) {
		return c.Delete(ctx, key)
	}
	if err != nil || len(versions) == 0 {
		return err
	}
	var failed []error
	var held *publish.RetainedError
	for _, v := range slices.Backward(versions) {
		if v.Marker {
			continue
		}
		err := purgeVersion(ctx, c, key, v.ID)
		if now := (*publish.RetainedError)(nil); errors.As(err, &now) {
			held = later(held, now)
		} else if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == 0 && held == nil {
		return purgeMarkers(ctx, c, key, versions)
	}
	if !versions[0].Marker {
		if err := c.Delete(ctx, key); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return Join(failed)
	}
	return held
}

func purgeMarkers(ctx context.Context, c Purging, key string, versions []Stored) error {
	for _, v := range versions {
		if !v.Marker {
			continue
		}
		if err := c.DeleteVersion(ctx, key, v.ID); err != nil {
			return err
		}
	}
	return nil
}

// purgeVersion asks why a version can't be removed only when it could not: the
// stores have no common word for a lock.
func purgeVersion(ctx context.Context, c Purging, key, id string) error {
	err := c.DeleteVersion(ctx, key, id)
	if err == nil || errors.Is(err, publish.ErrTemporary) || errors.Is(err, publish.ErrSlowDown) {
		return err
	}
	until, held := c.Held(ctx, key, id)
	if !held {
		return err
	}
	return &publish.RetainedError{Key: key, Until: until}
}

// later returns the one that ends last; a legal hold has no end.
func later(a, b *publish.RetainedError) *publish.RetainedError {
	if a == nil || b.Until.IsZero() || !a.Until.IsZero() && b.Until.After(a.Until) {
		return b
	}
	return a
}
