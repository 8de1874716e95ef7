package main

import (
	"context"
	"slices"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// maxPruned is how many checkpoints one record names.
const maxPruned = 10_000

// prune deletes what earlier prunes have taken from readers, where caches have
// forgotten it, and takes from readers what the policy does not keep. The order
// is what makes it safe to be killed anywhere: claims that nobody wants go
// first, so that none is left of a checkpoint that is pruned; nothing is deleted
// that was not announced as gone for the whole grace; a record is announced
// before anything else happens.
func (p *pass) prune(ctx context.Context) error {
	p.report.Prune = newPruneReport(false)
	return p.apart(ctx, func(ctx context.Context) error {
		if err := p.moment.check(ctx, p.known.Table.FinalUntil); err != nil {
			return err
		}
		if err := p.tell(ctx); err != nil {
			return err
		}
		if err := p.clear(ctx); err != nil {
			return err
		}
		swept, err := p.sweep(ctx)
		if err != nil {
			return err
		}
		kept, pruned := p.repo.Keep.Apply(p.known.Table, p.repo.Settings, p.config.holds(p.Now()))
		p.report.Prune.keeps(kept)
		if len(pruned) > 0 {
			if swept, err = p.skipTo(ctx, swept); err != nil {
				return err
			}
		}
		if err := p.takeAway(ctx, pruned); err != nil {
			return err
		}
		if err := p.tell(ctx); err != nil {
			return err
		}
		return p.willSweep(ctx, swept)
	})
}

// sweep deletes the objects of checkpoints that were announced as gone long
// enough ago. What stands of it in the way of a killed run is deleted again.
func (p *pass) sweep(ctx context.Context) (layout.Swept, error) {
	swept, err := p.log.Swept(ctx)
	if err != nil {
		return swept, err
	}
	now, err := p.bucketNow(ctx)
	if err != nil || !swept.Due(layout.StampOf(now.Add(-p.repo.Grace))) {
		return swept, err
	}
	ids, err := prunedBetween(ctx, p.log, swept.Entry, swept.Told)
	if err != nil {
		return swept, err
	}
	r := p.report.Prune
	r.Swept = len(ids)
	if r.Objects, r.ObjectBytes, err = p.log.Sweep(ctx, ids); err != nil {
		return swept, err
	}
	p.Log.InfoContext(ctx, "deleted what was pruned before", "repo", p.repo.Name, "checkpoints", len(ids), "objects", r.Objects)
	swept.Entry, swept.Removed = swept.Told, swept.Removed+len(ids)
	swept.Told, swept.ToldAt = 0, ""
	if err := p.log.SetSwept(ctx, swept); err != nil {
		return swept, err
	}
	swept.Changes++
	return swept, nil
}

// prunedBetween returns the checkpoints that were pruned after entry n of the
// log, up to entry last.
func prunedBetween(ctx context.Context, log *publish.Log, n, last int) (ids []layout.Stamp, err error) {
	for e, err := range log.Between(ctx, n, last) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, e.Pruned...)
	}
	return ids, nil
}

// skipTo remembers that up to the log's end all is deleted, where it is, so that
// the next sweep need not read how the log came there.
func (p *pass) skipTo(ctx context.Context, swept layout.Swept) (layout.Swept, error) {
	head := p.known.Table.Log.Entries
	if p.known.Table.Removed != swept.Removed || swept.Entry == head {
		return swept, nil
	}
	swept.Entry = head
	err := p.log.SetSwept(ctx, swept)
	swept.Changes++
	return swept, err
}

// takeAway records that the checkpoints pruned are gone.
func (p *pass) takeAway(ctx context.Context, pruned []layout.Stamp) error {
	t := &p.known.Table
	before := *t
	for ids := range slices.Chunk(pruned, maxPruned) {
		r := pruneRecord(*t, ids, layout.StampOf(p.Now()))
		e, err := p.log.Append(ctx, r)
		if err := p.took(e, err); err != nil {
			return err
		}
		if err := p.remember(); err != nil {
			return err
		}
		p.Log.InfoContext(ctx, "checkpoints pruned", "repo", p.repo.Name, "checkpoints", len(ids), "record", e.Entry)
	}
	p.report.Prune.took(before, *t, pruned)
	return nil
}

// pruneRecord is the record that prunes the checkpoints ids.
func pruneRecord(t layout.Table, ids []layout.Stamp, now layout.Stamp) layout.Record {
	r := layout.NewRecord(layout.Prune, t.Log, t.Repository, t.BasePath, ids[len(ids)-1], now)
	r.Pruned = ids
	return r
}

// willSweep remembers that all prune records are announced by now, unless it is
// remembered of earlier ones, whose objects go first.
func (p *pass) willSweep(ctx context.Context, swept layout.Swept) error {
	t := &p.known.Table
	p.report.Prune.Waiting = max(t.Removed-swept.Removed, 0)
	if t.Removed == swept.Removed || swept.Told > swept.Entry {
		return nil
	}
	now, err := p.bucketNow(ctx)
	if err != nil {
		return err
	}
	swept.Told, swept.ToldAt = t.Log.Entries, layout.StampOf(now)
	return p.log.SetSwept(ctx, swept)
}

// bucketNow is the bucket's own clock, or ours where it has none.
func (s *site) bucketNow(ctx context.Context) (time.Time, error) {
	return bucketNow(ctx, s.bucket, s.Now())
}

func bucketNow(ctx context.Context, b *publish.Bucket, ours time.Time) (time.Time, error) {
	now, ok, err := b.Now(ctx)
	if !ok {
		now = ours
	}
	return now, err
}

// holds returns what keeps checkpoints at now beside the policy.
func (c *config) holds(now time.Time) layout.Holds {
	return layout.Holds{Now: layout.StampOf(now), Locked: time.Duration(c.Bucket.Terms.LockDays) * 24 * time.Hour}
}
