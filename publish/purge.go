package publish

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A Purger removes objects for good: with all versions that a store keeps of
// them, and whatever else holds their bytes. A key at which nothing stands is
// success. Where a version can't go, because it is locked, the key answers that
// nothing stands there all the same, and the error is a *RetainedError.
type Purger interface {
	Purge(ctx context.Context, keys ...string) error
}

// A RetainedError is an object of which a version can't be removed yet.
type RetainedError struct {
	Key string
	// Until is the end of its retention; zero for a legal hold, which ends when
	// someone ends it, and where the store does not say.
	Until time.Time
}

func (e *RetainedError) Error() string {
	if e.Until.IsZero() {
		return fmt.Sprintf("purge %q: a version of it is locked, by a legal hold or until a time that the store does not say", e.Key)
	}
	return fmt.Sprintf("purge %q: a version of it is locked until %s", e.Key, e.Until.UTC().Format(time.RFC3339))
}

// Purge removes what stands at the keys for good. It tells retained, one call
// at a time, of each key of which a locked version stays, and goes on.
func (b *Bucket) Purge(ctx context.Context, keys iter.Seq2[string, error], retained func(*RetainedError)) error {
	purger, ok := b.store.(Purger)
	if !ok {
		return fmt.Errorf("store %T can't remove versions: %w", b.store, errors.ErrUnsupported)
	}
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for key, err := range keys {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err != nil {
				return err
			}
			err := b.try(gctx, "purge", func() error { return purger.Purge(gctx, key) })
			var held *RetainedError
			if !errors.As(err, &held) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			retained(held)
			return nil
		})
	}
	return interrupted(ctx, g.Wait())
}
