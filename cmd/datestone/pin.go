package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func pinCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "pin", args: "REPO ID|TIME", min: 2, max: 2,
		usage: "keeps a checkpoint from being pruned",
		description: "Appends to the repository's log that the checkpoint stays, whatever \"keep\" says. The reason stands in\n" +
			"the log and in the table, for those who wonder later. Pinned again, a checkpoint has the new reason.",
		examples: [2]example{
			{"Keep what a release was built from.", "datestone pin --reason \"release 4.2 was built from it\" debian 20250318T140338Z"},
			{"Keep what there was at the end of a day.", "datestone pin --reason \"audit 2025\" debian 20260101"},
		},
		flags: append(runFlags(), reasonFlag()),
	}, func(ctx context.Context, c *cli.Context) error { return pin(ctx, e, c, layout.Pin) })
}

func unpinCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "unpin", args: "REPO ID|TIME", min: 2, max: 2,
		usage: "lets a pinned checkpoint be pruned again",
		description: "Appends to the repository's log that \"keep\" alone says again whether the checkpoint stays. The reason\n" +
			"stands in the log.",
		examples: [2]example{
			{"The release has come to its end.", "datestone unpin --reason \"4.2 is no longer supported\" debian 20250318T140338Z"},
			{"No longer, and let go at once what the policy does not keep.", "datestone unpin debian 20250318T140338Z && datestone prune debian"},
		},
		flags: append(runFlags(), reasonFlag()),
	}, func(ctx context.Context, c *cli.Context) error { return pin(ctx, e, c, layout.Unpin) })
}

func reasonFlag() cli.Flag { return stringFlag("reason", "", "why, in `WORDS` of people") }

type pinOptions struct {
	kind   layout.Kind // Pin or Unpin
	at     string      // what findCheckpoint reads
	reason string
}

func pin(ctx context.Context, e *env, c *cli.Context, kind layout.Kind) error {
	run, err := newRunOptions(c)
	if err != nil {
		return err
	}
	reason := c.String("reason")
	if _, err := layout.CleanReason(reason); err != nil && reason != "" {
		return usageErrorf(c.Command.Name, "%s: --reason: %v", c.Command.Name, err)
	}
	run.names = run.names[:1]
	return run.onNamed(ctx, e, pinOptions{kind: kind, at: c.Args().Get(1), reason: reason}.pin)
}

func (o pinOptions) pin(p *pass, ctx context.Context) error {
	return p.apart(ctx, func(ctx context.Context) error {
		t := &p.known.Table
		id, err := findCheckpoint(*t, o.at)
		if err != nil {
			return err
		}
		reason, pinned := t.Pinned[id]
		if o.kind == layout.Pin && (!pinned || reason != o.reason) || o.kind == layout.Unpin && pinned {
			r := layout.NewRecord(o.kind, t.Log, p.repo.Name, p.repo.BasePath, id, layout.StampOf(p.Now()))
			r.Reason = o.reason
			e, err := p.log.Append(ctx, r)
			if err := p.took(e, err); err != nil {
				return err
			}
			if err := p.remember(); err != nil {
				return err
			}
			p.report.Result, p.report.Checkpoint = string(o.kind)+"ned", id
		}
		return p.tell(ctx)
	})
}
