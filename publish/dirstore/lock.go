package dirstore

import (
	"context"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
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
	if _, err := l.file.TryLockContext(ctx, again); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	defer l.file.Unlock()
	return f()
}
