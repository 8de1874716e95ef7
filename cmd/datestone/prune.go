package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func pruneCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "prune", args: "[REPO...]", max: -1,
		usage: "removes the checkpoints that \"keep\" does not keep",
		description: "Takes what the policy of a repository does not keep out of rules, table and listing, by a record in\n" +
			"its log. Their objects are deleted by a later prune, when caches have forgotten the old answers: 48\n" +
			"hours later, or what \"grace\" says. Never removed are the newest checkpoint, what a channel leads to,\n" +
			"what is younger than the longest delay of a channel, and what is pinned. A repository without \"keep\"\n" +
			"keeps everything. Interrupted anywhere, the next prune completes it.",
		examples: [2]example{
			{"What would go, and why the rest stays.", "datestone prune --dry-run debian"},
			{"Every night, from cron.", "30 3 * * * datestone --quiet --config /etc/datestone.yaml prune"},
		},
		flags: append(runFlags(), boolFlag("dry-run", "print what would go and why the rest stays, and change nothing")),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		if err != nil {
			return err
		}
		if c.Bool("dry-run") {
			return o.planPrune(ctx, e)
		}
		return o.onNamed(ctx, e, (*pass).prune)
	})
}

// planPrune says what prune would do. It takes no lock, and writes nothing.
func (o runOptions) planPrune(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	repos, err := r.config.choose(o.names)
	if err != nil {
		return err
	}
	reports := make([]report, len(repos))
	errs := make([]error, len(repos))
	for i, repo := range repos {
		p := prunePlan{reader: r, repo: repo, now: e.Now(), report: newPruneReport(true)}
		reports[i] = report{Repository: repo.Name, Prune: p.report}
		errs[i] = p.make(ctx)
		reports[i].finish(errs[i])
	}
	return errors.Join(o.print(ctx, e, reports), verdict(errs))
}

// A prunePlan is a prune of one repository that is not done.
type prunePlan struct {
	*reader
	repo   repository
	now    time.Time
	report *pruneReport
}

func (p *prunePlan) make(ctx context.Context) error {
	t, err := p.folded(ctx, p.repo)
	if err != nil {
		return err
	}
	kept, pruned := p.repo.Keep.Apply(t, p.repo.Settings, p.config.holds(p.now))
	after := t
	for ids := range slices.Chunk(pruned, maxPruned) {
		if err := after.Apply(p.repo.Settings, layout.Entry{Record: pruneRecord(after, ids, layout.StampOf(p.now))}); err != nil {
			return err
		}
	}
	p.report.keeps(kept)
	p.report.took(t, after, pruned)
	if p.report.Bytes, err = p.bytes(ctx, t, pruned); err != nil {
		return err
	}
	return p.sweep(ctx, t)
}

// sweep says how many checkpoints would be deleted, and how many later.
func (p *prunePlan) sweep(ctx context.Context, t layout.Table) error {
	log := p.bucket.Log(p.repo.Name, p.repo.BasePath)
	swept, err := log.Swept(ctx)
	if err != nil {
		return err
	}
	now, err := bucketNow(ctx, p.bucket, p.now)
	if err != nil {
		return err
	}
	var ids []layout.Stamp
	if swept.Due(layout.StampOf(now.Add(-p.repo.Grace))) {
		ids, err = prunedBetween(ctx, log, swept.Entry, swept.Told)
	}
	p.report.Swept, p.report.Waiting = len(ids), max(t.Removed-swept.Removed-len(ids), 0)
	return err
}

// bytes returns how much content goes with the checkpoints pruned, at most: of
// copies all, of hard links what neither the checkpoints beside them that stay
// nor the newest have.
func (p *prunePlan) bytes(ctx context.Context, t layout.Table, pruned []layout.Stamp) (total int64, err error) {
	if p.repo.Links == linksCopy {
		for _, id := range pruned {
			at, _ := t.Find(id)
			total += t.Checkpoints[at].Bytes
		}
		return total, nil
	}
	for _, span := range t.Without(pruned) {
		n, err := p.only(ctx, t, span)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// only returns the size of the content of the checkpoints in a span that those
// beside it and the newest do not have.
func (p *prunePlan) only(ctx context.Context, t layout.Table, span layout.Span) (total int64, err error) {
	first, _ := t.Find(span.From)
	end, _ := t.Find(span.Until)
	sizes := map[layout.Digest]int64{}
	for _, c := range t.Checkpoints[first:end] {
		if err := p.eachFile(ctx, t, c.ID, func(f layout.File) { sizes[f.SHA256] = f.Size }); err != nil {
			return 0, err
		}
	}
	others := []int{end, len(t.Checkpoints) - 1}
	if first > 0 {
		others = append(others, first-1)
	}
	slices.Sort(others)
	for _, at := range slices.Compact(others) {
		if err := p.eachFile(ctx, t, t.Checkpoints[at].ID, func(f layout.File) { delete(sizes, f.SHA256) }); err != nil {
			return 0, err
		}
	}
	for _, n := range sizes {
		total += n
	}
	return total, nil
}

func (p *prunePlan) eachFile(ctx context.Context, t layout.Table, id layout.Stamp, do func(layout.File)) error {
	for f, err := range p.files(ctx, t, id) {
		if err != nil {
			return err
		}
		do(f)
	}
	return nil
}
