package reposync

import (
	"context"
	"sync"
	"time"
)

// A rate spaces the requests to each host evenly, and leaves a host alone that
// says Retry-After.
type rate struct {
	perSecond float64 // 0: as they come
	mu        sync.Mutex
	next      map[string]time.Time // when the next request to a host may go out
	held      map[string]time.Time // until when none may
}

// Wait returns when a request to the host may go out that somebody else makes.
func (c *Client) Wait(ctx context.Context, host string) error { return c.rate.wait(ctx, host) }

// wait returns when a request to the host may go out, or when ctx ends. Those
// that had their time before the host was held get a new one.
func (r *rate) wait(ctx context.Context, host string) error {
	if r.perSecond <= 0 {
		return nil
	}
	for {
		t := time.NewTimer(r.take(host, time.Now()))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
		if !r.isHeld(host, time.Now()) {
			return nil
		}
	}
}

// take books the next place for the host, and says how long it is until then.
func (r *rate) take(host string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = map[string]time.Time{}
	}
	at := now
	for _, t := range []time.Time{r.next[host], r.held[host]} {
		if at.Before(t) {
			at = t
		}
	}
	r.next[host] = at.Add(time.Duration(float64(time.Second) / r.perSecond))
	return at.Sub(now)
}

// hold lets no request go out to the host for a while.
func (r *rate) hold(host string, now time.Time, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[string]time.Time{}
	}
	if until := now.Add(d); r.perSecond > 0 && until.After(r.held[host]) {
		r.held[host] = until
		delete(r.next, host) // nobody goes before that
	}
}

func (r *rate) isHeld(host string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.held[host])
}
