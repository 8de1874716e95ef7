package reposync

import (
	"context"
	"sync"
	"time"
)

// A rate spaces the requests to each host evenly.
type rate struct {
	perSecond float64 // 0: as they come
	mu        sync.Mutex
	next      map[string]time.Time // when the next request to a host may go out
}

// wait returns when a request to the host may go out, or when ctx ends.
func (r *rate) wait(ctx context.Context, host string) error {
	if r.perSecond <= 0 {
		return nil
	}
	t := time.NewTimer(r.take(host, time.Now()))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take books the next place for the host, and says how long it is until then.
func (r *rate) take(host string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = map[string]time.Time{}
	}
	at := r.next[host]
	if at.Before(now) {
		at = now
	}
	r.next[host] = at.Add(time.Duration(float64(time.Second) / r.perSecond))
	return at.Sub(now)
}
