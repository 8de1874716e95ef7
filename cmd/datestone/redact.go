package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/publish"
)

func redactCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "redact", args: "REPO", min: 1, max: 1,
		usage: "removes content for legal cause from every checkpoint",
		description: "Appends to the repository's log what is removed and why, and then removes it under every path and from\n" +
			"every checkpoint that had it, with all versions that the bucket keeps and all hard links. Where it stood\n" +
			"is a 404; the list of checkpoints says so and why; no later run publishes these bytes again. The\n" +
			"log is not changed otherwise and can still be verified. --path means all contents that the path ever\n" +
			"had. Prints a line for each object. Without --sha256 and --path it removes again what the log says was\n" +
			"redacted: after an interruption, or when a lock (Object Lock) has ended that kept a version. Caches of\n" +
			"edges and other repositories are not touched: see docs/operations.md.",
		examples: [2]example{
			{"What would go.", "datestone redact --dry-run --path pool/main/s/secret/secret_1.0_amd64.deb debian"},
			{"Remove it.", "datestone redact --path pool/main/s/secret/secret_1.0_amd64.deb --reason \"court order 7 O 25\" debian"},
		},
		flags: append(runFlags(),
			stringsFlag("sha256", "remove the content with this `DIGEST`; may be given again"),
			stringsFlag("path", "remove what stands, or ever stood, under this `PATH` of a checkpoint; may be given again"),
			stringFlag("reason", "", "say why, in one `LINE` that everyone can read"),
			boolFlag("dry-run", "print what would go, and change nothing")),
	}, func(ctx context.Context, c *cli.Context) error {
		run, err := newRunOptions(c)
		if err != nil {
			return err
		}
		o := redactOptions{run: run, repo: c.Args().First(), paths: c.StringSlice("path"), reason: c.String("reason"), dry: c.Bool("dry-run")}
		if err := o.parse(c.StringSlice("sha256")); err != nil {
			return err
		}
		return o.do(ctx, e)
	})
}

type redactOptions struct {
	run    runOptions
	repo   string
	sums   []layout.Digest
	paths  []string
	reason string
	dry    bool
}

func (o *redactOptions) parse(digests []string) error {
	for _, text := range digests {
		sum, err := layout.ParseDigest(text)
		if err != nil {
			return usageErrorf("redact", "redact: --sha256 %q: write the 64 hexadecimal digits that sha256sum prints", text)
		}
		o.sums = append(o.sums, sum)
	}
	for _, p := range o.paths {
		if _, err := layout.CleanPath(p); err != nil {
			return usageErrorf("redact", "redact: --path: %v; write it as it stands below a checkpoint", err)
		}
	}
	asked := len(o.sums)+len(o.paths) > 0
	switch _, err := layout.CleanReason(o.reason); {
	case !asked && o.reason != "":
		return usageErrorf("redact", "redact: --reason needs --sha256 or --path beside it")
	case asked && o.reason == "" && o.dry:
		return nil
	case asked && err != nil:
		return usageErrorf("redact", "redact: --reason: %v", err)
	}
	return nil
}

func (o redactOptions) do(ctx context.Context, e *env) error {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	repo, err := c.repository(o.repo)
	if err != nil {
		return err
	}
	if o.dry {
		return o.plan(ctx, e, repo)
	}
	s, err := e.openSite(ctx, c, o.run.jobs, o.run.pass.lock.Wait)
	if err != nil {
		return err
	}
	o.run.pass.lock.Owner, o.run.pass.lock.Since = owner(), layout.StampOf(e.Now())
	p := &pass{site: s, options: o.run.pass, repo: repo, log: s.log(repo)}
	return errors.Join(o.redact(ctx, p), s.close())
}

// plan prints what would go.
func (o redactOptions) plan(ctx context.Context, e *env, repo repository) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	s := &search{log: r.bucket.Log(repo.Name, repo.BasePath), base: repo.BasePath}
	t, err := s.read(ctx, repo.Settings)
	if err != nil {
		return err
	}
	gone, err := o.choose(ctx, s, t)
	if err != nil {
		return err
	}
	for _, g := range gone {
		g.Action = "would remove"
		if err := o.print(e, g); err != nil {
			return err
		}
	}
	return nil
}

// redact does the work under the lock: first the log says what goes, so that
// no run brings it back, then it goes, then readers are told.
func (o redactOptions) redact(ctx context.Context, p *pass) error {
	return p.apart(ctx, func(ctx context.Context) error {
		s := &search{log: p.log, base: p.repo.BasePath, claims: slices.Concat(p.claims, p.past)}
		if _, err := s.read(ctx, p.repo.Settings); err != nil {
			return err
		}
		gone, err := o.choose(ctx, s, p.known.Table)
		if err != nil {
			return err
		}
		if err := o.record(ctx, p, gone); err != nil {
			return err
		}
		removeErr := o.remove(ctx, p, gone)
		return errors.Join(removeErr, p.tell(ctx))
	})
}

// choose returns the objects that have what was asked for, or, when nothing
// was, what was redacted before. That something is nowhere is an error: it may
// be mistyped, and stand on.
func (o redactOptions) choose(ctx context.Context, s *search, t layout.Table) ([]goneObject, error) {
	sums := map[layout.Digest]bool{}
	if len(o.sums)+len(o.paths) == 0 {
		for _, r := range t.Redacted {
			sums[r.SHA256] = true
		}
	}
	if err := o.addPaths(ctx, s, sums); err != nil {
		return nil, err
	}
	for _, sum := range o.sums {
		sums[sum] = true
	}
	gone, err := s.find(ctx, func(f layout.File) bool { return sums[f.SHA256] })
	if err != nil {
		return nil, err
	}
	for _, sum := range o.sums {
		if !slices.ContainsFunc(gone, func(g goneObject) bool { return g.SHA256 == sum }) {
			return nil, fmt.Errorf("no checkpoint of %q ever had content with the SHA-256 %s", o.repo, sum)
		}
	}
	return gone, nil
}

// addPaths adds all that ever stood under the paths asked for.
func (o redactOptions) addPaths(ctx context.Context, s *search, sums map[layout.Digest]bool) error {
	if len(o.paths) == 0 {
		return nil
	}
	found, err := s.find(ctx, func(f layout.File) bool { return slices.Contains(o.paths, f.Path) })
	if err != nil {
		return err
	}
	for _, path := range o.paths {
		if !slices.ContainsFunc(found, func(g goneObject) bool { return g.Path == path }) {
			return fmt.Errorf("no checkpoint of %q ever had the path %q", o.repo, path)
		}
	}
	for _, g := range found {
		sums[g.SHA256] = true
	}
	return nil
}

// recordSums is how many digests one record has at most: a record is small.
const recordSums = 10_000

// record appends to the log what is not recorded yet.
func (o redactOptions) record(ctx context.Context, p *pass, gone []goneObject) error {
	var fresh []layout.Digest
	for _, g := range gone {
		if _, known := p.known.Table.Redaction(g.SHA256); !known {
			fresh = append(fresh, g.SHA256)
		}
	}
	slices.SortFunc(fresh, func(a, b layout.Digest) int { return cmp.Compare(a.String(), b.String()) })
	for sums := range slices.Chunk(slices.Compact(fresh), recordSums) {
		now := layout.StampOf(p.Now())
		r := layout.NewRecord(layout.Redact, p.known.Table.Log, p.repo.Name, p.repo.BasePath, now, now)
		r.Redacted, r.Reason = sums, o.reason
		e, err := p.log.Append(ctx, r)
		if err := p.took(e, err); err != nil {
			return err
		}
		if err := p.remember(); err != nil {
			return err
		}
	}
	return nil
}

// remove removes the objects, and prints what became of each.
func (o redactOptions) remove(ctx context.Context, p *pass, gone []goneObject) error {
	locked := map[string]*publish.RetainedError{}
	err := p.bucket.Purge(ctx, goneKeys(p.repo.Name, gone), func(e *publish.RetainedError) { locked[e.Key] = e })
	if err != nil {
		return fmt.Errorf("%w; it is recorded what must go, but not all of it is gone: run \"datestone redact %s\" again", err, o.repo)
	}
	for _, g := range gone {
		g.Action = "removed"
		if e, ok := locked[g.key]; ok {
			g.locked(e)
		}
		if err := o.print(p.env, g); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		p.Log.WarnContext(ctx, "what was removed may stand in caches of edges and browsers: invalidate it there", "repo", o.repo, "objects", len(gone))
	}
	return o.lockedError(locked)
}

// goneKeys are the keys of the objects, and those at which a repair that was
// killed may have put the same bytes aside.
func goneKeys(repository string, gone []goneObject) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		aside := map[layout.Digest]bool{}
		for _, g := range gone {
			if !yield(g.key, nil) || !aside[g.SHA256] && !yield(layout.MendingKey(repository, g.SHA256), nil) {
				return
			}
			aside[g.SHA256] = true
		}
	}
}

func (o redactOptions) lockedError(locked map[string]*publish.RetainedError) error {
	if len(locked) == 0 {
		return nil
	}
	var last time.Time
	until := "their locks end"
	for _, e := range locked {
		if e.Until.After(last) {
			last = e.Until
			until = last.UTC().Format(time.RFC3339)
		}
	}
	return fmt.Errorf("%s can't be removed before %s, being locked: readers get a 404, but the bytes stay in a version; run \"datestone redact %s\" again then",
		count(len(locked), "object"), until, o.repo)
}
