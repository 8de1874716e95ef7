package main

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	reposync "datestone/sync"
	"datestone/sync/history"
)

// A planned state is one that was asked for, and what is to become of it.
type planned struct {
	history.State
	// why it is not taken; empty where nothing is known against it yet.
	why string
	// there says that it is a checkpoint already, done that it was dealt with
	// before and is none.
	there, done bool
}

// ceiling returns the newest checkpoint that is not for a backfill to follow:
// what is newer is a run's to publish. There is none in an empty repository, nor
// in one that was empty when this backfill began, which filling says, as long as
// nothing but states of the sources have come to it since. Up to the record
// filled they have, though the sources may have lost some by now.
func (c choice) ceiling(t layout.Table, filling bool, filled int) layout.Stamp {
	ours := !slices.ContainsFunc(t.Checkpoints, func(p layout.Checkpoint) bool { return p.Record > filled && !c.all[p.ID] })
	if filling && ours {
		return ""
	}
	return t.Newest()
}

// plan decides what is to become of the states, given the table and the ceiling.
func (c choice) plan(t layout.Table, ceiling, now layout.Stamp) []planned {
	plan := make([]planned, len(c.states))
	for i, s := range c.states {
		plan[i] = planned{State: s, why: s.Bad}
		_, plan[i].there = t.Find(s.ID)
		switch {
		case s.Bad != "" || plan[i].there:
		case s.ID > now:
			plan[i].why = fmt.Sprintf("lies in the future: it is now %s", now)
		case ceiling != "" && s.ID > ceiling:
			plan[i].why = fmt.Sprintf("is newer than the newest checkpoint, %s: that is a run's to publish; --until leaves it out", ceiling)
		case t.IsGone(s.ID):
			plan[i].why = "lies in a span of time that was pruned, whose answer is final"
		}
	}
	return plan
}

// A readState is what came of reading one.
type readState struct {
	remote reposync.Remote
	state  *reposync.State
	err    error
}

// read reads the metadata of a state; before are files of a state near it.
func (c choice) read(ctx context.Context, s planned, before iter.Seq2[layout.File, error]) readState {
	if s.why != "" || s.there || s.done {
		return readState{}
	}
	var r readState
	if r.remote, r.err = c.sources[s.Source].remote(s.State); r.err == nil {
		r.state, r.err = c.opener.client.ReadAfter(ctx, r.remote, layout.Remote{}, before)
	}
	if r.err != nil {
		return r
	}
	r.state = renameManifest(r.state, c.opener.manifest())
	r.state.Remote = describePast(c.opener.remote, r.state.Remote)
	r.err = plausible(s, r.state.Remote)
	return r
}

// plausible refuses a state that says itself that it is of a later time.
func plausible(s planned, r layout.Remote) error {
	latest := layout.StampOf(s.ID.Time().Add(s.Span + slack))
	for _, release := range r.Releases {
		if release.Date > latest {
			return fmt.Errorf("its suite %q is dated %s: it is not the state of %s", release.Suite, release.Date, s.ID)
		}
	}
	return nil
}

// ahead calls read for each of items, up to n at once and at most n further
// than what was yielded, and yields in their order. It ends early when ctx does.
func ahead[T, R any](ctx context.Context, n int, items []T, read func(context.Context, T) R) iter.Seq2[T, R] {
	return func(yield func(T, R) bool) {
		inner, stop := context.WithCancel(ctx)
		begun := make(chan chan R, n) // in the order of items; of each, what was read
		room := make(chan struct{}, n)
		var g errgroup.Group
		g.Go(func() error {
			for _, item := range items {
				select {
				case room <- struct{}{}:
				case <-inner.Done():
					return nil
				}
				result := make(chan R, 1)
				begun <- result // there is room for as many
				g.Go(func() error {
					result <- read(inner, item)
					return nil
				})
			}
			return nil
		})
		defer func() { stop(); _ = g.Wait() }()
		for _, item := range items {
			r, ok := next(ctx, begun)
			if !ok {
				return
			}
			<-room
			if !yield(item, r) {
				return
			}
		}
	}
}

// next waits for the next result, or for the end of ctx.
func next[R any](ctx context.Context, begun <-chan chan R) (r R, ok bool) {
	select {
	case result := <-begun:
		select {
		case r = <-result:
			return r, true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return r, false
}
