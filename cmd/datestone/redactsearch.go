package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
)

// A goneObject is an object that is redacted; a line of the output of redact,
// and of --json.
type goneObject struct {
	Repository string        `json:"repository"`
	Checkpoint layout.Stamp  `json:"checkpoint"`
	Path       string        `json:"path"`
	SHA256     layout.Digest `json:"sha256"`
	Bytes      int64         `json:"bytes"`
	// Action is removed, locked (readers get a 404, a version stays) or would
	// remove.
	Action      string       `json:"action"`
	LockedUntil layout.Stamp `json:"locked_until"` // null where it is not locked, or without a known end
	key         string
}

func (g *goneObject) locked(e *publish.RetainedError) {
	g.Action = "locked"
	if !e.Until.IsZero() {
		g.LockedUntil = layout.StampOf(e.Until)
	}
}

// String is the line for people.
func (g goneObject) String() string {
	s := g.Action + " " + g.key
	if g.LockedUntil != "" {
		s += " until " + string(g.LockedUntil)
	}
	return s
}

func (o redactOptions) print(e *env, g goneObject) (err error) {
	switch {
	case o.run.json:
		return printJSON(e.Stdout, g)
	case !e.Quiet:
		_, err = fmt.Fprintln(e.Stdout, g)
	}
	return err
}

// A search looks through all states that a repository's log and claims name,
// those of pruned checkpoints too: their content may stand yet.
type search struct {
	log    *publish.Log
	base   string
	claims []layout.Claim

	commits []layout.Entry
}

// read reads the whole log, and returns its table.
func (s *search) read(ctx context.Context, settings layout.Settings) (layout.Table, error) {
	return layout.Fold(settings, func(yield func(layout.Entry, error) bool) {
		for e, err := range s.log.After(ctx, 0) {
			if err == nil && e.Kind == layout.Commit {
				s.commits = append(s.commits, e)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	})
}

// searchLists is how many file lists are read at once.
const searchLists = 4

// find returns the objects of the wanted files, by checkpoint and path.
func (s *search) find(ctx context.Context, wanted func(layout.File) bool) ([]goneObject, error) {
	var mu sync.Mutex
	var all []goneObject
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(searchLists)
	look := func(repository string, id layout.Stamp, files iter.Seq2[layout.File, error]) {
		g.Go(func() error {
			for f, err := range files {
				if err != nil {
					return err
				}
				if !wanted(f) {
					continue
				}
				mu.Lock()
				all = append(all, goneObject{Repository: repository, Checkpoint: id, Path: f.Path, SHA256: f.SHA256, Bytes: f.Size,
					key: layout.Key(s.base, id, f.Path)})
				mu.Unlock()
			}
			return nil
		})
	}
	for _, e := range s.commits {
		look(e.Repository, e.ID, s.log.Files(gctx, *e.List))
	}
	for _, c := range s.claims {
		look(c.Repository, c.ID, s.log.ClaimFiles(gctx, c))
	}
	err := g.Wait()
	slices.SortFunc(all, func(a, b goneObject) int { return cmp.Compare(a.key, b.key) })
	return slices.CompactFunc(all, func(a, b goneObject) bool { return a.key == b.key }), err
}
