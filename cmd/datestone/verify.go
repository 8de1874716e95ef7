package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/publish"
)

func verifyCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "verify", args: "[REPO [ID]]", max: 2,
		usage: "holds the bucket against the log",
		description: "Reads the log of each repository (default: all) and holds against it all that stands in the bucket:\n" +
			"records, file lists, every file and page of every checkpoint, table, listings, and what nothing\n" +
			"tells of; the rules on this machine and the index too. Object stores are asked for size, digest and\n" +
			"headers of every object, directories for sizes; --deep reads every byte. Prints a line for each\n" +
			"thing that is wrong (missing, size, bytes, header, unknown, chain, stale, redacted, signature, rules, index),\n" +
			"and ends with exit code 5 when there is one. An interrupted verify says how to go on. --repair takes each\n" +
			"repository's lock, and brings back what it can: content from another key with the same bytes or from\n" +
			"upstream, read before it is believed; pages, table and listings from the log, rules from the tables, file\n" +
			"lists from the index. It removes nothing, and says of the rest why it stays; only that counts for the exit code.",
		examples: [2]example{
			{"Is every byte what it was when it was published?", "datestone verify --deep"},
			{"What is wrong with one checkpoint, for a machine.", "datestone verify --json debian 20250318T140338Z | jq -r .key"},
		},
		flags: append(runFlags(),
			boolFlag("deep", "read every byte, instead of asking what the bucket knows"),
			boolFlag("repair", "bring back what can be brought back"),
			stringFlag("from", "", "begin with the checkpoint `ID`, as an interrupted verify said")),
	}, func(ctx context.Context, c *cli.Context) error {
		run, err := newRunOptions(c)
		if err != nil {
			return err
		}
		o := verifyOptions{run: run, repo: c.Args().Get(0), deep: c.Bool("deep"), repair: c.Bool("repair")}
		if err := o.parse(c.Args().Get(1), c.String("from")); err != nil {
			return err
		}
		return o.do(ctx, e)
	})
}

type verifyOptions struct {
	run        runOptions
	repo       string // none means all
	only, from layout.Stamp
	deep       bool
	repair     bool
}

func (o *verifyOptions) parse(only, from string) (err error) {
	if only != "" {
		if o.only, err = layout.ParseStamp(only); err != nil {
			return usageErrorf("verify", "verify: %v", err)
		}
	}
	if from != "" {
		if o.from, err = layout.ParseStamp(from); err != nil {
			return usageErrorf("verify", "verify: --from %v", err)
		}
	}
	if from != "" && (o.repo == "" || only != "") {
		return usageErrorf("verify", "verify: --from needs one REPO beside it, and no ID")
	}
	return nil
}

func (o verifyOptions) do(ctx context.Context, e *env) error {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	repos := c.Repositories
	if o.repo != "" {
		if repos, err = c.choose([]string{o.repo}); err != nil {
			return err
		}
	}
	v := &verifier{env: e, verifyOptions: o, config: c, bar: newProgress(e), tables: map[string]layout.Table{}}
	if err := v.start(ctx, repos); err != nil {
		return err
	}
	if left := v.findings - v.repaired; left > 0 {
		return withCode(exitDamage, fmt.Errorf("verify: %s left", count(left, "finding")))
	}
	return nil
}

// start looks at the index, which nobody may have open meanwhile, opens what is
// needed, and looks at the rest.
func (v *verifier) start(ctx context.Context, repos []repository) (err error) {
	defer v.summary(ctx)
	if v.repo == "" {
		if err := v.index(ctx); err != nil {
			return err
		}
	}
	if v.repair {
		lock := &v.run.pass.lock
		lock.Owner, lock.Since = owner(), layout.StampOf(v.Now())
		v.mends, err = v.openSite(ctx, v.config, v.run.jobs, lock.Wait)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.mends.close()) }()
		v.bucket = v.mends.bucket
		return v.all(ctx, repos)
	}
	store, err := v.openStore(ctx, v.config.Bucket, v.run.jobs)
	if err == nil {
		v.bucket, err = publish.New(publish.Config{Store: store, Jobs: v.run.jobs, Log: v.Log})
	}
	if err != nil {
		return err
	}
	return v.all(ctx, repos)
}

// A verifier is a verify at work.
type verifier struct {
	*env
	verifyOptions
	config *config
	bucket *publish.Bucket
	bar    progress

	// mends is the site that is repaired; nil without --repair.
	mends *site
	// tables are those whose logs were found whole, and which readers see.
	tables   map[string]layout.Table
	done     publish.Verified
	findings int
	repaired int // of them
}

// all looks at the repositories, one after the other, and then at what is
// theirs together.
func (v *verifier) all(ctx context.Context, repos []repository) error {
	for i, r := range repos {
		err := v.repository(ctx, r)
		if ctx.Err() != nil {
			v.howToGoOn(ctx, repos[i:])
		}
		if err != nil {
			return fmt.Errorf("verify %q: %w", r.Name, err)
		}
	}
	if v.only != "" {
		return nil
	}
	if err := v.site(ctx, repos); err != nil {
		return err
	}
	if v.repo != "" {
		return nil
	}
	return v.rules(ctx)
}

// howToGoOn says what an interrupted verify has not looked at.
func (v *verifier) howToGoOn(ctx context.Context, left []repository) {
	flags := ""
	if v.deep {
		flags = " --deep"
	}
	for i, r := range left {
		from := ""
		if i == 0 && v.done.At != "" && v.only == "" {
			from = " --from " + string(v.done.At)
		}
		v.Log.WarnContext(ctx, "interrupted; go on with", "command", strings.TrimSpace("datestone verify"+flags+from+" "+r.Name+" "+string(v.only)))
	}
}

// A finding is one thing that is not as it should be: a line of verify, and
// of --json the whole contract.
type finding struct {
	Kind       string       `json:"kind"`
	Key        string       `json:"key"` // of the bucket; for rules and index the file's name
	Detail     string       `json:"detail"`
	Repository string       `json:"repository,omitempty"`
	Checkpoint layout.Stamp `json:"checkpoint,omitempty"`
	// Repaired and Repair say what became of it, with --repair.
	Repaired bool   `json:"repaired,omitempty"`
	Repair   string `json:"repair,omitempty"`
}

func (f finding) String() string {
	line := fmt.Sprintf("%-8s %s  %s", f.Kind, f.Key, f.Detail)
	if f.Repair != "" {
		line += "; " + f.Repair
	}
	return line
}

// mended says what became of a finding.
func (f finding) mended(r repaired) finding {
	f.Repaired, f.Repair = r.done, r.how
	return f
}

// tell prints a finding.
func (v *verifier) tell(f finding) error {
	v.findings++
	if f.Repaired {
		v.repaired++
	}
	if v.run.json {
		return printJSON(v.Stdout, f)
	}
	_, err := fmt.Fprintln(v.Stdout, printable(f.String()))
	return err
}

func (v *verifier) summary(ctx context.Context) {
	d := v.done
	if d.Claimed > 0 {
		v.Log.InfoContext(ctx, "a run is under way, or was interrupted: what it brought in is invisible, and becomes a checkpoint or goes when something is published", "objects", d.Claimed)
	}
	if d.Unswept > 0 {
		v.Log.InfoContext(ctx, "checkpoints that were pruned stand until a later prune removes them", "objects", d.Unswept)
	}
	if d.Redrawn > 0 {
		v.Log.InfoContext(ctx, "pages have the right rows in another style, or under another public URL", "pages", d.Redrawn)
	}
	v.Log.InfoContext(ctx, "verified", "checkpoints", d.Checkpoints, "objects", d.Objects,
		"bytes", d.Bytes, "deep", v.deep, "findings", v.findings, "repaired", v.repaired)
}
