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
		next := story[min(i+1, len(story)-1)]
		newer := after.Clone()
		mustPush(t, newer, next)
		if after.Calls() < 5 {
			t.Fatalf("push %d: only %d calls", i, after.Calls())
		}
		for n := range after.Calls() {
			for _, fault := range storetest.Faults() {
				name := fmt.Sprintf("push %d, call %d %v", i, n+1, fault)
				if m := pushDisturbed(t, name, before, goal, n+1, fault, goal); !sameBytes(m, after) || stands(m) != stands(after) {
					t.Fatalf("%s: stands\n%s\nwant\n%s", name, stands(m), stands(after))
				}
				if m := pushDisturbed(t, name, before, goal, n+1, fault, next); stands(m) != stands(newer) {
					t.Fatalf("%s, then newer: stands\n%s\nwant\n%s", name, stands(m), stands(newer))
				}
			}
		}
		before = after.Clone()
	}
}

// pushDisturbed pushes goal while call n fails, and then next.
func pushDisturbed(t *testing.T, name string, before *storetest.Memory, goal layout.Pushed, n int, fault storetest.Fault, next layout.Pushed) *storetest.Memory {
	t.Helper()
	m := before.Clone()
	m.FailAt(n, fault)
	sent, err := pushWebsite(t.Context(), m, 2, goal)
	m.Restart()
	if err == nil && fault != storetest.TemporaryFailed && fault != storetest.TemporaryDoneButFailed {
		t.Errorf("%s: no error", name)
	}
	if len(sent) > 1 {
		t.Errorf("%s: sent %d times", name, len(sent))
	}
	mustPush(t, m, next)
	if v := m.Violations(); len(v) > 0 {
		t.Errorf("%s: %v", name, v)
	}
	return m
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
	for i := range len(story) - 1 {
		alone := &sleeper{Memory: before.Clone()}
		mustPush(t, alone, story[i])
		for newest := i + 1; newest < len(story); newest++ {
			for at := range alone.calls {
				name := fmt.Sprintf("push %d slept before call %d until push %d was done", i, at+1, newest)
				if n := pushLate(t, name, &sleeper{Memory: before.Clone(), at: at + 1}, story[i:newest+1]); n > 0 {
					t.Errorf("%s: %d calls undid what is newer", name, n)
				}
				n := pushLate(t, name, &sleeper{Memory: before.Clone(), at: at + 1, killed: true}, story[i:newest+1])
				if late += n; n > 1 {
					t.Errorf("%s, and was killed: %d calls undid what is newer", name, n)
				}
			}
		}
		before = alone.Memory
	}
	if late == 0 {
		t.Error("no push came too late: the test does not test")
	}
}

// pushLate pushes the first goal, and while that sleeps the others.
func pushLate(t *testing.T, name string, s *sleeper, goals []layout.Pushed) (undone int) {
	t.Helper()
	older, newest := goals[0], goals[len(goals)-1]
	s.asleep = func() {
		for _, goal := range goals[1:] {
			mustPush(t, s.Memory, goal)
		}
	}
	_, err := pushWebsite(t.Context(), s, 1, older)
	if s.killed {
		mustPush(t, s.Memory, newest)
	} else if err != nil && !errors.Is(err, redirects.ErrOlder) {
		t.Errorf("%s: %v", name, err)
	}
	if sum := older.Website.Digest(); sum != newest.Website.Digest() && slices.Contains(s.late, sum) {
		t.Errorf("%s, woke up, and made another call before it put the older configuration in force", name)
	}
	return checkLate(t, s.Memory, older, newest)
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

// TestPushWebsiteRequests counts what one more checkpoint costs, as
// docs/serving.md says it, and what nothing new does.
func TestPushWebsiteRequests(t *testing.T) {
	t.Parallel()
	s := &sleeper{Memory: &storetest.Memory{}}
	mustPush(t, s, s3Goal(t, noons("a", 5)))
	for _, want := range []struct{ count, requests int }{{6, 7}, {6, 2}} {
		s.calls = 0
		mustPush(t, s, s3Goal(t, noons("a", want.count)))
		if s.calls != want.requests {
			t.Errorf("%d requests, want %d", s.calls, want.requests)
		}
	}
}
