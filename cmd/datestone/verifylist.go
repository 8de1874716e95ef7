package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"datestone/layout"
	"datestone/publish"
)

// site looks at repositories.json and the pages that lead to the repositories.
func (v *verifier) site(ctx context.Context, repos []repository) error {
	var rows []layout.Repository
	for _, r := range repos {
		if v.tables[r.Name].Log.Entries > 0 {
			rows = append(rows, layout.NewRepository(r.Name, r.BasePath, r.Remote.Type))
		}
	}
	if len(rows) == 0 {
		return nil // nothing was published, or what was is on its way
	}
	list, flaws, err := v.listed(ctx, rows)
	if err != nil {
		return err
	}
	pages, err := layout.SitePages(list, v.config.PublicPath)
	if err != nil {
		return err
	}
	for _, page := range append(pages[1:], pages[0]) { // the list itself last
		if page.Key != layout.RepositoriesKey {
			if err := v.sitePage(ctx, page, len(flaws) > 0); err != nil {
				return err
			}
			continue
		}
		for _, f := range flaws {
			if err := v.foundSite(ctx, page, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// sitePage looks at a page that leads to repositories. It is drawn again with a
// list that is, before that.
func (v *verifier) sitePage(ctx context.Context, page layout.Page, changed bool) error {
	found := func(ctx context.Context, f publish.Finding) error { return v.foundSite(ctx, page, f) }
	if err := v.page(ctx, page, found); err != nil || !changed || v.mends == nil {
		return err
	}
	return v.bucket.Restore(ctx, page)
}

// foundSite tells of a flaw of what leads to the repositories, and makes it
// again where that is wanted.
func (v *verifier) foundSite(ctx context.Context, page layout.Page, f publish.Finding) error {
	line := finding{Kind: string(f.Flaw), Key: f.Key, Detail: f.Detail}
	if v.mends != nil {
		if err := v.bucket.Restore(ctx, page); err != nil {
			return fmt.Errorf("repair %q: %w", f.Key, err)
		}
		line = line.mended(repaired{done: true, how: "made again from logs and configuration"})
	}
	return v.tell(line)
}

// listed returns the list of repositories as it should be, with the rows given,
// and what is wrong with the one that stands. Others stay in it that have a log:
// the configuration may have lost them.
func (v *verifier) listed(ctx context.Context, rows []layout.Repository) (list layout.Repositories, flaws []publish.Finding, err error) {
	flaw := func(kind publish.Flaw, format string, args ...any) {
		flaws = append(flaws, publish.Finding{Flaw: kind, Key: layout.RepositoriesKey, Detail: fmt.Sprintf(format, args...)})
	}
	list, version, err := v.bucket.Repositories(ctx)
	if ctx.Err() != nil || errors.Is(err, publish.ErrTemporary) {
		return list, nil, err
	}
	anew := version == "" || err != nil
	if anew {
		if list.Changes, err = v.begin(ctx, flaw, err); err != nil {
			return list, nil, err
		}
	}
	for _, r := range slices.Clone(list.Repositories) {
		stands, err := v.hasLog(ctx, r)
		if err != nil {
			return list, nil, err
		}
		if !stands {
			flaw(publish.WrongBytes, "names the repository %q, which has no log", r.Name)
			list.Changes++
			list.Repositories = slices.DeleteFunc(slices.Clone(list.Repositories), func(o layout.Repository) bool { return o == r })
		}
	}
	for _, row := range rows {
		var changed bool
		if list, changed = list.With(row); changed && !anew {
			flaw(publish.WrongBytes, "lacks the repository %q, or says of it what is not so", row.Name)
		}
	}
	return list, flaws, nil
}

// begin tells of a list that is missing or no list, and returns how many
// changes a new one has to count from.
func (v *verifier) begin(ctx context.Context, flaw func(publish.Flaw, string, ...any), err error) (int, error) {
	if err != nil {
		flaw(publish.WrongBytes, "%v", err)
	} else {
		flaw(publish.Missing, "the list of repositories")
	}
	return v.bucket.Shows(ctx, layout.RootPageKey)
}

func (v *verifier) hasLog(ctx context.Context, r layout.Repository) (bool, error) {
	known := func(c repository) bool { return c.Name == r.Name && c.BasePath == r.BasePath }
	if slices.ContainsFunc(v.config.Repositories, known) {
		return true, nil // and was held against its log
	}
	_, err := v.bucket.Log(r.Name, r.BasePath).Entry(ctx, 1)
	if ctx.Err() != nil || errors.Is(err, publish.ErrTemporary) {
		return false, err
	}
	return !errors.Is(err, fs.ErrNotExist), nil
}
