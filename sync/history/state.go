package history

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"datestone/layout"
)

// A State is one past state that a source has.
type State struct {
	// ID is when it was; none where Bad says that this can't be told.
	ID layout.Stamp
	// Span is how much later than ID the state may have been taken, as the
	// source writes times: 24 hours where it names days.
	Span time.Duration
	// Place is where it is: a directory or URL, or what a person would look for.
	Place string
	// Tree has its files; nil where they are to be read at Place.
	Tree Tree
	// Source is which of the sources of Merge has it.
	Source int
	// Bad says why it can't be taken; empty where nothing is known against it.
	Bad string
}

// maxStates is how many states a source may have.
const maxStates = 1_000_000

var errTooMany = fmt.Errorf("has more than %d states: narrow it", maxStates)

// collect gathers the states of a source and yields them sorted by time, those
// that are Bad first. Of several in one second the last of the source's own
// order is the state at the end of that second; the others become Bad.
func collect(states iter.Seq2[State, error]) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		var all []State
		for s, err := range states {
			if err == nil && len(all) == maxStates {
				err = errTooMany
			}
			if err != nil {
				yield(State{}, err)
				return
			}
			all = append(all, s)
		}
		for _, s := range inOrder(all) {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func inOrder(all []State) []State {
	slices.SortStableFunc(all, func(a, b State) int { return cmp.Compare(a.ID, b.ID) })
	for i := range all[:max(0, len(all)-1)] {
		if next := all[i+1]; all[i].ID != "" && all[i].ID == next.ID && all[i].Bad == "" {
			all[i].Bad = "another state is of the same second: " + next.Place
		}
	}
	return all
}

// Merge yields the states of several sources, each sorted, as one sorted
// sequence. Of one second the state of the first source counts, the others
// become Bad.
func Merge(sources ...iter.Seq2[State, error]) iter.Seq2[State, error] {
	return func(yield func(State, error) bool) {
		var all []State
		for i, source := range sources {
			for s, err := range source {
				if err != nil {
					yield(State{}, err)
					return
				}
				s.Source = i
				all = append(all, s)
			}
		}
		slices.SortStableFunc(all, func(a, b State) int { return cmp.Compare(a.ID, b.ID) })
		var last State // the one that counts, of its second
		for _, s := range all {
			switch {
			case s.Bad != "" || s.ID == "":
			case s.ID == last.ID:
				s.Bad = "an earlier source has a state of the same second: " + last.Place
			default:
				last = s
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// Every leaves of the states of each stretch of time d the first one; the
// stretches are counted from the year 1, so that days begin at midnight, UTC.
// Bad states stay, as people want to know of them.
func Every(d time.Duration, states []State) []State {
	if d <= 0 {
		return states
	}
	var kept []State
	var last time.Time
	for _, s := range states {
		if s.Bad == "" {
			stretch := s.ID.Time().Truncate(d)
			if stretch.Equal(last) && !last.IsZero() {
				continue
			}
			last = stretch
		}
		kept = append(kept, s)
	}
	return kept
}

// parseTime reads a time as lists have it, and how long it is: an ID or a
// date, each also as RFC 3339 writes it.
func parseTime(text string) (layout.Stamp, time.Duration, error) {
	if id, err := layout.ParseStamp(text); err == nil {
		return id, 0, nil
	}
	if id, err := layout.ParseMoment(text); err == nil {
		return id, day, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return stampOf(t)
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		id, _, err := stampOf(t)
		return id, day, err
	}
	return "", 0, fmt.Errorf("%q is no time: write 20250318T140338Z, 20250318 or 2025-03-18T14:03:38Z", text)
}

const day = 24 * time.Hour

// stampOf refuses what an ID can't name, where layout.StampOf bends it.
func stampOf(t time.Time) (layout.Stamp, time.Duration, error) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return "", 0, errors.New("a year is 0001 to 9999")
	}
	return layout.StampOf(t), 0, nil
}
