package main

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
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

func (o promoteOptions) do(ctx context.Context, e *env) (err error) {
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
	s, err := e.openSite(ctx, c, o.run.jobs, o.run.pass.lock.Wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	o.run.pass.lock.Owner, o.run.pass.lock.Since = owner(), layout.StampOf(e.Now())
	p := &pass{site: s, options: o.run.pass, repo: repo, log: s.log(repo), report: report{Repository: repo.Name}}
	err = o.promote(ctx, p)
	p.report.finish(err)
	return errors.Join(o.run.print(ctx, e, []report{p.report}), verdict([]error{err}))
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

func (o promoteOptions) promote(ctx context.Context, p *pass) error {
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
		id, err := findCheckpoint(p.known.Table, o.to)
		if err != nil {
			return err
		}
		if p.known.Table.Channels[o.channel] != id {
			if err := p.promote(ctx, o.channel, id); err != nil {
				return err
			}
		}
		if p.known.Announced == p.known.Table.Log.Entries && !p.unsettled {
			return nil
		}
		return p.announce(ctx, false)
	})
}
