package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// Errors of locks, to be asked for with errors.Is.
var (
	// ErrLocked is a repository that another run works on; a *LockedError.
	ErrLocked = errors.New("another run holds the lock")
	// ErrLockLost is a lock that another run took over, because this one did
	// not renew it in time.
	ErrLockLost = errors.New("another run took over the lock")
)

// A LockedError names the run that holds a repository's lock.
type LockedError struct {
	Repository string
	Owner      string
	Since      layout.Stamp
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("repository %q: %s holds the lock since %s, and is alive; wait for it with --lock-wait, or run again later",
		e.Repository, e.Owner, e.Since)
}

// Is makes errors.Is(err, ErrLocked) hold.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// LockConfig says how to take a lock.
type LockConfig struct {
	// Owner names this run to others: host, process, and something random.
	Owner string
	Since layout.Stamp // when the run began
	// Lease is how long the lock stands without being renewed; default 30 s.
	// It is renewed three times as often.
	Lease time.Duration
	// Wait is how long to wait for an owner that is alive; default not at all.
	// An owner is taken for alive when it renews while it is watched, and for
	// dead when it did not for one lease of its own.
	Wait time.Duration
}

// lock is the object at LockKey. A free one has no owner: it is not removed,
// as no store can do that on a condition.
type lock struct {
	Owner string       `json:"owner"`
	Since layout.Stamp `json:"since"`
	Lease float64      `json:"lease_seconds"`
	Beat  int          `json:"beat"` // counts the renewals
}

// Locked takes the repository's lock, calls work while it renews it, and frees
// it. The context of work ends with ErrLockLost when the lock is lost: what
// work does then can't be committed, because the log has moved on.
//
// On an unconditional bucket it only calls work: a lock without conditions locks
// nobody out.
func (l *Log) Locked(ctx context.Context, c LockConfig, work func(context.Context) error) error {
	if l.bucket.unconditional {
		return work(ctx)
	}
	if c.Lease <= 0 {
		c.Lease = 30 * time.Second
	}
	h := &holder{log: l, config: c, mine: lock{Owner: c.Owner, Since: c.Since, Lease: c.Lease.Seconds()}}
	if err := h.acquire(ctx); err != nil {
		return err
	}
	wctx, stop := context.WithCancelCause(ctx)
	g, gctx := errgroup.WithContext(wctx)
	g.Go(func() error { return h.renew(gctx) })
	workErr := work(gctx)
	stop(errDone)
	err := g.Wait()
	if errors.Is(err, ErrLockLost) {
		return fmt.Errorf("repository %q: %w", l.repository, err)
	}
	// The run's context may have ended; the lock is freed all the same.
	fctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(c.Lease/2, 5*time.Second))
	defer cancel()
	return errors.Join(workErr, h.free(fctx))
}

var errDone = errors.New("done")

// Owner returns who holds the repository's lock, dead or alive; none when it
// is free.
func (l *Log) Owner(ctx context.Context) (string, error) {
	k, _, err := (&holder{log: l}).look(ctx)
	return k.Owner, err
}

// holder is the life of one lock.
type holder struct {
	log    *Log
	config LockConfig
	mine   lock
	// version is that of the object as it was last written by us.
	version string
}

// acquire takes the lock as soon as it is free or its owner dead.
func (h *holder) acquire(ctx context.Context) error {
	w := watch{began: time.Now()}
	for {
		other, version, err := h.look(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		if w.see(version, now); other.Owner == "" || w.silent(now) >= other.lease() {
			err := h.write(ctx, h.mine, version)
			if !errors.Is(err, ErrConflict) {
				return err
			}
			continue
		}
		if w.renewed && now.Sub(w.began) >= h.config.Wait {
			return &LockedError{Repository: h.log.repository, Owner: other.Owner, Since: other.Since}
		}
		if err := sleep(ctx, max(other.lease()/12, time.Millisecond)); err != nil {
			return err
		}
	}
}

// A watch is what one observer saw of a lock, by its own monotonic clock: no
// clock is compared with another's.
type watch struct {
	began   time.Time
	version string
	since   time.Time // when version was first seen
	renewed bool
}

func (w *watch) see(version string, now time.Time) {
	if version == w.version && !w.since.IsZero() {
		return
	}
	w.renewed = !w.since.IsZero()
	w.version, w.since = version, now
}

func (w *watch) silent(now time.Time) time.Duration { return now.Sub(w.since) }

func (k lock) lease() time.Duration { return time.Duration(k.Lease * float64(time.Second)) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look reads the lock; one that never stood is free, and has no version.
func (h *holder) look(ctx context.Context) (lock, string, error) {
	key := layout.LockKey(h.log.repository)
	body, info, err := h.log.bucket.Read(ctx, key, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return lock{}, "", nil
	}
	if err != nil {
		return lock{}, "", err
	}
	var k lock
	if err := json.Unmarshal(body, &k); err != nil {
		return k, "", fmt.Errorf("read %q: %w", key, err)
	}
	return k, info.Version, nil
}

// write replaces the lock where it still has the version.
func (h *holder) write(ctx context.Context, k lock, version string) error {
	body, err := json.Marshal(k)
	if err != nil {
		return err
	}
	page := layout.NewPage(layout.Private, layout.LockKey(h.log.repository), append(body, '\n'), 0)
	p := Bytes(page.Object, page.Body)
	p.Create, p.IfMatch, p.Whole = version == "", version, true
	b := h.log.bucket
	return b.again(ctx, "lock", func() error { // never behind other requests
		info, err := b.putOnce(ctx, p)
		if err == nil {
			h.version = info.Version
		}
		if errors.Is(err, ErrConflict) && h.wroteIt(ctx, k) {
			return nil
		}
		return err
	})
}

// wroteIt reports whether the lock is what an earlier attempt, whose reply was
// lost, has written.
func (h *holder) wroteIt(ctx context.Context, k lock) bool {
	now, version, err := h.look(ctx)
	if err != nil || now != k {
		return false
	}
	h.version = version
	return true
}

// renew writes the lock again three times a lease until ctx ends. It fails
// with ErrLockLost when another has written it, or when a lease has passed in
// which it could not be written.
func (h *holder) renew(ctx context.Context) error {
	renewed := time.Now()
	for {
		if err := sleep(ctx, h.config.Lease/3); err != nil {
			return nil
		}
		next := h.mine
		next.Beat++
		began := time.Now()
		err := h.write(ctx, next, h.version)
		switch {
		case errors.Is(err, ErrConflict):
			return ErrLockLost
		case err == nil:
			h.mine, renewed = next, began
		case ctx.Err() != nil:
			return nil
		case time.Since(renewed) >= h.config.Lease:
			return errors.Join(ErrLockLost, err)
		}
	}
}

// free writes the lock without an owner, if it still is ours. A renewal that
// was interrupted may have been done: then the lock is ours in a version that
// is news to us.
func (h *holder) free(ctx context.Context) error {
	for {
		err := h.write(ctx, lock{}, h.version)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		now, version, err := h.look(ctx)
		if err != nil {
			return err
		}
		if now.Owner != h.mine.Owner {
			return fmt.Errorf("repository %q: %w", h.log.repository, ErrLockLost)
		}
		h.version = version
	}
}
