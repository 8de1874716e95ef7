package history

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"datestone/layout"
)

// A Lister lists directories: on disk, prefixes of a bucket, index pages.
type Lister interface {
	// List returns the names of the directories right below dir, which ends in
	// a slash, in any order. A missing dir has none.
	List(ctx context.Context, dir string) ([]string, error)
}

// Directories yields the states whose directories a pattern names, sorted. It
// lists only as deep as the pattern varies; whether what follows is there
// shows when a state is read.
func Directories(ctx context.Context, p Pattern, l Lister) iter.Seq2[State, error] {
	return collect(func(yield func(State, error) bool) {
		w := walker{ctx: ctx, pattern: p, lister: l, yield: yield}
		w.below("", 0)
	})
}

// A walker walks the directories of a pattern.
type walker struct {
	ctx     context.Context
	pattern Pattern
	lister  Lister
	yield   func(State, error) bool
}

// below yields the states below the path that the segments before i name. It
// reports whether to go on.
func (w walker) below(path string, i int) bool {
	if i == len(w.pattern.segments) {
		s, ok := w.pattern.Match(path)
		return !ok || w.yield(s, nil)
	}
	if text, ok := w.pattern.literal(i); ok {
		return w.below(path+text+"/", i+1)
	}
	names, err := w.lister.List(w.ctx, w.pattern.root+path)
	if err != nil {
		w.yield(State{}, fmt.Errorf("list %q: %w", w.pattern.root+path, err))
		return false
	}
	for _, name := range names {
		name = strings.TrimSuffix(name, "/")
		// What a server lists is its own claim: a name is one segment, no more.
		if _, err := layout.CleanPath(name); err != nil || strings.Contains(name, "/") || !w.pattern.matches(i, name) {
			continue
		}
		if !w.below(path+name+"/", i+1) {
			return false
		}
	}
	return true
}
