package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	reposync "datestone/sync"
	"datestone/sync/history"
)

func backfillCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "backfill", args: "REPO", min: 1, max: 1,
		usage: "publishes past states under their own times",
		description: "Reads the states that the sources have, oldest first, verifies each as a run does, and commits it under\n" +
			"the time that it is of, before or between the checkpoints there are. What equals the checkpoint before it\n" +
			"is left to that one. Content that the bucket holds is not fetched again. Nothing enters at or after the\n" +
			"newest checkpoint, unless the repository was empty, and nothing a span that was pruned. A state that\n" +
			"can't be made complete is skipped; at the end all of those are listed, and the exit code is 3.\n" +
			"\n" +
			"Answers change for spans of time that had others before: they are printed, with those that had been\n" +
			"answered with 301, which caches may keep. Look at them first with --dry-run, which reads the metadata of\n" +
			"all states and writes nothing. An interrupted backfill is taken up by the same command, with --resume\n" +
			"without reading again what it had read.\n" +
			"\n" +
			"Sources:\n" +
			"   dir:PATTERN         directories on disk, s3://, minio://, or http:// with index pages, whose names have the\n" +
			"                       time as {ID}, or as {YYYY}, {MM}, {DD}, {hh}, {mm} and {ss}; * is any text\n" +
			"   list:FILE           CSV: a time, and the URL or path of the manifest (type file) or directory\n" +
			"   url:PATTERN#TIMES   a site with times in its URLs; TIMES is a URL or file: a list of times, /mr/timestamp/,\n" +
			"                       an index page, or another datestone's checkpoints.json; without it index pages are read\n" +
			"   versions:URL        s3:// or minio://: versions of the manifest (InRelease, repomd.xml) in a bucket\n" +
			"   git:DIR#PATH        commits that changed the manifest (or, of deb and rpm, the directory) at PATH",
		examples: [2]example{
			{"What would change.", "datestone backfill --dry-run --from 'dir:/srv/archive/{YYYY}/{MM}/{DD}' debian"},
			{"A day's state each of two years of another service, at most five requests a second.",
				"datestone backfill --from 'url:https://snapshot.debian.org/archive/debian/{ID}/#https://snapshot.debian.org/mr/timestamp/?archive=debian' --since 20230101 --until 20250101 --every 1d --rate 5 debian"},
		},
		flags: append(runFlags(), backfillFlags()...),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newBackfillOptions(c)
		if err != nil {
			return err
		}
		return o.do(ctx, e)
	})
}

func backfillFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "from", Value: &wordsValue{}, EnvVars: envVar("from"), Usage: "read past states from `SOURCE`; may be given again, the first counts where two have a state of one second"},
		stringFlag("since", "", "take no state before `ID` or date, which is its 00:00:00, UTC"),
		stringFlag("until", "", "take no state after `ID` or date, which is its 00:00:00, UTC"),
		stringFlag("every", "", "take the first state of each `TIME` only: 1d begins at midnight, UTC"),
		boolFlag("every-state", "publish states that equal the one before them, too"),
		boolFlag("strict", "stop at the first state that can't be made complete"),
		&cli.IntFlag{Name: "parallel", Value: 2, Usage: "read the metadata of `N` states at once", EnvVars: envVar("parallel")},
		&cli.Float64Flag{Name: "rate", Value: 20, Usage: "make at most `N` requests a second to one host; 0 is any number", EnvVars: envVar("rate")},
		boolFlag("dry-run", "print what would be published and which answers would change, and write nothing"),
		boolFlag("resume", "go on behind the last state that an interrupted backfill from the same sources was done with"),
	}
}

// wordsValue are the values of a flag that may be given again. Unlike the
// library's own slices it does not cut at commas, which paths may have.
type wordsValue []string

func (w *wordsValue) Set(s string) error {
	*w = append(*w, s)
	return nil
}

func (w *wordsValue) String() string { return strings.Join(*w, " ") }

// backfillOptions are the flags and the argument of backfill.
type backfillOptions struct {
	run                             runOptions
	repo                            string
	from                            []string
	since, until                    layout.Stamp // none: no limit
	every                           time.Duration
	everyState, strict, dry, resume bool
	parallel                        int
	rate                            float64
}

func newBackfillOptions(c *cli.Context) (o backfillOptions, err error) {
	if o.run, err = newRunOptions(c); err != nil {
		return o, err
	}
	o.repo, o.from = c.Args().First(), *c.Generic("from").(*wordsValue)
	o.everyState, o.strict, o.dry, o.resume = c.Bool("every-state"), c.Bool("strict"), c.Bool("dry-run"), c.Bool("resume")
	o.parallel, o.rate = c.Int("parallel"), c.Float64("rate")
	for name, to := range map[string]*layout.Stamp{"since": &o.since, "until": &o.until} {
		if text := c.String(name); text != "" {
			if *to, err = layout.ParseMoment(text); err != nil {
				return o, usageErrorf("backfill", "backfill: --%s: %v", name, err)
			}
		}
	}
	if text := c.String("every"); text != "" {
		if o.every, err = parseDuration(text); err != nil || o.every < time.Second {
			return o, usageErrorf("backfill", "backfill: --every %q: write 1d, 12h or 7d", text)
		}
	}
	switch {
	case len(o.from) == 0:
		return o, usageErrorf("backfill", "backfill: --from is missing: where are the past states?")
	case o.parallel < 1 || o.parallel > 64:
		return o, usageErrorf("backfill", "backfill: --parallel %d: write 1 to 64", o.parallel)
	case o.rate < 0:
		return o, usageErrorf("backfill", "backfill: --rate %v: write how many requests a second, or 0 for any number", o.rate)
	case o.until != "" && o.until < o.since:
		return o, usageErrorf("backfill", "backfill: --until %s is before --since %s", o.until, o.since)
	case o.dry && o.resume:
		return o, usageErrorf("backfill", "backfill: --dry-run and --resume exclude each other")
	}
	return o, nil
}

func (o backfillOptions) do(ctx context.Context, e *env) error {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	repo, err := c.repository(o.repo)
	if err != nil {
		return err
	}
	opener := &pastOpener{env: e, ctx: ctx, remote: repo.Remote, jobs: o.run.jobs, stores: map[string]pastBucket{}, users: pastSecrets{},
		client: reposync.New(reposync.Config{Log: e.Log, Rate: o.rate})}
	chosen, err := o.choose(opener)
	if err != nil {
		return err
	}
	if o.dry {
		return o.dryRun(ctx, e, c, repo, chosen)
	}
	return o.fill(ctx, e, c, repo, chosen)
}

// A choice is what the sources have, and what of it is asked for.
type choice struct {
	opener  *pastOpener
	sources []pastSource
	all     map[layout.Stamp]bool // IDs of all states that the sources have
	states  []history.State       // those asked for, ascending
	later   bool                  // there are states after --until
}

// choose reads which states the sources have.
func (o backfillOptions) choose(opener *pastOpener) (choice, error) {
	c := choice{opener: opener, all: map[layout.Stamp]bool{}}
	var sequences []iter.Seq2[history.State, error]
	for _, text := range o.from {
		s, err := opener.source(text)
		if err != nil {
			return c, usageErrorf("backfill", "backfill: --from %v", err)
		}
		c.sources = append(c.sources, s)
		sequences = append(sequences, s.states)
	}
	for s, err := range history.Merge(sequences...) {
		if err != nil {
			return c, err
		}
		c.all[s.ID] = c.all[s.ID] || s.Bad == ""
		c.later = c.later || s.Bad == "" && o.until != "" && s.ID > o.until
		if s.ID == "" || o.since <= s.ID && (o.until == "" || s.ID <= o.until) {
			c.states = append(c.states, s)
		}
	}
	c.states = history.Every(o.every, c.states)
	switch all := slices.Sorted(maps.Keys(c.all)); {
	case len(all) == 0:
		return c, fmt.Errorf("%s: there is no state: nothing has a name of that form", o.named())
	case len(c.states) == 0: // and so no state is without a time
		opener.Log.Warn("all states of the sources lie before --since or after --until", "first", all[0], "last", all[len(all)-1])
	}
	return c, nil
}

// named are the sources as people wrote them.
func (o backfillOptions) named() string {
	var from []string
	for _, text := range o.from {
		from = append(from, fmt.Sprintf("--from %q", withoutSecrets(text)))
	}
	return strings.Join(from, ", ")
}
