package publish_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datestone/publish"
	"datestone/publish/storetest"
)

// A narrow store bears so many writes at once, and refuses the others.
type narrow struct {
	*storetest.Memory
	bears               *atomic.Int32
	now, most, refusals *atomic.Int32
}

func (s narrow) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	s.most.Store(max(s.most.Load(), n))
	if n > s.bears.Load() {
		s.refusals.Add(1)
		return publish.Info{}, publish.ErrSlowDown
	}
	time.Sleep(time.Second)
	return s.Memory.Put(ctx, p)
}

func TestPaceFollowsTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := narrow{&storetest.Memory{}, new(atomic.Int32), new(atomic.Int32), new(atomic.Int32), new(atomic.Int32)}
		b, err := publish.New(publish.Config{Store: s, Jobs: 16, Attempts: 100, Pause: 200 * time.Millisecond})
		must(t, err)
		write := func(name string, count int) time.Duration {
			s.most.Store(0)
			s.refusals.Store(0)
			began := time.Now()
			var wg sync.WaitGroup
			for n := range count {
				wg.Go(func() {
					if err := b.Create(t.Context(), object(fmt.Sprint(name, "/", n), "x")); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			return time.Since(began)
		}
		s.bears.Store(4)
		if took := write("narrow", 400); took > 200*time.Second || s.refusals.Load() > 400/2 {
			t.Errorf("400 writes to a store that bears 4 took %v and %d refusals, want about 100 s and few", took, s.refusals.Load())
		}
		s.bears.Store(16)
		write("recovers", 400)
		if took := write("wide", 160); took > 11*time.Second || s.most.Load() != 16 || s.refusals.Load() > 0 {
			t.Errorf("160 writes to a store that bears 16 took %v, %d at once, %d refusals", took, s.most.Load(), s.refusals.Load())
		}
	})
}
