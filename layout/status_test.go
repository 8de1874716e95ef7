package layout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func TestStatusAfter(t *testing.T) {
	t.Parallel()
	const one, two, three layout.Stamp = "20250318T140338Z", "20250318T150338Z", "20250318T160338Z"
	table := layout.NewTable(layout.Settings{Repository: "r", BasePath: "b"})
	table.Log.Entries, table.FinalUntil = 2, two
	table.Checkpoints = []layout.Checkpoint{{ID: one, Committed: two}}
	well := layout.Status{}.Row("r", "b").After(layout.Outcome{Table: table, Time: two})
	facts := layout.RepositoryStatus{Name: "r", BasePath: "b", Entries: 2, Checkpoints: 1, Newest: one, LastChange: two, FinalUntil: two}
	with := func(change func(*layout.RepositoryStatus)) layout.RepositoryStatus {
		r := facts
		r.LastRun, r.LastSuccess = two, two
		change(&r)
		return r
	}
	for _, tc := range []struct {
		name      string
		got, want layout.RepositoryStatus
	}{
		{"the first run", well, with(func(*layout.RepositoryStatus) {})},
		{"one that fails before it knows anything", well.After(layout.Outcome{Time: three, Error: "no"}),
			with(func(r *layout.RepositoryStatus) {
				r.LastRun, r.Lag, r.Failures, r.FailingSince, r.LastError = three, 3600, 1, three, "no"
			})},
		{"the next one", well.After(layout.Outcome{Time: three, Error: "no"}).After(layout.Outcome{Time: "20250318T160438Z", Error: "yet"}),
			with(func(r *layout.RepositoryStatus) {
				r.LastRun, r.Lag, r.Failures, r.FailingSince, r.LastError = "20250318T160438Z", 3660, 2, three, "yet"
			})},
		{"one that recovers", well.After(layout.Outcome{Time: three, Error: "no"}).After(layout.Outcome{Table: table, Time: three}),
			with(func(r *layout.RepositoryStatus) { r.LastRun, r.LastSuccess = three, three })},
		{"a failure of a run that slept is no news", well.After(layout.Outcome{Time: one, Error: "late"}), well},
		{"what has never been well lags from its first failure",
			layout.RepositoryStatus{Name: "r"}.After(layout.Outcome{Time: one, Error: "a"}).After(layout.Outcome{Time: two, Error: "b"}),
			layout.RepositoryStatus{Name: "r", LastRun: two, Lag: 3600, Failures: 2, FailingSince: one, LastError: "b"}},
		{"an older table says nothing", well.After(layout.Outcome{Table: layout.NewTable(layout.Settings{Repository: "r"}), Time: three}),
			with(func(r *layout.RepositoryStatus) { r.LastRun, r.LastSuccess = three, three })},
	} {
		if d := cmp.Diff(tc.want, tc.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
	if again := well.After(layout.Outcome{Table: table, Time: three}); again.Tells(well) {
		t.Error("that another run took place is told")
	}
	for name, o := range map[string]layout.Outcome{
		"a failure": {Table: table, Time: three, Error: "no"},
		"a record":  {Table: layout.Table{Repository: "r", Log: layout.Head{Entries: 3}}, Time: three},
	} {
		if !well.After(o).Tells(well) {
			t.Errorf("%s is not told", name)
		}
	}
}

func TestStatusCoding(t *testing.T) {
	t.Parallel()
	var s layout.Status
	for _, name := range []string{"b", "c", "a", "b"} {
		s = s.With(layout.RepositoryStatus{Name: name, BasePath: name, Failures: 1})
	}
	body, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := layout.DecodeStatus(body)
	if err != nil || len(got.Repositories) != 3 || got.Row("b", "b").Failures != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if row := got.Row("b", "elsewhere"); row.Failures != 0 {
		t.Errorf("the row of another base path: %+v", row)
	}
	for _, wrong := range []string{
		"", "[]", `{"version": 2}`,
		`{"version": 1, "repositories": [{"name": "b"}, {"name": "a"}]}`,
		`{"version": 1, "updated": "yesterday"}`,
	} {
		if _, err := layout.DecodeStatus([]byte(wrong)); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}
