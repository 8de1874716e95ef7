package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
	reposync "datestone/sync"
)

// A site is a configuration at work: the rooms, opened.
type site struct {
	*env
	config  *config
	bucket  *publish.Bucket
	index   *index.DB
	remotes *reposync.Client
	bar     progress
	// announcing is held by the one repository whose announcement is going on:
	// rules are one thing for all of them.
	announcing sync.Mutex
	// writable finds out, once a run, whether the bucket keeps its conditions.
	writable func(context.Context) error
	// refused tells the bucket's finding that content has another digest than
	// its file; nil where it finds nothing, and before writable has returned.
	refused func(error) bool
}

// openSite opens bucket and index, and works with that many requests at once.
// It waits that long for an index that another run has open.
func (e *env) openSite(ctx context.Context, c *config, jobs int, wait time.Duration) (*site, error) {
	store, err := e.openStore(ctx, c.Bucket, jobs)
	if err != nil {
		return nil, err
	}
	bucket, err := publish.New(publish.Config{Store: store, Jobs: jobs, Unconditional: c.Lock == lockNone, Log: e.Log})
	if err != nil {
		return nil, err
	}
	if err := c.checkWebsite(bucket); err != nil {
		return nil, err
	}
	db, err := openIndex(ctx, c, wait)
	if errors.Is(err, index.ErrInUse) {
		return nil, withCode(exitLocked, fmt.Errorf("%w%s; wait for it with --lock-wait, or run again later", err, holders(ctx, c, bucket)))
	}
	if err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	if name, why := db.SetAside(); name != "" {
		e.Log.WarnContext(ctx, "index was set aside and is made again from the bucket", "why", why, "kept as", name)
	}
	s := &site{env: e, config: c, bucket: bucket, index: db, remotes: reposync.New(reposync.Config{Log: e.Log}), bar: newProgress(e)}
	s.writable = onceCtx(s.probe)
	return s, nil
}

// openIndex waits as long as told for another process to leave the index.
func openIndex(ctx context.Context, c *config, wait time.Duration) (*index.DB, error) {
	for began := time.Now(); ; {
		db, err := index.Open(c.Index, index.Config{Bucket: c.Bucket.String()})
		if !errors.Is(err, index.ErrInUse) || time.Since(began) >= wait {
			return db, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// holders says who holds locks in the bucket, as far as that can be seen.
func holders(ctx context.Context, c *config, b *publish.Bucket) string {
	var text string
	for _, r := range c.Repositories {
		if owner, err := b.Log(r.Name, r.BasePath).Owner(ctx); err == nil && owner != "" {
			text += fmt.Sprintf("; repository %q: %s holds the lock", r.Name, owner)
		}
	}
	return text
}

func (s *site) close() error { return s.index.Close() }

// onceCtx calls f once, with the first caller's context.
func onceCtx(f func(context.Context) error) func(context.Context) error {
	var once sync.Once
	var err error
	return func(ctx context.Context) error {
		once.Do(func() { err = f(ctx) })
		return err
	}
}

// probedName is under what the index remembers the probe's finding.
const probedName = "honours"

// probe finds out whether the bucket keeps the conditions on which commits and
// locks rest, and remembers a good finding.
func (s *site) probe(ctx context.Context) error {
	var h publish.Honours
	if b, err := s.index.Recall(probedName); err == nil && json.Unmarshal(b, &h) == nil && checkHonours(s.config, h) == nil {
		s.rely(h)
		return nil
	}
	h, err := probeBucket(ctx, s.config, s.bucket)
	if err != nil {
		return err
	}
	s.rely(h)
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return s.index.Remember(probedName, b)
}

// probeBucket refuses a bucket that does not keep conditions, or that does
// although the configuration says otherwise.
func probeBucket(ctx context.Context, c *config, b *publish.Bucket) (publish.Honours, error) {
	h, err := b.Probe(ctx)
	if err == nil {
		err = checkHonours(c, h)
	}
	return h, err
}

// checkHonours holds what a bucket keeps against the configuration.
func checkHonours(c *config, h publish.Honours) error {
	keeps := h.Create && h.IfMatch
	switch {
	case keeps && c.Lock == lockNone:
		return fmt.Errorf(`bucket %s keeps conditional writes: take "lock: none" out of the configuration, `+
			"as it gives away the protection from a second writer", c.Bucket)
	case !keeps && c.Lock != lockNone:
		return fmt.Errorf("bucket %s ignores conditional writes (If-None-Match kept: %t, If-Match kept: %t), "+
			"so two runs could overwrite each other: use a store that keeps them; or, if you make sure that never two processes write at once, "+
			`put "lock: none" into the configuration`, c.Bucket, h.Create, h.IfMatch)
	}
	return nil
}

// rely leaves it to a bucket that looks at digests to do so.
func (s *site) rely(h publish.Honours) {
	if h.Digest {
		s.refused = func(err error) bool { return errors.Is(err, publish.ErrDigest) }
	}
}

// log returns the log of a repository.
func (s *site) log(r repository) *publish.Log { return s.bucket.Log(r.Name, r.BasePath) }

// table returns the table of a repository up to its log's end, from the index
// or else the bucket. It remembers nothing.
func (s *site) table(ctx context.Context, r repository) (layout.Table, error) {
	known, err := s.recall(ctx, r)
	if err != nil {
		return layout.Table{}, err
	}
	for e, err := range s.log(r).After(ctx, known.Table.Log.Entries) {
		if err == nil {
			err = known.Table.Apply(r.Settings, e)
		}
		if err != nil {
			return layout.Table{}, err
		}
	}
	return known.Table, nil
}

// recall returns what the index knows of a repository, or else what its table
// in the bucket says. A table made with other settings is begun again.
func (s *site) recall(ctx context.Context, r repository) (index.Repo, error) {
	known, err := s.index.Repo(r.Name)
	if errors.Is(err, fs.ErrNotExist) {
		known = index.Repo{Table: layout.NewTable(r.Settings)}
		var t layout.Table
		if t, err = s.log(r).Table(ctx); err == nil {
			known.Table, known.Announced = t, t.Log.Entries
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return known, err
	}
	if !known.Table.Fits(r.Settings) {
		known.Table, known.Announced = layout.NewTable(r.Settings), unannounced
	}
	return known, nil
}

// unannounced is the Announced of a table that was made with other settings.
const unannounced = -1

// tables returns the tables of all repositories, mine being that of the
// repository name.
func (s *site) tables(ctx context.Context, name string, mine layout.Table) ([]layout.Table, error) {
	var tables []layout.Table
	for _, r := range s.config.Repositories {
		t := mine
		if r.Name != name {
			var err error
			if t, err = s.table(ctx, r); err != nil {
				return nil, err
			}
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// rules renders all targets for the tables, pushes them where that is
// configured, and runs exec when that changed something, or when it must run
// in any case. The index remembers from which tables they are.
func (s *site) rules(ctx context.Context, tables []layout.Table, always bool) error {
	var changed bool
	for _, target := range s.config.Redirects.Targets {
		artifacts, err := s.config.input(tables).Render(target)
		if err != nil {
			return fmt.Errorf("render %s rules: %w", target, err)
		}
		files, err := writeRules(s.config.Redirects.Out, artifacts)
		if err != nil {
			return err
		}
		changed = changed || slices.ContainsFunc(files, func(w written) bool { return w.changed })
	}
	if err := s.push(ctx, tables); err != nil {
		return fmt.Errorf("rules are written, but not in force, so nothing was announced: %w", err)
	}
	if (changed || always) && len(s.config.Redirects.Exec) > 0 {
		if err := s.exec(ctx); err != nil {
			return err
		}
	}
	from, err := s.madeFrom(tables)
	if err != nil {
		return err
	}
	return s.index.Remember(rulesName, from)
}
