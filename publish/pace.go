package publish

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A pace bounds how many requests are under way. Each request that the store
// answers with "slow down" takes its place out of use; each round of
// successes puts one back. Under a storm of refusals the bound so falls by
// the share that was refused, and rises by one at a time.
type pace struct {
	most  int
	slots *semaphore.Weighted

	mu     sync.Mutex
	parked int // places out of use
	good   int // successes since the bound last moved
}

func newPace(most int) *pace {
	return &pace{most: most, slots: semaphore.NewWeighted(int64(most))}
}

// do makes the request when there is room for it.
func (p *pace) do(ctx context.Context, request func() error) error {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	err := request()
	p.slots.Release(p.settle(err))
	return err
}

// settle returns how many places come free after a request that ended with err.
func (p *pace) settle(err error) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.Is(err, ErrSlowDown):
		p.good = 0
		if p.parked < p.most-1 {
			p.parked++
			return 0
		}
	case err == nil && p.parked > 0:
		if p.good++; p.good >= p.most-p.parked {
			p.good = 0
			p.parked--
			return 2
		}
	}
	return 1
}
