package dirstore

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"datestone/publish"
)

// A lock makes "look, then replace" one step: among goroutines by a channel,
// among processes by a lock on a file. A process that dies lets go of it.
type lock struct {
	turn chan struct{}
	file *flock.Flock
}

func newLock(path string) *lock {
	return &lock{turn: make(chan struct{}, 1), file: flock.New(path, flock.SetPermissions(0o644))}
}

// patience is how long to wait for another process, which holds the lock for
// some system calls: one that is stopped there would hold up all others.
const patience = 5 * time.Second

// hold calls f while it has the lock.
func (l *lock) hold(ctx context.Context, root *tree, f func() error) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := root.MkdirAll(filepath.Dir(mutexName), 0o755); err != nil {
		return err
	}
	const again = 5 * time.Millisecond
	wctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := l.file.TryLockContext(wctx, again); err != nil {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case wctx.Err() != nil:
			return fmt.Errorf("another process holds %q for %s, which takes a moment otherwise: is it stopped? %w",
				l.file.Path(), patience, publish.ErrTemporary)
		}
		return err
	}
	defer l.file.Unlock()
	return f()
}
