package main

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"datestone/index"
	"datestone/layout"
)

// catchUp brings what is known up to the log's end, as follow does. An index
// that remembers another log than the bucket has, because that was restored or
// exchanged, is begun again.
func (p *pass) catchUp(ctx context.Context) error {
	err := p.follow(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	foreign, lookErr := p.foreign(ctx)
	if lookErr != nil || !foreign {
		return err
	}
	return p.beginAgain(ctx)
}

// foreign reports whether the last record that the index remembers is not the
// one that the bucket has there.
func (p *pass) foreign(ctx context.Context) (bool, error) {
	known, err := p.index.Repo(p.repo.Name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && known.Table.Log.Entries == 0 {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return p.misses(ctx, known.Table.Log)
}

// misses reports whether the log has another record than head, or none.
func (p *pass) misses(ctx context.Context, head layout.Head) (bool, error) {
	e, err := p.log.Entry(ctx, head.Entries)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && e.SHA256 != head.SHA256, err
}

// beginAgain forgets what the index knows of the repository, and takes in what
// the bucket has.
func (p *pass) beginAgain(ctx context.Context) error {
	p.Log.WarnContext(ctx, "the bucket has another log than the index remembers, having been restored or exchanged: beginning again from the bucket",
		"repo", p.repo.Name, "index", p.config.Index)
	if err := p.index.ForgetRepo(p.repo.Name); err != nil {
		return err
	}
	if err := p.index.Unremember(p.signedName(), statusName(p.repo.Name), noteName(p.repo.Name), rulesName); err != nil {
		return err
	}
	p.begun, p.unsettled, p.signed = true, true, 0
	if err := p.setUnsettled(true); err != nil {
		return err
	}
	return p.follow(ctx)
}

// withoutIndex puts an index aside that turned out to be damaged on the way,
// and does the work again that failed of it, once, with a new one. It returns
// the site to go on with.
func (o runOptions) withoutIndex(ctx context.Context, s *site, passes []*pass, do work) (*site, error) {
	var repos []repository
	for _, p := range passes {
		if errors.Is(p.err, index.ErrDamaged) {
			repos = append(repos, p.repo)
		}
	}
	if len(repos) == 0 || ctx.Err() != nil {
		return s, nil
	}
	if err := s.close(); err != nil {
		return s, err
	}
	name, err := index.PutAside(s.config.Index, index.Config{})
	if err != nil {
		return s, err
	}
	s.Log.WarnContext(ctx, "index is damaged, and is made again from the bucket", "kept as", name)
	again, err := s.openSite(ctx, s.config, o.jobs, o.pass.lock.Wait)
	if err != nil {
		return s, err
	}
	for _, done := range o.passes(ctx, again, repos, do) {
		at := slices.IndexFunc(passes, func(p *pass) bool { return p.repo.Name == done.repo.Name })
		passes[at] = done
	}
	return again, nil
}
