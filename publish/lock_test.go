package publish_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

const lease = 30 * time.Second

func config(owner string) publish.LockConfig {
	return publish.LockConfig{Owner: owner, Since: stamp(0), Lease: lease}
}

func nothing(context.Context) error { return nil }

// sleepy is work that takes that long, or until its context ends.
func sleepy(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func ownerIs(t testing.TB, l *publish.Log, want string) {
	t.Helper()
	if got, err := l.Owner(context.Background()); got != want || err != nil {
		t.Errorf("the lock's owner is %q, %v, want %q", got, err, want)
	}
}

// hold writes the lock as the owner would, who then does not renew it.
func hold(t testing.TB, m *storetest.Memory, owner string) {
	t.Helper()
	body := fmt.Appendf(nil, `{"owner":%q,"since":"20250318T140338Z","lease_seconds":30,"beat":3}`, owner)
	page := layout.NewPage(layout.Private, layout.LockKey(repo), body, 0)
	_, err := m.Put(t.Context(), publish.Bytes(page.Object, body))
	must(t, err)
}

// bubble runs a test in which time is made, and passes when all wait.
func bubble(t *testing.T, test func(t *testing.T, m *storetest.Memory, l *publish.Log)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &storetest.Memory{}
		test(t, m, newBucket(t, m).Log(repo, base))
	})
}

func TestLockIsTakenAndFreed(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		for range 2 { // one that never stood, and one that is free
			began := time.Now()
			must(t, l.Locked(t.Context(), config("a"), func(context.Context) error {
				ownerIs(t, l, "a")
				return nil
			}))
			ownerIs(t, l, "")
			if took := time.Since(began); took > 0 {
				t.Errorf("a free lock took %v", took)
			}
		}
	})
}

func TestErrorOfWorkIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		boom := errors.New("boom")
		wantIs(t, l.Locked(t.Context(), config("a"), func(context.Context) error { return boom }), boom)
		ownerIs(t, l, "")
	})
}

func TestLockOfALivingOwner(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		done := make(chan error)
		go func() { done <- l.Locked(t.Context(), config("alice"), sleepy(10*lease)) }()
		time.Sleep(3*lease + time.Second)
		began := time.Now()
		err := l.Locked(t.Context(), config("bob"), nothing)
		var locked *publish.LockedError
		if !errors.As(err, &locked) || locked.Owner != "alice" || !strings.Contains(err.Error(), "alice") {
			t.Errorf("got %v, want an error that names alice", err)
		}
		wantIs(t, err, publish.ErrLocked)
		if took := time.Since(began); took > lease/3+lease/12 {
			t.Errorf("it took %v to see that alice is alive", took)
		}
		c := config("bob")
		c.Wait = 20 * lease
		must(t, l.Locked(t.Context(), c, nothing)) // waits for her
		must(t, <-done)
	})
}

func TestLockOfADeadOwner(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		hold(t, m, "dead")
		began := time.Now()
		must(t, l.Locked(t.Context(), config("b"), nothing))
		if took := time.Since(began); took < lease || took > lease+lease/12 {
			t.Errorf("it was taken over after %v, want one lease", took)
		}
		ownerIs(t, l, "")
	})
}

func TestTwoHeirsOfADeadOwner(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		hold(t, m, "dead")
		var working, most atomic.Int32
		done := make(chan error)
		for n := range 5 {
			go func() {
				c := config(fmt.Sprint("heir ", n))
				c.Wait = 100 * lease
				done <- l.Locked(t.Context(), c, func(ctx context.Context) error {
					most.Store(max(most.Load(), working.Add(1)))
					defer working.Add(-1)
					return sleepy(2 * lease)(ctx)
				})
			}()
		}
		for range 5 {
			must(t, <-done)
		}
		if most.Load() != 1 {
			t.Errorf("%d worked at once", most.Load())
		}
	})
}

func TestLockIsLost(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		began := time.Now()
		err := l.Locked(t.Context(), config("a"), func(ctx context.Context) error {
			hold(t, m, "thief")
			<-ctx.Done()
			wantIs(t, context.Cause(ctx), publish.ErrLockLost)
			return context.Cause(ctx)
		})
		wantIs(t, err, publish.ErrLockLost)
		if took := time.Since(began); took > lease/3 {
			t.Errorf("it was noticed after %v", took)
		}
		ownerIs(t, l, "thief")
	})
}

func TestLockThatCantBeRenewedIsLost(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		began := time.Now()
		err := l.Locked(t.Context(), config("a"), func(ctx context.Context) error {
			for n := range 1000 {
				m.FailAt(m.Calls()+n+1, storetest.Failed)
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		wantIs(t, err, publish.ErrLockLost)
		if took := time.Since(began); took < lease || took > lease+lease/3 {
			t.Errorf("it was given up after %v, want one lease", took)
		}
	})
}

func TestLostRepliesOfLockWrites(t *testing.T) {
	t.Parallel()
	// Calls: read, write, the renewals; the last frees it.
	for n := 1; n <= 9; n++ {
		for _, fault := range []storetest.Fault{storetest.TemporaryFailed, storetest.TemporaryDoneButFailed} {
			t.Run(fmt.Sprint(n, fault), func(t *testing.T) {
				bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
					m.FailAt(n, fault)
					must(t, l.Locked(t.Context(), config("a"), sleepy(2*lease+time.Second)))
					ownerIs(t, l, "")
				})
			})
		}
	}
}

func TestInterruptedRenewal(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		m.FailAt(3, storetest.DoneButFailed) // the first renewal
		must(t, l.Locked(t.Context(), config("a"), sleepy(lease/2)))
		ownerIs(t, l, "")
	})
}

// A slow store takes its time for the second write of the lock.
type slow struct {
	*storetest.Memory
	writes *atomic.Int32
	by     time.Duration
}

func (s slow) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	if p.Key == layout.LockKey(repo) && s.writes.Add(1) == 2 {
		time.Sleep(s.by)
	}
	return s.Memory.Put(ctx, p)
}

func TestPausedPastItsLeaseWithoutAnHeir(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, _ *publish.Log) {
		l := newBucket(t, slow{m, new(atomic.Int32), 5 * lease}).Log(repo, base)
		must(t, l.Locked(t.Context(), config("a"), sleepy(10*lease)))
		ownerIs(t, l, "")
	})
}

func TestPausedPastItsLeaseWithAnHeir(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, heir *publish.Log) {
		l := newBucket(t, slow{m, new(atomic.Int32), 5 * lease}).Log(repo, base)
		done := make(chan error)
		go func() { done <- l.Locked(t.Context(), config("a"), sleepy(10*lease)) }()
		time.Sleep(time.Second)
		must(t, heir.Locked(t.Context(), config("b"), nothing))
		wantIs(t, <-done, publish.ErrLockLost)
		ownerIs(t, heir, "")
	})
}

func TestInterruptedRunFreesItsLock(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		stop := errors.New("a signal came")
		ctx, cancel := context.WithCancelCause(t.Context())
		err := l.Locked(ctx, config("a"), func(ctx context.Context) error {
			cancel(stop)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		wantIs(t, err, stop)
		ownerIs(t, l, "")
	})
}

func TestWaitingForALockEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, m *storetest.Memory, l *publish.Log) {
		stop := errors.New("a signal came")
		hold(t, m, "dead")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(lease/2, func() { cancel(stop) })
		wantIs(t, l.Locked(ctx, config("a"), nothing), stop)
		ownerIs(t, l, "dead")
	})
}
