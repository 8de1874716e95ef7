package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/redirects"
)

// A livePast is a site that runs, and a history of which it has a part.
type livePast struct {
	pastSite
	states []pastState
	from   string
}

// newLivePast publishes every fifth of the states by runs.
func newLivePast(t testing.TB, n int) livePast {
	l := livePast{states: pastHistory(n)}
	live := t.TempDir()
	l.pastSite = newPastSite(t, live, fileType("mirror"))
	for i, s := range l.states {
		if i%5 == 4 {
			s.write(t, live)
			l.want(exitDone, s.id, "--quiet", "run")
		}
	}
	l.from = dirOf(dated(t, l.states))
	return l
}

func (s pastSite) table() layout.Table {
	s.t.Helper()
	body, err := os.ReadFile(filepath.Join(s.dir, "site", "checkpoints", "myfile", "checkpoints.json"))
	must(s.t, err)
	table, err := layout.DecodeTable(body)
	must(s.t, err)
	return table
}

func (s pastSite) ids() (ids []string) {
	for _, c := range s.table().Checkpoints {
		ids = append(ids, string(c.ID))
	}
	return ids
}

// saidLines are the lines of --json, of states and of spans.
func saidLines(t testing.TB, out string) (states []stateReport, spans []spanReport) {
	t.Helper()
	for scan := bufio.NewScanner(strings.NewReader(out)); scan.Scan(); {
		var is struct {
			State *string
			From  *string
		}
		must(t, json.Unmarshal(scan.Bytes(), &is))
		if is.From != nil {
			var r spanReport
			must(t, json.Unmarshal(scan.Bytes(), &r))
			spans = append(spans, r)
			continue
		}
		var r stateReport
		must(t, json.Unmarshal(scan.Bytes(), &r))
		states = append(states, r)
	}
	return states, spans
}

// TestBackfill_live fills in before, between, and refuses after the newest
// checkpoint; what it prints is what changes.
func TestBackfill_live(t *testing.T) {
	t.Parallel()
	l := newLivePast(t, 23)
	before := l.table()
	dry, drySpans := saidLines(t, l.want(exitSome, pastNow, "--quiet", "backfill", "--dry-run", "--json", "--from", l.from, "myfile"))
	if diff := cmp.Diff(before, l.table()); diff != "" {
		t.Errorf("a dry run changes the table: %s", diff)
	}
	states, spans := saidLines(t, l.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", l.from, "myfile"))
	after := l.table()
	if diff := cmp.Diff(drySpans, spans); diff != "" {
		t.Errorf("what a dry run says of spans (-dry +real):\n%s", diff)
	}
	if diff := cmp.Diff(results(dry), results(states)); diff != "" {
		t.Errorf("what a dry run says of states (-dry +real):\n%s", diff)
	}
	var want []string
	for i, s := range l.states {
		if i < 20 && i%7 != 6 || i == 19 {
			want = append(want, string(s.id))
		}
	}
	if diff := cmp.Diff(want, l.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	l.spansAreRight(before, after, spans)
	l.rulesAreNew()
	l.want(exitDone, pastNow, "verify", "--deep", "myfile")
	if table := l.table(); table.Newest() != l.states[19].id || table.Channels["canary"] != l.states[19].id {
		t.Errorf("the newest checkpoint became %s, canary %s", table.Newest(), table.Channels["canary"])
	}
	// All is there: nothing is read, nothing changes.
	all := l.bytes()
	if out := l.want(exitDone, pastNow, "backfill", "--until", string(l.states[19].id), "--from", l.from, "myfile"); !strings.Contains(out, " 0 published,") {
		t.Errorf("a second backfill says %q", out)
	}
	if d := differ(l.bytes(), all); d != "" {
		t.Errorf("a second backfill changes %s", d)
	}
	// What runs go on with is the newest.
	l.states[21].write(t, l.live)
	l.want(exitDone, pastNow, "run")
	l.want(exitDone, pastNow, "verify", "--deep", "myfile")
}

// results are states and what became of them; what a dry run can't know is
// left out.
func results(states []stateReport) (all []string) {
	for _, s := range states {
		all = append(all, fmt.Sprintf("%s %s %s %d %d", s.State, s.Result, s.Reason, s.Files, s.Bytes))
	}
	return all
}

// spansAreRight asks both tables for every hour and every edge of a span.
func (l livePast) spansAreRight(before, after layout.Table, spans []spanReport) {
	l.t.Helper()
	old, fresh := redirects.New([]layout.Table{before}), redirects.New([]layout.Table{after})
	changed := 0
	for _, m := range momentsOf(l.states, spans) {
		path := "/checkpoints/myfile/" + string(m) + "/x"
		was, is := old.Resolve(path, ""), fresh.Resolve(path, "")
		at := slices.IndexFunc(spans, func(s spanReport) bool { return s.From <= m && m <= s.Until })
		if leadsTo(was, m) == leadsTo(is, m) {
			if at >= 0 {
				l.t.Errorf("%s: %+v is printed, and the answer is %+v as before", m, spans[at], is)
			}
			continue
		}
		changed++
		if at < 0 {
			l.t.Errorf("%s: the answer was %+v, is %+v, and nothing is printed", m, was, is)
		} else if s := spans[at]; s.Was != leadsTo(was, m) || s.Is != leadsTo(is, m) || s.Was301 != (was.Status == 301) {
			l.t.Errorf("%s: %+v is printed, the answer was %+v, is %+v", m, s, was, is)
		}
	}
	if changed == 0 {
		l.t.Error("no answer changed")
	}
}

// leadsTo is the checkpoint that an answer leads to, or none.
func leadsTo(a redirects.Answer, m layout.Stamp) layout.Stamp {
	switch a.Status {
	case 200:
		return m
	case 404:
		return ""
	}
	return layout.Stamp(strings.Split(a.Location, "/")[3])
}

func momentsOf(states []pastState, spans []spanReport) (all []layout.Stamp) {
	for _, s := range states {
		for h := -24 * 3600; h <= 24*3600; h += 3600 {
			all = append(all, layout.StampOf(s.id.Time().Add(time.Duration(h)*time.Second)))
		}
	}
	for _, s := range spans {
		all = append(all, s.From, s.Until, before(s.From), s.Until.Next())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// rulesAreNew wants the rules on disk to be those of the table.
func (l livePast) rulesAreNew() {
	l.t.Helper()
	out := l.t.TempDir()
	l.want(exitDone, pastNow, "redirects", "render", "--target", "json", "--table", filepath.Join(l.dir, "site", "checkpoints", "myfile", "checkpoints.json"), "--out", out)
	got, err := readTree(filepath.Join(l.dir, "redirects"))
	must(l.t, err)
	want, err := readTree(out)
	must(l.t, err)
	if d := differ(got, want); d != "" {
		l.t.Error(d)
	}
}
