package publish

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// inOrder does each item, at most jobs at once, and hands the results on in the
// order of the items. What waits for its turn is bounded too.
func inOrder[T, R any](ctx context.Context, jobs int, items iter.Seq2[T, error], do func(context.Context, T) (R, error), take func(T, R) error) error {
	type turn struct {
		item   T
		result chan R
	}
	waiting, work := make(chan turn, 4*jobs), make(chan turn)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(waiting)
		defer close(work)
		for item, err := range items {
			if err != nil {
				return err
			}
			t := turn{item, make(chan R, 1)}
			for _, queue := range []chan turn{waiting, work} {
				select {
				case queue <- t:
				case <-gctx.Done():
					return context.Cause(gctx)
				}
			}
		}
		return nil
	})
	for range jobs {
		g.Go(func() error {
			for t := range work {
				r, err := do(gctx, t.item)
				if err != nil {
					return err
				}
				t.result <- r
			}
			return nil
		})
	}
	g.Go(func() error {
		for t := range waiting {
			select {
			case r := <-t.result:
				if err := take(t.item, r); err != nil {
					return err
				}
			case <-gctx.Done():
				return context.Cause(gctx)
			}
		}
		return nil
	})
	return interrupted(ctx, g.Wait())
}
