package redirects_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"

	"github.com/google/go-cmp/cmp"
)

// noons is a table of checkpoints at the noon of so many days on end, from
// which as many midnights but one have a final answer.
func noons(base string, count int) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: base, BasePath: base, PublicPath: "/"})
	for i := range count {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: layout.StampOf(time.Date(2024, 1, 1+i, 12, 0, 0, 0, time.UTC))})
	}
	t.FinalUntil, t.Log.Entries = t.Newest(), count
	return t
}

func s3Goal(t testing.TB, tables ...layout.Table) layout.Pushed {
	t.Helper()
	return s3GoalOf(t, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/"})
}

func s3GoalOf(t testing.TB, in redirects.Input) layout.Pushed {
	t.Helper()
	goal, err := in.S3Goal()
	if err != nil {
		t.Fatal(err)
	}
	return goal
}

// standing is a bucket to which goal was pushed, and nothing before.
func standing(goal layout.Pushed) layout.WebsiteState {
	goal.Version = 1
	return layout.WebsiteState{Pushed: goal, Website: &goal.Website}
}

// An s3DiffCase says what is sent on the way from one state to another.
type s3DiffCase struct {
	have, want  layout.WebsiteState // want: where it ends
	set, remove []string            // the pages of which days
	website     bool
	records     int
}

func s3DiffCases(t *testing.T) map[string]s3DiffCase {
	five, six := noons("a", 5), noons("a", 6)
	filled := noons("a", 5) // a past state was filled in on the evening of the second day
	filled.Checkpoints = slices.Insert(filled.Checkpoints, 2, layout.Checkpoint{ID: "20240102T180000Z"})
	filled.Log.Entries++
	pruned := noons("a", 5)
	pruned.Checkpoints, pruned.Gone = pruned.Checkpoints[2:], []layout.Span{{From: "20240101T120000Z", Until: "20240103T115959Z"}}
	pruned.Log.Entries++
	seen := five
	seen.FinalUntil, seen.Log.Entries = "20240105T130000Z", 6
	at := func(tables ...layout.Table) layout.WebsiteState { return standing(s3Goal(t, tables...)) }
	return map[string]s3DiffCase{
		"nothing was ever pushed": {layout.WebsiteState{}, at(five), []string{"a/20240102", "a/20240103", "a/20240104", "a/20240105"}, nil, true, 2},
		"nothing is new":          {at(five), at(five), nil, nil, false, 0},
		"one more checkpoint":     {at(five), at(six), []string{"a/20240106"}, nil, true, 2},
		"a past state comes":      {at(five), at(filled), []string{"a/20240103"}, nil, true, 2},
		"two are pruned":          {at(five), at(pruned), nil, []string{"a/20240102", "a/20240103"}, true, 2},
		"only final_until":        {at(five), at(seen), nil, nil, false, 1},
		"another repository":      {at(five), at(five, noons("b", 2)), []string{"b/20240102"}, nil, true, 2},
		"a repository goes":       {at(five, noons("b", 2)), at(five), nil, []string{"b/20240102"}, true, 2},
		"someone took it away":    {layout.WebsiteState{Pushed: at(five).Pushed}, at(five), nil, nil, true, 0},
	}
}

// TestDiffS3 wants exactly what differs to be sent.
func TestDiffS3(t *testing.T) {
	t.Parallel()
	for name, c := range s3DiffCases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := redirects.DiffS3(c.have, c.want.Pushed)
			if err != nil {
				t.Fatal(err)
			}
			var set, remove []string
			for _, r := range plan.Set {
				set = append(set, strings.TrimSuffix(r.Key, "/index.html"))
			}
			for _, key := range plan.Remove {
				remove = append(remove, strings.TrimSuffix(key, "/index.html"))
			}
			if diff := cmp.Diff(c.set, set) + cmp.Diff(c.remove, remove); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			records := 0
			for _, r := range []*layout.Pushed{plan.Begin, plan.Done} {
				if r != nil {
					records++
				}
			}
			if (plan.Website != nil) != c.website || records != c.records || plan.Empty() != (records == 0 && !c.website) {
				t.Errorf("configuration sent: %t, %d records, empty: %t; want %t, %d", plan.Website != nil, records, plan.Empty(), c.website, c.records)
			}
		})
	}
}

// TestDiffS3Remembers wants no repository to come back older than it went, and
// a configuration to be sent where what was read of it may be from before the
// record.
func TestDiffS3Remembers(t *testing.T) {
	t.Parallel()
	both, alone := s3Goal(t, noons("a", 5), noons("b", 5)), s3Goal(t, noons("a", 6))
	gone, err := redirects.DiffS3(standing(both), alone)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := redirects.DiffS3(layout.WebsiteState{Pushed: *gone.Done}, s3Goal(t, noons("a", 6), noons("b", 4))); !errors.Is(err, redirects.ErrOlder) {
		t.Errorf("back, and older: %v", err)
	}
	early := layout.WebsiteState{Pushed: standing(both).Pushed, Website: &alone.Website}
	if plan, err := redirects.DiffS3(early, alone); err != nil || plan.Website == nil {
		t.Errorf("the record says another configuration, and it is not sent: %v", err)
	}
}

// s3Applied is what stands after a part of a plan.
type s3Applied struct {
	state   layout.WebsiteState
	objects map[string]string
}

// steps returns what stands after each step of a plan.
func (s s3Applied) steps(plan layout.WebsitePlan) (all []s3Applied) {
	step := func(do func(*s3Applied)) {
		s.objects = maps.Clone(s.objects)
		do(&s)
		all = append(all, s)
	}
	if plan.Begin != nil {
		step(func(s *s3Applied) { s.state.Pushed = *plan.Begin })
	}
	for _, r := range plan.Set {
		step(func(s *s3Applied) { s.objects[r.Key] = r.Location })
	}
	if plan.Website != nil {
		step(func(s *s3Applied) { s.state.Website = plan.Website })
	}
	for _, key := range plan.Remove {
		step(func(s *s3Applied) { delete(s.objects, key) })
	}
	if plan.Done != nil {
		step(func(s *s3Applied) { s.state.Pushed = *plan.Done })
	}
	return all
}

// TestDiffS3GoesOn cuts pushes off after each step, goes on with the same and
// with newer tables, and wants the end to be what it would have been; older
// tables are refused from the first step on.
func TestDiffS3GoesOn(t *testing.T) {
	t.Parallel()
	pruned := noons("a", 7)
	pruned.Checkpoints, pruned.Gone = pruned.Checkpoints[3:], []layout.Span{{From: "20240101T120000Z", Until: "20240104T115959Z"}}
	pruned.Log.Entries++
	old, mid, end := s3Goal(t, noons("a", 5), noons("b", 3)), s3Goal(t, noons("a", 7)), s3Goal(t, pruned)
	finish := func(from s3Applied, want layout.Pushed) s3Applied {
		plan, err := redirects.DiffS3(from.state, want)
		if err != nil {
			t.Fatal(err)
		}
		for _, from = range from.steps(plan) {
		}
		return from
	}
	start := finish(s3Applied{objects: map[string]string{}}, old)
	plan, err := redirects.DiffS3(start.state, mid)
	if err != nil {
		t.Fatal(err)
	}
	for i, cut := range start.steps(plan) {
		if _, err := redirects.DiffS3(cut.state, old); !errors.Is(err, redirects.ErrOlder) || !strings.Contains(err.Error(), "/a: log entry 7 is in force, the table here has 5") {
			t.Errorf("step %d: older tables: %v", i, err)
		}
		for _, want := range []layout.Pushed{mid, end} {
			got := finish(cut, want)
			if diff := cmp.Diff(want.Redirections, got.objects); diff != "" || got.state.Website.Digest() != want.Website.Digest() || len(got.state.Pushed.Unsure) > 0 {
				t.Errorf("step %d: unsure of %d, (-want +got):\n%s", i, len(got.state.Pushed.Unsure), diff)
			}
			if again, err := redirects.DiffS3(got.state, want); err != nil || !again.Empty() {
				t.Errorf("step %d: sends again: %+v, %v", i, again, err)
			}
		}
	}
}

// TestDiffS3IsNeverHalfInForce asks an interpreter of routing rules after each
// step of a push, with the content of both times in the bucket, and wants what
// was answered before or what will be answered afterwards.
func TestDiffS3IsNeverHalfInForce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(59, 60))
	all := noons("a", 9)
	pruned := noons("a", 8)
	pruned.Checkpoints, pruned.Gone = pruned.Checkpoints[3:], []layout.Span{{From: "20240101T120000Z", Until: "20240104T115959Z"}}
	resolved := s3GoalOf(t, redirects.Input{Tables: []layout.Table{noons("a", 8)}, PublicURL: "https://snapshots.example.org/", Resolver: "edge.example.org"})
	targets := plain(randomTargets(rng, []layout.Table{all}, 3000))
	for name, c := range map[string][2]layout.Pushed{
		"more checkpoints": {s3Goal(t, noons("a", 5)), s3Goal(t, all)}, "pruned": {s3Goal(t, noons("a", 8)), s3Goal(t, pruned)},
		"a resolver comes": {s3Goal(t, noons("a", 8)), resolved}, "a resolver goes": {resolved, s3Goal(t, all)},
	} {
		at := func(w *layout.Website, objects map[string]string) s3Interpreter {
			return s3Interpreter{&s3Site{tables: []layout.Table{all}, website: *w, objects: objects}}
		}
		have := standing(c[0])
		plan, err := redirects.DiffS3(have, c[1])
		if err != nil {
			t.Fatal(err)
		}
		before, after := at(&c[0].Website, c[0].Redirections), at(&c[1].Website, c[1].Redirections)
		for i, step := range (s3Applied{state: have, objects: c[0].Redirections}).steps(plan) {
			now := at(step.state.Website, step.objects)
			for _, target := range targets {
				if got := now.said(target); got != before.said(target) && got != after.said(target) {
					t.Fatalf("%s, step %d: %s is answered %s, before %s, afterwards %s", name, i, target, got, before.said(target), after.said(target))
				}
			}
		}
	}
}

func (s s3Interpreter) said(target string) string {
	status, location := s.answer(target)
	return fmt.Sprint(status, " ", location)
}

// TestDiffS3LeavesOthersAlone holds configurations that someone else made, or
// may have made, against what is to be pushed.
func TestDiffS3LeavesOthersAlone(t *testing.T) {
	t.Parallel()
	goal := s3Goal(t, noons("a", 5))
	other := layout.Website{IndexDocument: "index.html", RoutingRules: []layout.RoutingRule{{Redirect: layout.RoutingRedirect{HostName: "else.example.org"}}}}
	page := goal.Website
	page.Others = []string{"ErrorDocument"}
	before := s3Goal(t, noons("a", 4)).Website
	pushed := standing(goal).Pushed
	replaced := pushed
	replaced.Earlier = []layout.Digest{before.Digest()}
	for name, c := range map[string]struct {
		have layout.WebsiteState
		said string
	}{
		"rules of someone else":                      {layout.WebsiteState{Website: &other}, "it has 1 routing rules: "},
		"the same later":                             {layout.WebsiteState{Website: &other, Pushed: pushed}, "it has 1 routing rules: "},
		"ours, and an error document":                {layout.WebsiteState{Website: &page, Pushed: pushed}, "ErrorDocument: "},
		"another index document":                     {layout.WebsiteState{Website: &layout.Website{IndexDocument: "home.html"}}, "it has 0 routing rules: "},
		"only our index document":                    {layout.WebsiteState{Website: &layout.Website{IndexDocument: "index.html"}}, ""},
		"put by hand, as it would be here":           {layout.WebsiteState{Website: &goal.Website}, ""},
		"one from before":                            {layout.WebsiteState{Website: &before, Pushed: replaced}, ""},
		"one from before, of which nothing is known": {layout.WebsiteState{Website: &before, Pushed: pushed}, "routing rules: "},
		"told to take it":                            {layout.WebsiteState{Website: &other}.Adopt(), ""},
	} {
		plan, err := redirects.DiffS3(c.have, goal)
		if errors.Is(err, redirects.ErrForeign) != (c.said != "") || err != nil && !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s: got %v, want %q", name, err, c.said)
		}
		if c.said == "" && plan.Begin != nil {
			if _, err := redirects.DiffS3(layout.WebsiteState{Pushed: *plan.Begin, Website: c.have.Website}, goal); err != nil {
				t.Errorf("%s: cut off after the record: %v", name, err)
			}
		}
	}
}

func ExampleDiffS3() {
	have := layout.WebsiteState{Pushed: layout.Pushed{Version: 1, Log: map[string]int{"/debian": 1}}}
	want := layout.Pushed{Log: map[string]int{"/debian": 2}, Website: layout.Website{IndexDocument: "index.html"},
		Redirections: map[string]string{"debian/20250319/index.html": "/debian/20250318T140442Z/"}}
	plan, err := redirects.DiffS3(have, want)
	fmt.Println(plan.Begin.Unsure, plan.Set[0].Location, plan.Website.IndexDocument, plan.Done.Unsure, err)
	// Output: [debian/20250319/index.html] /debian/20250318T140442Z/ index.html [] <nil>
}
