package publish

import (
	"context"
	"iter"

	"golang.org/x/sync/errgroup"
)

// inOrder does each item, at most jobs at once, and hands the results on in the
// order of the items. What waits for its turn is bounded too.
func inOrder[T, R any](ctx context.Context, jobs int, items iter.Seq2[T, error], do func(context.Context, T) (R, error), take func(T, R) error) error {
	q := queue[T, R]{waiting: make(chan turn[T, R], 4*jobs), work: make(chan turn[T, R])}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return q.fill(gctx, items) })
	for range jobs {
		g.Go(func() error {
			for t := range q.work {
				r, err := do(gctx, t.item)
				if err != nil {
					return err
				}
				t.result <- r
			}
			return nil
		})
	}
	g.Go(func() error { return q.drain(gctx, take) })
	return interrupted(ctx, g.Wait())
}

// A turn is an item on its way.
type turn[T, R any] struct {
	item   T
	result chan R
}

// A queue has the items twice: in their order, and for who does the next one.
type queue[T, R any] struct{ waiting, work chan turn[T, R] }

func (q queue[T, R]) fill(ctx context.Context, items iter.Seq2[T, error]) error {
	defer close(q.waiting)
	defer close(q.work)
	for item, err := range items {
		if err != nil {
			return err
		}
		t := turn[T, R]{item, make(chan R, 1)}
		for _, to := range []chan turn[T, R]{q.waiting, q.work} {
			select {
			case to <- t:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func (q queue[T, R]) drain(ctx context.Context, take func(T, R) error) error {
	for t := range q.waiting {
		select {
		case r := <-t.result:
			if err := take(t.item, r); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
