package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
	reposync "datestone/sync"
)

// What became of a state.
const (
	resultPublished = "published"
	resultEqual     = "equal"   // to the checkpoint before it
	resultThere     = "there"   // is a checkpoint already
	resultDone      = "done"    // dealt with before the interruption
	resultSkipped   = "skipped" // for the reason given
)

// A stateReport is what became of one state: a line of --json, and its contract.
type stateReport struct {
	Repository   string       `json:"repository"`
	State        layout.Stamp `json:"state"`  // its time, which is its ID; null where that can't be told
	Source       string       `json:"source"` // where it was read
	Result       string       `json:"result"` // published, equal, there, done or skipped
	Reason       string       `json:"reason,omitempty"`
	Files        int          `json:"files"`
	Bytes        int64        `json:"bytes"`
	Fetched      int          `json:"fetched"` // files
	FetchedBytes int64        `json:"fetched_bytes"`
	Linked       int          `json:"linked"` // files
	// unreachable says that it was skipped because the source did not answer.
	unreachable bool
}

func (r stateReport) is(result string) stateReport {
	r.Result = result
	return r
}

func (r stateReport) skipped(why string) stateReport {
	r.Reason = why
	return r.is(resultSkipped)
}

// failed is skipped for an error of the source.
func (r stateReport) failed(err error) stateReport {
	r.unreachable = reposync.Unreachable(err) || errors.Is(err, publish.ErrTemporary) || errors.Is(err, publish.ErrSlowDown)
	return r.skipped(err.Error())
}

func (r stateReport) published(c layout.Claim, did report) stateReport {
	r.Files, r.Bytes = c.List.Files, c.List.Bytes
	r.Fetched, r.FetchedBytes, r.Linked = did.Fetched, did.FetchedBytes, did.Linked
	return r.is(resultPublished)
}

// String is the line for people.
func (r stateReport) String() string {
	switch r.Result {
	case resultPublished:
		if r.Fetched+r.Linked == 0 && r.Files > 0 { // not known, or not done
			return fmt.Sprintf("published, %s, %s", count(r.Files, "file"), layout.HumanSize(r.Bytes))
		}
		return fmt.Sprintf("published, %s, %s (%d fetched, %s; %d linked)",
			count(r.Files, "file"), layout.HumanSize(r.Bytes), r.Fetched, layout.HumanSize(r.FetchedBytes), r.Linked)
	case resultEqual:
		return "equals the checkpoint before it"
	case resultThere:
		return "is a checkpoint already"
	case resultDone:
		return "was dealt with before"
	}
	return "skipped: " + r.Reason
}

// A spanReport is a stretch of time, both ends included, whose answer changes:
// a line of --json, and its contract.
type spanReport struct {
	Repository string       `json:"repository"`
	From       layout.Stamp `json:"from"`
	Until      layout.Stamp `json:"until"`
	Was        layout.Stamp `json:"was"` // the checkpoint it led to; null for 404
	// Was301 says that the answer was a 301, which caches may keep.
	Was301 bool         `json:"was_301"`
	Is     layout.Stamp `json:"is"`
}

func newSpanReport(repository string, c redirects.Change) spanReport {
	return spanReport{Repository: repository, From: c.From, Until: c.Until, Was: c.Was, Was301: c.WasFinal && c.Was != "", Is: c.Is}
}

func (r spanReport) String() string {
	was := "404"
	switch {
	case r.Was301:
		was = fmt.Sprintf("%s by 301, which caches may keep", r.Was)
	case r.Was != "":
		was = fmt.Sprintf("%s by 302", r.Was)
	}
	until := " to " + string(r.Until)
	if r.Until.Next() == r.Until { // the end of the calendar
		until = " on"
	}
	return fmt.Sprintf("%s%s: %s, before: %s", r.From, until, cmp.Or(r.Is, "404"), was)
}

// A backfillTalk tells what a backfill does: states on the screen, a line each,
// and what is asked for afterwards (spans, what was skipped) as data.
type backfillTalk struct {
	*env
	repository string
	json, dry  bool
	began      layout.Table // as it was before
	spoken     layout.Stamp // up to which the spans are printed
	skipped    []stateReport
	counts     map[string]int
	total      int // of states
	work       int // of states that have to be read
	start      time.Time
	silent     int // states in a row that nobody answered for
}

func (t *backfillTalk) begin(plan []planned, now time.Time) {
	t.counts, t.total, t.start = map[string]int{}, len(plan), now
	for _, s := range plan {
		if s.toRead() {
			t.work++
		}
	}
}

// known reports what became of a state that need not be read, or could not.
func (p planned) known(repository string, readErr error) (r stateReport, ok bool) {
	r = stateReport{Repository: repository, State: p.ID, Source: p.Place}
	switch {
	case p.there:
		return r.is(resultThere), true
	case p.done:
		return r.is(resultDone), true
	case p.why != "":
		return r.skipped(p.why), true
	case readErr != nil:
		return r.failed(readErr), true
	}
	return r, false
}

// toRead reports whether the metadata of a state has to be read.
func (p planned) toRead() bool { return !p.there && !p.done && p.why == "" }

// state tells what became of a state.
func (t *backfillTalk) state(r stateReport, s planned) error {
	t.counts[r.Result]++
	if s.toRead() {
		t.counts["read"]++
	}
	if r.Result == resultSkipped {
		t.skipped = append(t.skipped, r)
	}
	switch {
	case r.unreachable:
		t.silent++
	case s.toRead():
		t.silent = 0
	}
	if r.Result == resultThere || r.Result == resultDone {
		return nil
	}
	if !t.Quiet && t.LogFormat != "json" {
		would := ""
		if t.dry && r.Result == resultPublished {
			would = "would be "
		}
		fmt.Fprintf(t.screen(), "datestone: %s %s (%d of %d%s): %s%s\n", t.repository, s.name(), t.number(), t.total, t.rest(time.Now()), would, r)
	}
	if t.json {
		return printJSON(t.Stdout, r)
	}
	return nil
}

// name is what people know a state by.
func (p planned) name() string {
	if p.ID == "" {
		return p.Place
	}
	return string(p.ID)
}

// named is what people find a state by.
func (p planned) named() string {
	if p.ID == "" {
		return p.Place
	}
	return fmt.Sprintf("state %s of %s", p.ID, p.Place)
}

func (t *backfillTalk) number() (n int) {
	for _, result := range []string{resultPublished, resultEqual, resultThere, resultDone, resultSkipped} {
		n += t.counts[result]
	}
	return n
}

// rest estimates how long the states take that are still to be read.
func (t *backfillTalk) rest(now time.Time) string {
	done := t.counts["read"]
	if done == 0 || done >= t.work {
		return ""
	}
	left := time.Duration(float64(now.Sub(t.start)) / float64(done) * float64(t.work-done))
	if left < time.Second {
		return ""
	}
	return fmt.Sprintf(", about %s left", left.Round(time.Second))
}

// spans prints the stretches of time whose answer changes, of the table as it
// is now, and that won't change again: those before the newest state dealt
// with, or all of them, when no more states come.
func (t *backfillTalk) spans(now layout.Table, done layout.Stamp, all bool) error {
	for _, c := range redirects.Changes(t.began, now) {
		if !all {
			c.Until = min(c.Until, before(done))
		}
		if c.From = max(c.From, t.spoken); c.From > c.Until {
			continue
		}
		r := newSpanReport(t.repository, c)
		if err := t.print(r, r.String()); err != nil {
			return err
		}
	}
	if t.spoken = done; all {
		t.began = clone(now) // what was printed is not printed again
	}
	return nil
}

func before(id layout.Stamp) layout.Stamp {
	if id == "" {
		return ""
	}
	return layout.StampOf(id.Time().Add(-time.Second))
}

func (t *backfillTalk) print(data any, line string) (err error) {
	switch {
	case t.json:
		err = printJSON(t.Stdout, data)
	case !t.Quiet:
		_, err = fmt.Fprintf(t.Stdout, "%s: %s\n", t.repository, line)
	}
	return err
}

// verdict tells what all came to, and lists what was skipped.
func (t *backfillTalk) verdict() error {
	if !t.json && !t.Quiet {
		did := "published"
		if t.dry {
			did = "to be published"
		}
		_, err := fmt.Fprintf(t.Stdout, "%s: %d %s, %d equal to the checkpoint before, %d there already, %d skipped\n", t.repository,
			t.counts[resultPublished], did, t.counts[resultEqual], t.counts[resultThere], len(t.skipped))
		if err != nil {
			return err
		}
	}
	if len(t.skipped) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s of %d could not be taken:", count(len(t.skipped), "state"), t.total)
	for _, r := range t.skipped {
		name := string(r.State)
		if name == "" {
			name = "no time"
		}
		text += fmt.Sprintf("\n  %s, %s: %s", name, r.Source, r.Reason)
	}
	return withCode(exitSome, fmt.Errorf("%s", text))
}
