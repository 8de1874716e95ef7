package main

import "context"

// dropClaims removes the claims that interrupted backfills left and that no
// state wants any more: with their content, unless they were committed.
func (b *backfill) dropClaims(ctx context.Context) error {
	for _, c := range b.past {
		var err error
		if _, committed := b.known.Table.Find(c.ID); committed {
			err = b.log.Unclaim(ctx, c.ID)
		} else if b.movedOn(c) {
			err = b.drop(ctx, c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropTorn removes what is torn or half of the claims of past states, whose IDs are
// wanted again: with all that was brought in, where that can't be committed any more.
func (b *backfill) dropTorn(ctx context.Context) error {
	for _, id := range b.all.Halves {
		if id > b.known.Table.FinalUntil {
			continue // a run's
		}
		if err := b.log.Unclaim(ctx, id); err != nil {
			return err
		}
	}
	for _, c := range b.all.Torn {
		var err error
		_, committed := b.known.Table.Find(c.ID)
		switch {
		case c.Past == nil:
		case !committed && b.movedOn(c):
			err = b.log.DropTorn(ctx, c.ID)
		default:
			err = b.log.Unclaim(ctx, c.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
