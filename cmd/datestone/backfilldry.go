package main

import (
	"context"
	"errors"
	"iter"
	"time"

	"datestone/index"
	"datestone/layout"
)

// A dryBackfill goes through the states as a backfill does, and brings nothing
// in: it reads the metadata, and draws up the table that would come of it.
type dryBackfill struct {
	*reader
	options backfillOptions
	repo    repository
	env     *env
	table   layout.Table
	// last is the newest state that would have been published, and its files.
	last  layout.Stamp
	files []layout.File
	talk  *backfillTalk
}

func (o backfillOptions) dryRun(ctx context.Context, e *env, c *config, repo repository, chosen choice) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	t, err := r.table(ctx, repo)
	if err != nil {
		return err
	}
	d := &dryBackfill{reader: r, options: o, repo: repo, env: e, table: clone(t)}
	d.talk = &backfillTalk{env: e, repository: repo.Name, json: o.run.json, dry: true, began: t}
	filling, err := r.bucket.Log(repo.Name, repo.BasePath).Filling(ctx)
	if err != nil {
		return err
	}
	plan := chosen.plan(t, chosen.ceiling(t, filling, 0), layout.StampOf(e.Now()))
	d.talk.begin(plan, time.Now())
	read := func(ctx context.Context, s planned) readState { return chosen.read(ctx, s, layout.Files(nil)) }
	var stopped error
	for s, r := range ahead(ctx, o.parallel, plan, read) {
		report, err := d.one(ctx, s, r)
		if err == nil {
			err = d.talk.state(report, s)
		}
		if err != nil {
			return err
		}
		if stopped = o.stop(d.talk, s, report); stopped != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := d.talk.spans(d.table, "", true); err != nil || stopped != nil {
		return errors.Join(err, stopped)
	}
	return d.talk.verdict()
}

// one says what would become of a state, as far as its metadata tells.
func (d *dryBackfill) one(ctx context.Context, s planned, r readState) (stateReport, error) {
	report, known := s.known(d.repo.Name, r.err)
	if known {
		return report, nil
	}
	at, _ := d.table.Find(s.ID)
	before := d.before(ctx, at)
	p := &pass{site: &site{env: d.env}, repo: d.repo, known: index.Repo{Table: d.table}}
	state, err := p.merged(ctx, r.state, before)
	if err != nil {
		return report.skipped(err.Error()), nil
	}
	if at > 0 && !d.options.everyState {
		if same, err := layout.Same(before, layout.Files(state.Files)); err != nil || same {
			return report.is(resultEqual), err
		}
	}
	d.last, d.files = s.ID, state.Files
	report.Files = len(state.Files)
	for _, f := range state.Files {
		report.Bytes += f.Size
	}
	return report.is(resultPublished), d.add(s.ID, report)
}

// before returns the files of the checkpoint before the one that would be at.
func (d *dryBackfill) before(ctx context.Context, at int) iter.Seq2[layout.File, error] {
	if at == 0 {
		return layout.Files(nil)
	}
	if id := d.table.Checkpoints[at-1].ID; id != d.last {
		return d.reader.files(ctx, d.table, id)
	}
	return layout.Files(d.files)
}

// add puts a checkpoint into the table, by a record that nobody writes.
func (d *dryBackfill) add(id layout.Stamp, report stateReport) error {
	list := layout.FileList{Files: report.Files, Bytes: report.Bytes}
	claim := layout.NewClaim(d.repo.Name, d.repo.BasePath, id, list, d.repo.Remote.Described())
	record := claim.Record(d.table.Log, layout.StampOf(d.env.Now()))
	return d.table.Apply(d.repo.Settings, layout.Entry{Record: record, SHA256: d.table.Log.SHA256})
}
