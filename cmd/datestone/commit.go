package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
)

// commit makes a claim whose content stands a checkpoint, and tells of it.
func (p *pass) commit(ctx context.Context, o *open) error {
	if err := p.whole(ctx, o); err != nil {
		return err
	}
	if o.resumed { // its ID was held against the clocks by another run
		if err := p.moment.agree(ctx); err != nil {
			return err
		}
	}
	if err := p.bucket.Pages(ctx, o.plan); err != nil {
		return err
	}
	e, err := p.log.Commit(ctx, o.claim, p.known.Table.Log, layout.StampOf(p.Now()))
	if err := p.took(e, err); err != nil {
		return err
	}
	p.known.Newest, p.known.State, p.known.Claim = o.root, o.root, ""
	if err := p.remember(); err != nil {
		return err
	}
	p.report.claimed(o.claim)
	p.report.Result = "published"
	p.Log.InfoContext(ctx, "checkpoint committed", "repo", p.repo.Name, "checkpoint", o.claim.ID, "objects", e.List.Files)
	if err := p.promoteDue(ctx); err != nil {
		return err
	}
	if err := p.announce(ctx, o.resumed); err != nil {
		return err
	}
	return p.clear(ctx)
}

// took takes the record in that was just appended. That another record stands
// in its place means that another run works here, whatever the lock says.
func (p *pass) took(e layout.Entry, err error) error {
	if errors.Is(err, publish.ErrConflict) {
		return fmt.Errorf("repository %q: another run wrote to the log meanwhile; run again: %w", p.repo.Name, err)
	}
	if err != nil {
		return err
	}
	if err := p.known.Table.Apply(p.repo.Settings, e); err != nil {
		return err
	}
	return p.forget(e.Pruned)
}

// nothingNew is what remains to be done when the remote has the state of the
// newest checkpoint: final_until and channels may move, claims may be open
// that nobody wants, and an announcement may have been interrupted.
func (p *pass) nothingNew(ctx context.Context) error {
	stray := slices.ContainsFunc(p.claims, func(c layout.Claim) bool { return c.ID > p.known.Table.FinalUntil })
	if p.state != nil {
		p.known.Remote = p.state.Remote
	}
	p.known.State, p.known.Claim = p.known.Newest, ""
	if len(p.claims) > 0 {
		p.known.Claim = p.claims[len(p.claims)-1].ID // until it is cleared away
	}
	if (stray || p.stale()) && p.options.publish {
		if err := p.seen(ctx); err != nil {
			return err
		}
	}
	if err := p.remember(); err != nil {
		return err
	}
	if !p.options.publish {
		return nil
	}
	return p.tellAndClear(ctx)
}

// seen records that up to now nothing new was found.
func (p *pass) seen(ctx context.Context) error {
	id, err := p.moment.own(ctx, p.known.Table.FinalUntil)
	if err != nil {
		return err
	}
	r := layout.NewRecord(layout.Seen, p.known.Table.Log, p.repo.Name, p.repo.BasePath, id, layout.StampOf(p.Now()))
	r.Remote = &p.known.Remote
	e, err := p.log.Append(ctx, r)
	p.report.Seen = id
	return p.took(e, err)
}

// tellAndClear announces what is not announced, or not for sure, and clears
// the claims away.
func (p *pass) tellAndClear(ctx context.Context) error {
	if err := p.promoteDue(ctx); err != nil {
		return err
	}
	if err := p.sign(ctx); err != nil {
		return err
	}
	if p.unsettled || p.known.Announced != p.known.Table.Log.Entries || len(p.claims) > 0 {
		if err := p.announce(ctx, len(p.claims) > 0); err != nil {
			return err
		}
	}
	return p.clear(ctx)
}

// clear removes the claims: of what is committed the claim alone, of what is
// not (a state that nobody wants any more) the content too. A claim that the
// log has not passed yet stays, and so does that of a past state while its
// backfill may only be paused.
func (p *pass) clear(ctx context.Context) error {
	claims, err := p.log.Claims(ctx)
	if err != nil {
		return err
	}
	var open layout.Stamp
	for i, c := range slices.Concat(claims.Open, claims.Torn) {
		_, committed := p.known.Table.Find(c.ID)
		switch {
		case committed:
			err = p.log.Unclaim(ctx, c.ID)
		case c.Past != nil && !p.movedOn(c):
		case c.Past == nil && c.ID > p.known.Table.FinalUntil:
			open = c.ID
		default:
			p.Log.InfoContext(ctx, "removing a claim that is not wanted any more", "repo", p.repo.Name, "checkpoint", c.ID)
			if i < len(claims.Open) {
				err = p.drop(ctx, c)
			} else {
				err = p.log.DropTorn(ctx, c.ID)
			}
		}
		if err != nil {
			return err
		}
	}
	for _, id := range claims.Halves {
		if id > p.known.Table.FinalUntil {
			open = id
		} else if err := p.log.Unclaim(ctx, id); err != nil {
			return err
		}
	}
	p.known.Claim = open
	return p.remember()
}

func (p *pass) drop(ctx context.Context, c layout.Claim) error {
	root, err := p.index.PutState(p.log.ClaimFiles(ctx, c))
	if err != nil {
		return err
	}
	return p.log.Drop(ctx, p.open(c, root, true).plan)
}

// promoteDue records the delayed channels that lead elsewhere by now.
func (p *pass) promoteDue(ctx context.Context) error {
	now := layout.StampOf(p.Now())
	due := p.known.Table.Due(p.repo.Settings, now)
	if len(due) > 0 { // with a clock that is ahead it would only seem so
		if err := p.moment.agree(ctx); err != nil {
			return err
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(due)) {
		if err := p.promote(ctx, channel, due[channel]); err != nil {
			return err
		}
	}
	return nil
}

// promote records that a channel leads to id from now on.
func (p *pass) promote(ctx context.Context, channel string, id layout.Stamp) error {
	r := layout.NewRecord(layout.Promote, p.known.Table.Log, p.repo.Name, p.repo.BasePath, id, layout.StampOf(p.Now()))
	r.Channel = channel
	e, err := p.log.Append(ctx, r)
	if err := p.took(e, err); err != nil {
		return err
	}
	p.report.promote(channel, id)
	return p.remember()
}

// announce tells readers: first the rules are put in force, then the table and
// the listing say what there is. While the rules were on their way the log may
// have moved, when another run took over; then they are made again.
func (p *pass) announce(ctx context.Context, always bool) error {
	p.announcing.Lock()
	defer p.announcing.Unlock()
	if err := p.sign(ctx); err != nil {
		return err
	}
	if err := p.enforce(ctx, always || p.unsettled); err != nil {
		return err
	}
	if err := p.list(ctx); err != nil {
		return err
	}
	p.known.Announced = p.known.Table.Log.Entries
	return p.remember()
}

// enforce puts the rules in force, again as long as the log moves. A run that
// loses its lock meanwhile may have put its rules over newer ones: it goes on
// until they are as new as the log, and stops only then.
func (p *pass) enforce(ctx context.Context, always bool) error {
	for older := 0; ; {
		told := p.known.Table.Log
		tables, err := p.tables(ctx, p.repo.Name, p.known.Table)
		if err != nil {
			return err
		}
		err = p.rules(ctx, tables, always)
		lost := errors.Is(context.Cause(ctx), publish.ErrLockLost)
		switch {
		case lost:
			ctx, always = context.WithoutCancel(ctx), true
		case errors.Is(err, redirects.ErrOlder) && older < maxOlder:
			// A run of another repository knew more of it: so do we by now.
			older++
			continue
		case err != nil:
			return err
		}
		if err := p.catchUp(ctx); err != nil {
			return err
		}
		if p.known.Table.Log != told {
			continue
		}
		if lost {
			return publish.ErrLockLost
		}
		return nil
	}
}

// maxOlder is how often rules are made again because newer ones are in force.
const maxOlder = 3

// list writes the table, the listing, and what leads to them.
func (p *pass) list(ctx context.Context) error {
	t := p.known.Table
	body, err := t.Encode()
	if err != nil {
		return err
	}
	newest, err := remoteOf(ctx, p.log, t, t.Newest())
	if err != nil {
		return err
	}
	changed, err := p.untold(ctx)
	if err != nil {
		return err
	}
	pages, err := layout.ListingPages(t, newest, p.config.PublicURL, changed)
	if err != nil {
		return err
	}
	pages = append([]layout.Page{layout.NewPage(layout.Listing, layout.TableKey(t.BasePath), body, t.Log.Entries)}, pages...)
	for _, page := range pages {
		if err := p.bucket.Advance(ctx, page); err != nil {
			return err
		}
	}
	row := layout.NewRepository(p.repo.Name, p.repo.BasePath, p.repo.Remote.Type)
	return p.bucket.Register(ctx, row, p.config.PublicPath)
}

// untold returns the checkpoints that the listing does not show yet, or still
// shows though they were pruned: all there ever were, where it is not known
// what it shows.
func (p *pass) untold(ctx context.Context) ([]layout.Stamp, error) {
	t := &p.known.Table
	ids := []layout.Stamp{}
	for _, c := range t.Checkpoints {
		if c.Record > p.known.Announced {
			ids = append(ids, c.ID)
		}
	}
	if t.Removed == 0 || !t.HasMonths() {
		return ids, nil // no page of a month shows what is gone
	}
	gone, err := prunedBetween(ctx, p.log, max(p.known.Announced, 0), t.Log.Entries)
	return append(ids, gone...), err
}

// publishClaimed commits the newest open claim; with force, and when none is
// open, the newest state again, or an empty one.
func (p *pass) publishClaimed(ctx context.Context) error {
	var newest *layout.Claim
	for _, c := range p.claims {
		fits, err := p.fits(ctx, c)
		if err != nil {
			return err
		}
		if fits {
			newest = &c
		}
	}
	if newest == nil && !p.options.force {
		return p.tellAndClear(ctx)
	}
	o, err := p.takeForPublish(ctx, newest)
	if err != nil {
		return err
	}
	if err := p.place(ctx, o); err != nil {
		return fmt.Errorf("claim %s of %q is not complete, and could not be completed: %w", o.claim.ID, p.repo.Name, err)
	}
	return p.commit(ctx, o)
}

func (p *pass) takeForPublish(ctx context.Context, newest *layout.Claim) (*open, error) {
	if newest != nil {
		return p.resume(ctx, *newest)
	}
	p.known.State = p.known.Newest
	if p.known.Newest == (index.Root{}) {
		p.known.Remote = p.repo.Remote.Described()
	}
	p.moment.read.come(p.repo.Name)
	return p.claim(ctx)
}

// exec runs the command that puts new rules in force.
func (s *site) exec(ctx context.Context) error {
	words := s.config.Redirects.Exec
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdout, c.Stderr = s.Stderr, s.Stderr // stdout carries data only
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		return fmt.Errorf("rules are written, but %q failed, so nothing was announced: %w", words, err)
	}
	return nil
}
