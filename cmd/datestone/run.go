package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/publish"
)

func runCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "run", args: "[REPO...]", max: -1,
		usage: "syncs, publishes and renders redirects in one go: the cron line",
		description: "Reads the remotes of the repositories (default: all). What changed since the newest checkpoint\n" +
			"is published as a new one, under one ID for all repositories; then rules, tables and pages follow.\n" +
			"Where nothing is new, nothing is written. Interrupted anywhere, the next run finishes the work.",
		examples: [2]example{
			{"Every ten minutes, from cron.", "*/10 * * * * datestone --quiet --config /etc/datestone.yaml run"},
			{"One repository, with a line of JSON to read the result from.", "datestone run --json debian"},
		},
		flags: append(runFlags(), atFlag()),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		o.pass.sync, o.pass.publish = true, true
		return errors.Join(err, o.runIf(err == nil, ctx, e))
	})
}

func syncCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "sync", args: "[REPO...]", max: -1,
		usage: "reads the remotes and brings what changed into the bucket, unseen",
		description: "Claims an ID for each repository that changed and brings the content to its place. Readers see\n" +
			"nothing of it until \"datestone publish\" commits it.",
		examples: [2]example{
			{"Bring in everything that changed.", "datestone sync"},
			{"One repository, under an ID that you choose.", "datestone sync --at 20250318T140338Z debian"},
		},
		flags: append(runFlags(), atFlag()),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		o.pass.sync = true
		return errors.Join(err, o.runIf(err == nil, ctx, e))
	})
}

func publishCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "publish", args: "[REPO...]", max: -1,
		usage: "commits what \"datestone sync\" claimed",
		description: "Draws the pages, appends the record that makes a checkpoint of what was claimed, puts rules in\n" +
			"force and then tells of it. Where nothing is claimed it does nothing, unless --force is given.",
		examples: [2]example{
			{"Publish what was synced.", "datestone sync && datestone publish"},
			{"The same state again under a new ID; or an empty checkpoint, where there is none yet.", "datestone publish --force debian"},
		},
		flags: append(runFlags(), atFlag(),
			boolFlag("force", "publish the newest state again under a new ID, or an empty checkpoint, where nothing is claimed")),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		o.pass.publish, o.pass.force = true, c.Bool("force")
		return errors.Join(err, o.runIf(err == nil, ctx, e))
	})
}

func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "jobs", Value: 64, Usage: "make at most `N` requests to the bucket at once", EnvVars: envVar("jobs")},
		&cli.DurationFlag{Name: "lock-wait", Usage: "wait for another run that is alive, at most `TIME`", EnvVars: envVar("lock-wait")},
		&cli.DurationFlag{Name: "lock-lease", Value: 30 * time.Second, Usage: "let others take over when this run was silent for `TIME`", EnvVars: envVar("lock-lease")},
		jsonFlag(),
	}
}

func atFlag() cli.Flag {
	return stringFlag("at", "", "take `ID` (after the newest, not in the future) instead of the present second")
}

// runOptions are the flags and arguments of run, sync and publish.
type runOptions struct {
	names []string // of repositories; none means all
	at    layout.Stamp
	jobs  int
	json  bool
	pass  passOptions
}

func newRunOptions(c *cli.Context) (runOptions, error) {
	o := runOptions{names: c.Args().Slice(), jobs: c.Int("jobs"), json: c.Bool("json")}
	o.pass.lock = publish.LockConfig{Lease: c.Duration("lock-lease"), Wait: c.Duration("lock-wait")}
	if at := c.String("at"); at != "" {
		var err error
		if o.at, err = layout.ParseStamp(at); err != nil {
			return o, usageErrorf(c.Command.Name, "--at %v", err)
		}
	}
	if o.jobs < 1 || o.jobs > 1024 {
		return o, usageErrorf(c.Command.Name, "--jobs %d: write 1 to 1024", o.jobs)
	}
	if o.pass.lock.Lease < time.Second/10 || o.pass.lock.Wait < 0 {
		return o, usageErrorf(c.Command.Name, "--lock-lease and --lock-wait are times such as 30s; a lease is at least 100ms")
	}
	return o, nil
}

func (o runOptions) runIf(ok bool, ctx context.Context, e *env) error {
	if !ok {
		return nil
	}
	return o.run(ctx, e)
}

func (o runOptions) run(ctx context.Context, e *env) error { return o.onNamed(ctx, e, (*pass).run) }

// work is what a command does with one repository.
type work func(*pass, context.Context) error

// onNamed does work on the repositories that the command line names.
func (o runOptions) onNamed(ctx context.Context, e *env, do work) error {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	repos, err := c.choose(o.names)
	if err != nil {
		return err
	}
	return o.on(ctx, e, c, repos, do)
}

// on opens the site and does work on the repositories, each by itself: one that
// fails does not stop the others.
func (o runOptions) on(ctx context.Context, e *env, c *config, repos []repository, do work) (err error) {
	books := newRunBooks(e, c)
	if o.isRun() {
		defer func() { books.close(ctx, err) }()
	}
	s, err := e.openSite(ctx, c, o.jobs, o.pass.lock.Wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	o.pass.lock.Owner, o.pass.lock.Since = owner(), layout.StampOf(e.Now())
	passes := o.passes(ctx, s, repos, do)
	if s, err = o.withoutIndex(ctx, s, passes, do); err != nil {
		return err
	}
	if o.isRun() {
		books.take(s, passes, s.tell(ctx, passes))
	}
	var errs []error
	var reports []report
	for _, p := range passes {
		errs, reports = append(errs, p.err), append(reports, p.report)
	}
	err = errors.Join(o.print(ctx, e, reports), verdict(errs))
	if err == nil && o.pass.publish && len(repos) == len(c.Repositories) {
		err = s.ownRules(ctx)
	}
	return err
}

// isRun says that remotes are read or states published: status and metrics are
// about that.
func (o runOptions) isRun() bool { return o.pass.sync || o.pass.publish }

// passes works on all repositories at once.
func (o runOptions) passes(ctx context.Context, s *site, repos []repository, do work) []*pass {
	names := make([]string, len(repos))
	for i, r := range repos {
		names[i] = r.Name
	}
	m := newMoment(s, o.at, names)
	passes := make([]*pass, len(repos))
	var g sync.WaitGroup
	for i, r := range repos {
		p := &pass{site: s, options: o.pass, repo: r, log: s.log(r), moment: m, report: report{Repository: r.Name}}
		passes[i] = p
		g.Go(func() {
			p.err = do(p, ctx)
			p.report.finish(p.err)
		})
	}
	g.Wait()
	return passes
}

func (o runOptions) print(ctx context.Context, e *env, reports []report) error {
	for _, r := range reports {
		var err error
		switch {
		case o.json:
			err = printJSON(e.Stdout, r)
		case r.Result != "failed" && !e.Quiet:
			_, err = fmt.Fprintln(e.Stdout, r)
		}
		if err != nil {
			return err
		}
		if r.Error != "" && len(reports) > 1 {
			e.Log.ErrorContext(ctx, "repository failed", "repo", r.Repository, "error", r.Error)
		}
	}
	return nil
}

// verdict makes one error of those of several repositories, with the exit code
// that SPEC section 2 gives it.
func verdict(errs []error) error {
	failed, locked := 0, 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
		if errors.Is(err, publish.ErrLocked) {
			locked++
		}
	}
	switch all := errors.Join(errs...); {
	case failed == 0:
		return nil
	case failed == locked && failed == len(errs):
		return withCode(exitLocked, all)
	case failed < len(errs):
		return withCode(exitSome, fmt.Errorf("%d of %d repositories failed, the others are done", failed, len(errs)))
	default:
		return all
	}
}

// owner names this run to others that find its lock.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("process %d on %s (%s)", os.Getpid(), host, rand.Text()[:8])
}

// choose returns the repositories of those names, or all.
func (c *config) choose(names []string) ([]repository, error) {
	if len(names) == 0 {
		return c.Repositories, nil
	}
	var chosen []repository
	seen := map[string]bool{}
	for _, n := range names {
		r, err := c.repository(n)
		if err != nil {
			return nil, err
		}
		if !seen[n] {
			chosen = append(chosen, r)
		}
		seen[n] = true
	}
	return chosen, nil
}
