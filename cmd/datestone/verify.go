package main

import (
	"context"
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
			"and ends with exit code 5 when there is one. An interrupted verify says how to go on.",
		examples: [2]example{
			{"Is every byte what it was when it was published?", "datestone verify --deep"},
			{"What is wrong with one checkpoint, for a machine.", "datestone verify --json debian 20250318T140338Z | jq -r .key"},
		},
		flags: append(runFlags(),
			boolFlag("deep", "read every byte, instead of asking what the bucket knows"),
			stringFlag("from", "", "begin with the checkpoint `ID`, as an interrupted verify said")),
	}, func(ctx context.Context, c *cli.Context) error {
		run, err := newRunOptions(c)
		if err != nil {
			return err
		}
		o := verifyOptions{run: run, repo: c.Args().Get(0), deep: c.Bool("deep")}
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
	store, err := e.openStore(ctx, c.Bucket, o.run.jobs)
	if err != nil {
		return err
	}
	bucket, err := publish.New(publish.Config{Store: store, Jobs: o.run.jobs, Log: e.Log})
	if err != nil {
		return err
	}
	v := &verifier{env: e, verifyOptions: o, config: c, bucket: bucket, bar: newProgress(e), tables: map[string]layout.Table{}}
	err = v.all(ctx, repos)
	v.summary(ctx)
	if err == nil && v.findings > 0 {
		err = withCode(exitDamage, fmt.Errorf("verify: %s not as they should be", count(v.findings, "thing")))
	}
	return err
}

// A verifier is a verify at work.
type verifier struct {
	*env
	verifyOptions
	config *config
	bucket *publish.Bucket
	bar    progress

	// tables are those whose logs were found whole, and which readers see.
	tables   map[string]layout.Table
	done     publish.Verified
	findings int
}

// all looks at the repositories, one after the other, and then at what is
// theirs together.
func (v *verifier) all(ctx context.Context, repos []repository) error {
	if v.repo == "" {
		if err := v.index(ctx); err != nil {
			return err
		}
	}
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
}

func (f finding) String() string { return fmt.Sprintf("%-8s %s  %s", f.Kind, f.Key, f.Detail) }

// tell prints a finding.
func (v *verifier) tell(f finding) error {
	v.findings++
	if v.run.json {
		return printJSON(v.Stdout, f)
	}
	_, err := fmt.Fprintln(v.Stdout, printable(f.String()))
	return err
}

func (v *verifier) summary(ctx context.Context) {
	d := v.done
	if d.Unswept > 0 {
		v.Log.InfoContext(ctx, "checkpoints that were pruned stand until a later prune removes them", "objects", d.Unswept)
	}
	if d.Redrawn > 0 {
		v.Log.InfoContext(ctx, "pages have the right rows in another style, or under another public URL", "pages", d.Redrawn)
	}
	v.Log.InfoContext(ctx, "verified", "checkpoints", d.Checkpoints, "objects", d.Objects,
		"bytes", d.Bytes, "deep", v.deep, "findings", v.findings)
}

// repository looks at all that is one repository's.
func (v *verifier) repository(ctx context.Context, r repository) error {
	w := &verifyWork{verifier: v, repo: r, log: v.bucket.Log(r.Name, r.BasePath)}
	body, info, err := w.log.ReadTable(ctx)
	if err != nil {
		return err
	}
	shown, _ := layout.ShownChanges(body)
	found := func(f publish.Finding) error { return w.found(ctx, f) }
	if w.history, err = w.log.ReadHistory(ctx, r.Settings, shown, found); err != nil {
		return err
	}
	if err := w.signatures(ctx, shown); err != nil {
		return err
	}
	if v.only == "" {
		if err := w.pages(ctx, body, info); err != nil {
			return err
		}
	} else if err := w.checkOnly(); err != nil {
		return err
	}
	return w.objects(ctx)
}

// verifyWork is the work on one repository.
type verifyWork struct {
	*verifier
	repo    repository
	log     *publish.Log
	history *publish.History
	// behind is that readers do not see all yet that the log has.
	behind bool
	months map[string]bool
}

// found tells of a flaw, unless it is what a run that is under way has not
// come to yet, or one that was interrupted has left to the next.
func (w *verifyWork) found(ctx context.Context, f publish.Finding) error {
	if f.Flaw == publish.Stale {
		w.behind = true
		owner, err := w.log.Owner(ctx)
		if err != nil {
			return err
		}
		if owner != "" {
			w.Log.InfoContext(ctx, "a run is under way, or was interrupted: it or the next one brings it up to date",
				"key", f.Key, "detail", f.Detail, "owner", owner)
			return nil
		}
	}
	return w.tell(finding{Kind: string(f.Flaw), Key: f.Key, Detail: f.Detail, Repository: w.repo.Name, Checkpoint: f.Checkpoint})
}

// checkOnly refuses an ID that is none of a checkpoint.
func (w *verifyWork) checkOnly() error {
	_, known := w.history.Table.Find(w.only)
	switch {
	case known:
		return nil
	case w.history.Pruned[w.only]:
		return fmt.Errorf("checkpoint %s was pruned", w.only)
	case w.history.Unsure[w.only]:
		return fmt.Errorf("the record of checkpoint %s is lost", w.only)
	}
	return withCode(exitUsage, fmt.Errorf("there is no checkpoint %s", w.only))
}

// objects looks at what stands below the base path.
func (w *verifyWork) objects(ctx context.Context) error {
	explained, err := w.explained(ctx)
	if err != nil {
		return err
	}
	w.bar.Start("verify "+w.repo.Name, w.total())
	defer w.bar.Done()
	before := w.done
	now, err := w.log.Verify(ctx, publish.Verification{
		History: w.history, Settings: w.repo.Settings, PublicURL: w.config.PublicURL,
		Deep: w.deep, Only: w.only, From: w.from, Explained: explained,
		Found: w.found, Passed: w.bar.Add,
	})
	w.done = publish.Verified{Checkpoints: before.Checkpoints + now.Checkpoints, Objects: before.Objects + now.Objects,
		Bytes: before.Bytes + now.Bytes, Unswept: before.Unswept + now.Unswept, Redrawn: before.Redrawn + now.Redrawn, At: now.At}
	return err
}

// total is how many bytes are to be looked at.
func (w *verifyWork) total() (bytes int64) {
	for _, c := range w.history.Table.Checkpoints {
		if c.ID >= w.from && (w.only == "" || c.ID == w.only) {
			bytes += c.Bytes
		}
	}
	return bytes
}
