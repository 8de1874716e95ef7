package redirects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
	"datestone/redirects"

	"golang.org/x/sync/errgroup"
)

// pushWebsite pushes as the program does, and returns what it sent.
func pushWebsite(ctx context.Context, store publish.Store, jobs int, goal layout.Pushed) ([]layout.WebsitePlan, error) {
	b, err := publish.New(publish.Config{Store: store, Jobs: jobs, Attempts: 3, Pause: time.Microsecond})
	if err != nil {
		return nil, err
	}
	return b.PushWebsite(ctx, func(have layout.WebsiteState) (layout.WebsitePlan, error) { return redirects.DiffS3(have, goal) })
}

func mustPush(t testing.TB, store publish.Store, goal layout.Pushed) {
	t.Helper()
	if _, err := pushWebsite(t.Context(), store, 1, goal); err != nil {
		t.Fatal(err)
	}
}

// s3Story is what a site goes through, newer and newer.
func s3Story(t *testing.T) []layout.Pushed {
	filled := noons("a", 7) // a past state was filled in
	filled.Checkpoints = append(filled.Checkpoints[:2:2], append([]layout.Checkpoint{{ID: "20240102T180000Z"}}, filled.Checkpoints[2:]...)...)
	filled.Log.Entries = 8
	pruned := filled
	pruned.Checkpoints, pruned.Gone = pruned.Checkpoints[4:], []layout.Span{{From: "20240101T120000Z", Until: "20240104T115959Z"}}
	pruned.Log.Entries = 9
	withResolver := func(entries, more int) layout.Pushed {
		tab := pruned
		tab.Log.Entries = entries
		tab.Checkpoints = append(slices.Clone(pruned.Checkpoints), noons("a", 7+more).Checkpoints[7:]...)
		return s3GoalOf(t, redirects.Input{Tables: []layout.Table{tab}, PublicURL: "https://snapshots.example.org/", Resolver: "edge.example.org"})
	}
	again := pruned
	again.Log.Entries = 11
	return []layout.Pushed{s3Goal(t, noons("a", 4), noons("b", 3)), s3Goal(t, noons("a", 7), noons("b", 3)), s3Goal(t, filled, noons("b", 4)),
		s3Goal(t, pruned, noons("b", 4)), withResolver(10, 0), s3Goal(t, again), withResolver(12, 0), withResolver(13, 1), withResolver(14, 2)}
}

// stands returns all that makes answers: objects that redirect, and the
// configuration.
func stands(m *storetest.Memory) string {
	text := ""
	for _, key := range slices.Sorted(maps.Keys(m.Snapshot())) {
		if o, _ := m.Look(key); key != layout.PushedKey {
			text += fmt.Sprintln(key, o.Location)
		}
	}
	if w := m.LookWebsite(); w != nil {
		text += w.Digest().String()
	}
	return text
}

// TestPushWebsiteFaults makes each call of each push fail in each way. The next
// push must leave the bucket as an undisturbed one does, byte for byte, and one
// with newer tables the answers that belong to them.
func TestPushWebsiteFaults(t *testing.T) {
	t.Parallel()
	story := s3Story(t)
	before := &storetest.Memory{}
	for i, goal := range story {
		after := before.Clone()
		mustPush(t, after, goal)
		newer := after.Clone()
		mustPush(t, newer, story[min(i+1, len(story)-1)])
		calls := after.Calls()
		if calls < 5 {
			t.Fatalf("push %d: only %d calls", i, calls)
		}
		for n := range calls {
			for _, fault := range storetest.Faults() {
				for next, want := range map[int]*storetest.Memory{i: after, min(i+1, len(story)-1): newer} {
					if next != i && (n+int(fault))%3 > 0 {
						continue // these end much the same
					}
					m := before.Clone()
					m.FailAt(n+1, fault)
					sent, err := pushWebsite(t.Context(), m, 2, goal)
					m.Restart()
					if len(sent) > 1 {
						t.Errorf("push %d, call %d %v: sent %d times", i, n+1, fault, len(sent))
					}
					if err == nil && fault != storetest.TemporaryFailed && fault != storetest.TemporaryDoneButFailed {
						t.Errorf("push %d, call %d %v: no error", i, n+1, fault)
					}
					mustPush(t, m, story[next])
					if next == i && !sameBytes(m, want) || stands(m) != stands(want) || len(m.Violations()) > 0 {
						t.Fatalf("push %d, call %d %v, then push %d (error %v): stands\n%s\nwant\n%s", i, n+1, fault, next, err, stands(m), stands(want))
					}
				}
			}
		}
		before = after.Clone()
	}
}

func sameBytes(a, b *storetest.Memory) bool {
	all, other := a.Snapshot(), b.Snapshot()
	for key, o := range all {
		if !o.Same(other[key]) {
			return false
		}
	}
	return len(all) == len(other)
}

// A sleeper is a store whose caller sleeps before one call, and may be killed
// when that is done.
type sleeper struct {
	*storetest.Memory
	at, calls int
	asleep    func()
	killed    bool
	late      []layout.Digest // configurations that it did not write right after it woke up
}

var errAsleep = errors.New("killed after it had slept")

func (s *sleeper) call(do func() error) error {
	s.calls++
	if s.killed && s.calls > s.at {
		return errAsleep
	}
	if s.calls == s.at {
		s.asleep()
	}
	return do()
}

func (s *sleeper) Get(ctx context.Context, key string, offset, length int64) (r io.ReadCloser, info publish.Info, err error) {
	err = s.call(func() error { r, info, err = s.Memory.Get(ctx, key, offset, length); return err })
	return r, info, err
}

func (s *sleeper) Stat(ctx context.Context, key string) (info publish.Info, err error) {
	err = s.call(func() error { info, err = s.Memory.Stat(ctx, key); return err })
	return info, err
}

func (s *sleeper) Put(ctx context.Context, p publish.Put) (info publish.Info, err error) {
	err = s.call(func() error { info, err = s.Memory.Put(ctx, p); return err })
	return info, err
}

func (s *sleeper) Website(ctx context.Context) (w layout.Website, err error) {
	err = s.call(func() error { w, err = s.Memory.Website(ctx); return err })
	return w, err
}

func (s *sleeper) SetWebsite(ctx context.Context, w layout.Website) error {
	return s.call(func() error {
		if s.calls > s.at {
			s.late = append(s.late, w.Digest())
		}
		return s.Memory.SetWebsite(ctx, w)
	})
}

func (s *sleeper) SetRedirection(ctx context.Context, r layout.Redirection) error {
	return s.call(func() error { return s.Memory.SetRedirection(ctx, r) })
}

func (s *sleeper) RemoveRedirections(ctx context.Context, keys ...string) error {
	return s.call(func() error { return s.Memory.RemoveRedirections(ctx, keys...) })
}

// TestPushWebsiteWakesUpLate lets a push sleep before each of its calls while
// newer ones are made from beginning to end. Woken up, it leaves in force what
// is newer. Killed after the one call that it made then, it may leave an older
// configuration; the next push puts that right. What it may leave for good is
// what that call did to objects, where newer tables say otherwise of days that
// were final.
func TestPushWebsiteWakesUpLate(t *testing.T) {
	t.Parallel()
	story := s3Story(t)
	before := &storetest.Memory{}
	late := 0
	for i, goal := range story[:len(story)-1] {
		alone := &sleeper{Memory: before.Clone()}
		mustPush(t, alone, goal)
		for newest := i + 1; newest < len(story); newest++ {
			for at := range alone.calls {
				for _, killed := range []bool{false, true} {
					s := &sleeper{Memory: before.Clone(), at: at + 1, killed: killed}
					s.asleep = func() {
						for _, newer := range story[i+1 : newest+1] {
							mustPush(t, s.Memory, newer)
						}
					}
					_, err := pushWebsite(t.Context(), s, 1, goal)
					if killed {
						mustPush(t, s.Memory, story[newest])
					} else if err != nil && !errors.Is(err, redirects.ErrOlder) {
						t.Errorf("push %d slept before call %d: %v", i, at+1, err)
					}
					if older := goal.Website.Digest(); older != story[newest].Website.Digest() && slices.Contains(s.late, older) {
						t.Errorf("push %d slept before call %d, woke up, and made another before it put the older configuration in force", i, at+1)
					}
					wrong := checkLate(t, s.Memory, goal, story[newest])
					if late += wrong; wrong > 1 || wrong == 1 && !killed {
						t.Errorf("push %d slept before call %d until push %d was done, killed: %t (%v): %d calls undid what is newer", i, at+1, newest, killed, err, wrong)
					}
				}
			}
		}
		before = alone.Memory
	}
	if late == 0 {
		t.Error("no push came too late: the test does not test")
	}
}

// checkLate wants what newer says to be in force, and returns how many calls
// made objects what older says instead.
func checkLate(t *testing.T, m *storetest.Memory, older, newer layout.Pushed) (wrong int) {
	t.Helper()
	if w := m.LookWebsite(); w == nil || w.Digest() != newer.Website.Digest() {
		t.Error("in force is not the newest configuration")
	}
	for key, o := range m.Snapshot() {
		switch {
		case key == layout.PushedKey || o.Location == newer.Redirections[key]:
		case o.Location == older.Redirections[key]:
			wrong++
		default:
			t.Errorf("%s leads to %s", key, o.Location)
		}
	}
	missing := 0 // which one call may delete
	for key := range newer.Redirections {
		_, stands := m.Look(key)
		if _, wanted := older.Redirections[key]; !stands && wanted {
			t.Errorf("%s is missing", key)
		} else if !stands {
			missing = 1
		}
	}
	return wrong + missing
}

// TestPushWebsiteTogether lets several push at once, newer and older, and wants
// the newest in force.
func TestPushWebsiteTogether(t *testing.T) {
	t.Parallel()
	story := s3Story(t)
	for range 20 {
		m := &storetest.Memory{}
		var g errgroup.Group
		for i := range 6 {
			g.Go(func() error {
				_, err := pushWebsite(t.Context(), m, 2, story[max(0, len(story)-1-i/2)])
				if errors.Is(err, redirects.ErrOlder) {
					return nil
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		want := &storetest.Memory{}
		mustPush(t, want, story[len(story)-1])
		if stands(m) != stands(want) {
			t.Fatalf("stands\n%s\nwant\n%s", stands(m), stands(want))
		}
	}
}
