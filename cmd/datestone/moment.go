package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"datestone/layout"
	"datestone/publish"
)

const (
	// maxSkew is how far our clock may be from the bucket's.
	maxSkew = 5 * time.Minute
	// maxBehind is how far our clock may be behind the last ID before that
	// means that it went back; below that the run waits.
	maxBehind = 10 * time.Second
)

// A moment is the one ID that a run takes for all repositories that changed.
// It is taken when all of them have been read, so that what stands in the
// checkpoints of one ID was read at or before it.
type moment struct {
	now    func() time.Time
	bucket *publish.Bucket
	at     layout.Stamp // the ID that the user gave, or none
	read   *gate        // opens when all remotes have been read
	ready  *gate        // opens when all have said what the ID must follow

	mu    sync.Mutex
	after layout.Stamp
	once  sync.Once
	id    layout.Stamp
	err   error
}

func newMoment(s *site, at layout.Stamp, names []string) *moment {
	return &moment{now: s.Now, bucket: s.bucket, at: at, read: newGate(names), ready: newGate(names)}
}

// leave is said by a repository that needs no ID (any more).
func (m *moment) leave(name string) {
	m.read.come(name)
	m.ready.come(name)
}

// take returns the ID for the repository name, which follows after: the same
// for all that take part; a later one of its own for one that comes again.
func (m *moment) take(ctx context.Context, name string, after layout.Stamp) (layout.Stamp, error) {
	if err := m.check(ctx, after); err != nil {
		return "", err
	}
	m.mu.Lock()
	m.after = max(m.after, after)
	m.mu.Unlock()
	m.ready.come(name)
	if err := m.ready.wait(ctx); err != nil {
		return "", err
	}
	m.once.Do(func() { m.id, m.err = m.choose(ctx, m.after) })
	if m.err != nil || m.id > after {
		return m.id, m.err
	}
	return m.choose(ctx, after)
}

// own returns an ID after the one given that others need not share.
func (m *moment) own(ctx context.Context, after layout.Stamp) (layout.Stamp, error) {
	if err := m.check(ctx, after); err != nil {
		return "", err
	}
	return m.choose(ctx, after)
}

// check refuses an ID that can't be: one given by the user that lies in the
// past of the log or in the future, and any while the clocks disagree.
func (m *moment) check(ctx context.Context, after layout.Stamp) error {
	now := m.now()
	switch at := m.at; {
	case at != "" && at <= after:
		return fmt.Errorf("ID %s is not after %s, up to which answers are final: give a later one with --at", at, after)
	case at > layout.StampOf(now):
		return fmt.Errorf("ID %s lies in the future: it is now %s", at, layout.StampOf(now))
	case after != "" && after.Time().Sub(now) > maxBehind:
		return fmt.Errorf("the clock went back: it says %s, but the log has an entry of %s: set the clock", layout.StampOf(now), after)
	}
	return m.agree(ctx)
}

// agree refuses to go on while our clock and the bucket's disagree.
func (m *moment) agree(ctx context.Context) error {
	now := m.now()
	theirs, ok, err := m.bucket.Now(ctx)
	if err != nil || !ok {
		return err
	}
	if skew := now.Sub(theirs); skew > maxSkew || skew < -maxSkew {
		return fmt.Errorf("the clocks disagree: it is %s here and %s at the bucket: set the clock", layout.StampOf(now), layout.StampOf(theirs))
	}
	return nil
}

// choose returns an ID after the one given, and waits for its second.
func (m *moment) choose(ctx context.Context, after layout.Stamp) (layout.Stamp, error) {
	if m.at != "" && m.at > after {
		return m.at, nil
	}
	id := layout.StampOf(m.now())
	if id > after {
		return id, nil
	}
	id = after.Next()
	select {
	case <-time.After(id.Time().Sub(m.now())):
		return id, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// A gate opens when all who were named have come.
type gate struct {
	mu      sync.Mutex
	missing map[string]bool
	open    chan struct{}
}

func newGate(names []string) *gate {
	g := &gate{missing: map[string]bool{}, open: make(chan struct{})}
	for _, n := range names {
		g.missing[n] = true
	}
	return g
}

func (g *gate) come(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.missing[name] {
		return
	}
	delete(g.missing, name)
	if len(g.missing) == 0 {
		close(g.open)
	}
}

func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
