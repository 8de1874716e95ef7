package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"
)

func promoteCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "promote", args: "REPO CHANNEL ID|TIME", min: 3, max: 3,
		usage: "moves a channel to a checkpoint by hand",
		description: "Appends to the repository's log that the channel leads to the checkpoint, or to the newest one at or\n" +
			"before a time; then rules, table and listing follow. A channel with a delay moves by itself and can't\n" +
			"be moved by hand.",
		examples: [2]example{
			{"Let \"frozen\" lead to the state of a day.", "datestone promote debian frozen 20250318"},
			{"To an exact checkpoint, and back again the same way.", "datestone promote debian frozen 20250318T140338Z"},
		},
		flags: runFlags(),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		if err != nil {
			return err
		}
		return promoteOptions{run: o, repo: c.Args().Get(0), channel: c.Args().Get(1), to: c.Args().Get(2)}.do(ctx, e)
	})
}

type promoteOptions struct {
	run               runOptions
	repo, channel, to string
}

func (o promoteOptions) do(ctx context.Context, e *env) error {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	repo, err := c.repository(o.repo)
	if err != nil {
		return err
	}
	if err := o.check(repo); err != nil {
		return err
	}
	return o.run.on(ctx, e, c, []repository{repo}, o.promote)
}

// check refuses a channel that is not there to be moved by hand.
func (o promoteOptions) check(repo repository) error {
	var names []string
	for _, ch := range repo.Settings.Channels {
		if ch.Name == o.channel && ch.Follows {
			return usageErrorf("promote", "channel %q of %q follows with a delay of %s; only a channel without delay is moved by hand",
				ch.Name, repo.Name, ch.Delay.Round(time.Second))
		}
		if ch.Name == o.channel {
			return nil
		}
		names = append(names, ch.Name)
	}
	return usageErrorf("promote", "repository %q has no channel %q%s", repo.Name, o.channel, didYouMean(o.channel, names))
}

func (o promoteOptions) promote(p *pass, ctx context.Context) error {
	return p.apart(ctx, func(ctx context.Context) error {
		id, err := findCheckpoint(p.known.Table, o.to)
		if err != nil {
			return err
		}
		if p.known.Table.Channels[o.channel] != id {
			if err := p.promote(ctx, o.channel, id); err != nil {
				return err
			}
		}
		return p.tell(ctx)
	})
}
