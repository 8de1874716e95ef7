package layout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Keep is a policy of retention, with the meaning of restic's "forget": Last
// keeps the newest n checkpoints; Daily keeps the newest checkpoint of each of
// the newest n days that have one, and the others do so for their periods. A
// policy that has counted fewer than n when it comes to the oldest checkpoint
// keeps that one too, so that the history does not shrink while it grows up.
// What any of them keeps is kept. Periods are those of the ID, in UTC; weeks
// are those of ISO 8601, from Monday on.
type Keep struct {
	// A count of 0 keeps nothing, KeepAll everything that it would count.
	Last, Hourly, Daily, Weekly, Monthly, Yearly int
	// Within keeps what is younger than the newest checkpoint by less than it.
	Within Age
}

// KeepAll is a count without end.
const KeepAll = -1

// Holds are what keeps checkpoints whatever the policy says.
type Holds struct {
	Now Stamp
	// Locked is how long after its commit a checkpoint can't be deleted,
	// because the store retains it; 0 for not at all.
	Locked time.Duration
}

// A Kept is a checkpoint that stays, and why: at least one reason.
type Kept struct {
	ID      Stamp    `json:"id"`
	Reasons []string `json:"reasons"`
}

// IsZero reports whether k is no policy, which prunes nothing.
func (k Keep) IsZero() bool { return k == Keep{} }

// OnlyLocked reports that nothing but the store's lock keeps the checkpoint, and
// until when.
func (k Kept) OnlyLocked() (until Stamp, ok bool) {
	if len(k.Reasons) != 1 {
		return "", false
	}
	text, ok := strings.CutPrefix(k.Reasons[0], lockedUntil)
	return Stamp(text), ok
}

// lockedUntil begins the reason that is a lock.
const lockedUntil = "locked until "

// Apply says which checkpoints of the table stay, and which a Prune record is
// to name; both ascend. Without regard to the policy stay: the newest, what a
// channel leads to now or will as soon as its time has come, what is younger
// than the longest delay of a channel, what is pinned, and what is locked.
func (k Keep) Apply(t Table, s Settings, h Holds) (kept []Kept, pruned []Stamp) {
	held := t.held(s, h)
	wanted := k.wanted(t.Checkpoints)
	for i, c := range t.Checkpoints {
		reasons := append(held(c), wanted[i]...)
		if k.IsZero() {
			reasons = append(reasons, "no policy")
		}
		if len(reasons) == 0 {
			pruned = append(pruned, c.ID)
			continue
		}
		kept = append(kept, Kept{c.ID, reasons})
	}
	return kept, pruned
}

// A period is a kind of stretch of time of which one checkpoint each is kept.
type period struct {
	name  string
	count int
	of    func(Stamp) string // names the stretch that an ID lies in
}

func (k Keep) periods() []period {
	return []period{
		{"last", k.Last, func(id Stamp) string { return string(id) }},
		{"hourly", k.Hourly, func(id Stamp) string { return string(id[:len("20060102T15")]) }},
		{"daily", k.Daily, func(id Stamp) string { return string(id[:len("20060102")]) }},
		{"weekly", k.Weekly, func(id Stamp) string {
			year, week := id.Time().ISOWeek()
			return fmt.Sprint(year, week)
		}},
		{"monthly", k.Monthly, func(id Stamp) string { return string(id[:len("200601")]) }},
		{"yearly", k.Yearly, func(id Stamp) string { return string(id[:len("2006")]) }},
	}
}

// wanted returns why the policy keeps each of the checkpoints.
func (k Keep) wanted(checkpoints []Checkpoint) [][]string {
	reasons := make([][]string, len(checkpoints))
	if len(checkpoints) == 0 {
		return reasons
	}
	for _, p := range k.periods() {
		p.mark(checkpoints, reasons)
	}
	if k.Within == (Age{}) {
		return reasons
	}
	after := k.Within.Before(checkpoints[len(checkpoints)-1].ID)
	for i, c := range checkpoints {
		if c.ID > after {
			reasons[i] = append(reasons[i], "within "+k.Within.String())
		}
	}
	return reasons
}

// mark goes back from the newest, as long as the count lasts.
func (p period) mark(checkpoints []Checkpoint, reasons [][]string) {
	left, last := p.count, ""
	for i, c := range slices.Backward(checkpoints) {
		if left == 0 {
			return
		}
		this := p.of(c.ID)
		switch {
		case this != last:
			reasons[i] = append(reasons[i], p.name)
			left--
		case i == 0:
			reasons[i] = append(reasons[i], "oldest "+p.name)
		}
		last = this
	}
}

// held returns what says why a checkpoint stays without regard to the policy.
func (t *Table) held(s Settings, h Holds) func(Checkpoint) []string {
	leads := t.leads(s, h.Now)
	longest := s.slowest()
	return func(c Checkpoint) []string {
		var reasons []string
		if c.ID == t.Newest() {
			reasons = append(reasons, "newest")
		}
		for _, name := range leads[c.ID] {
			reasons = append(reasons, "channel "+name)
		}
		committed := cmp.Or(c.Committed, c.ID).Time()
		if longest.Delay > 0 && h.Now.Time().Sub(committed) < longest.Delay {
			reasons = append(reasons, "younger than the delay of "+longest.Name)
		}
		if why, pinned := t.Pinned[c.ID]; pinned {
			reasons = append(reasons, "pinned"+prefixed(": ", why))
		}
		if until := committed.Add(h.Locked); h.Locked > 0 && until.After(h.Now.Time()) {
			reasons = append(reasons, lockedUntil+string(StampOf(until)))
		}
		return reasons
	}
}

// slowest returns the channel with the longest delay, or none.
func (s Settings) slowest() (longest Channel) {
	for _, ch := range s.Channels {
		if ch.Delay > longest.Delay {
			longest = ch
		}
	}
	return longest
}

// leads returns the names of the channels, sorted, by where they lead now or,
// being due, at the next run.
func (t *Table) leads(s Settings, now Stamp) map[Stamp][]string {
	leads := map[Stamp][]string{}
	due := t.Due(s, now)
	for _, name := range slices.Sorted(maps.Keys(t.Channels)) {
		leads[t.Channels[name]] = append(leads[t.Channels[name]], name)
		if id, ok := due[name]; ok {
			leads[id] = append(leads[id], name)
		}
	}
	return leads
}

// prefixed returns text after prefix, or nothing where there is no text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
