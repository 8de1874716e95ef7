package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// Swept reads how far objects were deleted after prune records; nothing, where
// that was never written.
func (l *Log) Swept(ctx context.Context) (layout.Swept, error) {
	key := layout.SweptKey(l.repository)
	body, _, err := l.bucket.Read(ctx, key, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return layout.Swept{}, nil
	}
	if err != nil {
		return layout.Swept{}, err
	}
	s, err := layout.DecodeSwept(body)
	if err != nil {
		return s, fmt.Errorf("read %q: %w", key, err)
	}
	return s, nil
}

// SetSwept writes how far objects were deleted. What was deleted is durable
// before. One that was written more often is left alone.
func (l *Log) SetSwept(ctx context.Context, s layout.Swept) error {
	page, err := s.Page(l.repository)
	if err != nil {
		return err
	}
	if err := l.bucket.Sync(ctx); err != nil {
		return err
	}
	return l.bucket.Advance(ctx, page)
}

// Sweep deletes all that stands in the checkpoints ids, and says how many
// objects and bytes (each link counts) those were. They must be pruned, or have
// never been committed, nor ever be: neither becomes a checkpoint again.
func (l *Log) Sweep(ctx context.Context, ids []layout.Stamp) (objects int, bytes int64, err error) {
	var count, size atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(l.bucket.jobs)
	for _, id := range ids {
		g.Go(func() error {
			prefix := layout.CheckpointPrefix(l.base, id)
			keys := counted(l.bucket.list(gctx, prefix), &count, &size)
			if err := l.bucket.Delete(gctx, keys); err != nil {
				return fmt.Errorf("sweep %q: %w", prefix, err)
			}
			return nil
		})
	}
	err = interrupted(ctx, g.Wait())
	return int(count.Load()), size.Load(), err
}

// counted yields the keys of what is listed, and counts it.
func counted(all iter.Seq2[Info, error], count, size *atomic.Int64) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range all {
			if err == nil {
				count.Add(1)
				size.Add(info.Size)
			}
			if !yield(info.Key, err) || err != nil {
				return
			}
		}
	}
}
