package main

import (
	"context"
	"errors"
	"io/fs"

	"datestone/layout"
	"datestone/publish"
)

// locked does work under the repository's lock. The index remembers from
// before until after it that the bucket may be left half done: a run that was
// killed leaves a lock, claims or pages that a look at the log does not show.
func (p *pass) locked(ctx context.Context, work func(context.Context) error) error {
	if err := p.setUnsettled(true); err != nil {
		return err
	}
	err := p.log.Locked(ctx, p.options.lock, work)
	if err == nil {
		err = p.bucket.Sync(ctx) // or a power cut could undo what is remembered as done
	}
	// A lock that was taken over and freed again does not show; that the claim
	// is gone, or the log's next entry taken, does.
	if errors.Is(err, publish.ErrLockLost) || errors.Is(err, publish.ErrConflict) || errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, p.tidy(ctx))
	}
	if err == nil || errors.Is(err, publish.ErrLocked) && !p.unsettled {
		return errors.Join(err, p.setUnsettled(false))
	}
	return err
}

// apart does work under the repository's lock that is no part of a run, when
// nobody can change anything any more, and all is known up to the log's end.
func (p *pass) apart(ctx context.Context, work func(context.Context) error) error {
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	if err := p.lookBack(ctx); err != nil {
		return err
	}
	if err := p.writable(ctx); err != nil {
		return err
	}
	return p.locked(ctx, func(ctx context.Context) error {
		if err := p.settle(ctx); err != nil {
			return err
		}
		return work(ctx)
	})
}

// tell announces what is not announced, or not for sure.
func (p *pass) tell(ctx context.Context) error {
	if p.known.Announced == p.known.Table.Log.Entries && !p.unsettled {
		return nil
	}
	if err := p.announce(ctx, false); err != nil {
		return err
	}
	p.unsettled = false
	return nil
}

// tidy removes what was brought in for a claim that another run has dropped,
// having taken the lock over, before this run noticed. Nobody else knows of it,
// and an ID that was dropped is never claimed again.
func (p *pass) tidy(ctx context.Context) error {
	if p.current == nil {
		return nil
	}
	claimed, err := p.log.Claimed(ctx, p.current.claim.ID)
	if err != nil || claimed {
		return err
	}
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	id := p.current.claim.ID
	if _, committed := p.known.Table.Find(id); committed || p.known.Table.IsGone(id) {
		return nil // what was committed and pruned already goes when its time has come
	}
	return p.bucket.Delete(ctx, p.current.plan.Keys())
}

func (p *pass) unsettledName() string { return "unsettled " + p.repo.Name }

func (p *pass) setUnsettled(is bool) error {
	mark := []byte{}
	if is {
		mark = []byte("since a run began")
	}
	return p.index.Remember(p.unsettledName(), mark)
}

// lookBack finds out whether an earlier run left the bucket half done: by what
// the index remembers, or else, when the index is new, by looking there.
func (p *pass) lookBack(ctx context.Context) error {
	mark, err := p.index.Recall(p.unsettledName())
	if err == nil {
		p.unsettled = len(mark) > 0
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	quiet, err := p.log.Quiet(ctx)
	if err == nil && quiet {
		quiet, err = p.told(ctx)
	}
	if err != nil {
		return err
	}
	p.unsettled = !quiet
	return p.setUnsettled(p.unsettled)
}

// told reports whether the pages show what the table in the bucket says, which
// is written before them.
func (p *pass) told(ctx context.Context) (bool, error) {
	want := p.known.Announced
	if want <= 0 {
		return true, nil // known to be untold, or there is nothing to tell
	}
	shows, err := p.bucket.Shows(ctx, layout.ListingKey(p.repo.BasePath))
	if err != nil || shows < want {
		return false, err
	}
	list, _, err := p.bucket.Repositories(ctx)
	if err != nil {
		return false, err
	}
	_, changes := list.With(layout.NewRepository(p.repo.Name, p.repo.BasePath, p.repo.Remote.Type))
	return !changes, nil
}
