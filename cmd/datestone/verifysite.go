package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
)

// pages looks at the table, the listing and the pages of months.
func (w *verifyWork) pages(ctx context.Context, table []byte, info publish.Info) error {
	if f := w.log.VerifyTable(table, info, w.history, w.repo.Settings); f != nil {
		w.behind = f.Flaw != publish.WrongHeader
		found := w.foundPage
		if f.Key != layout.TableKey(w.repo.BasePath) { // records that the table knows
			found = w.found
		}
		if err := found(ctx, *f); err != nil {
			return err
		}
	}
	t := w.history.Table
	if !w.history.Whole {
		return nil
	}
	if t.Log.Entries == 0 {
		w.tables[w.repo.Name] = t
		return nil
	}
	newest, err := remoteOf(ctx, w.log, t, t.Newest())
	if err != nil {
		return err
	}
	pages, err := layout.ListingPages(t, newest, w.config.PublicURL, nil)
	if err != nil {
		return err
	}
	w.months = map[string]bool{}
	for _, page := range pages {
		w.months[page.Key] = true
		if err := w.page(ctx, page, w.foundPage); err != nil {
			return err
		}
	}
	if !w.behind {
		w.tables[w.repo.Name] = t
	}
	return nil
}

// page looks at one page that is replaced as things change.
func (v *verifier) page(ctx context.Context, page layout.Page, found func(context.Context, publish.Finding) error) error {
	flaw, redrawn, err := v.bucket.VerifyPage(ctx, page)
	if redrawn {
		v.done.Redrawn++
	}
	if err != nil || flaw == nil {
		return err
	}
	return found(ctx, *flaw)
}

// explained returns what says of an object beside the checkpoints what it is
// for: the page of a month, or one that leads from a day to a checkpoint.
func (w *verifyWork) explained(ctx context.Context) (func(string) bool, error) {
	days, err := w.days(ctx)
	if err != nil {
		return nil, err
	}
	pruned := map[string]bool{} // a month that lost its last checkpoint keeps its page
	for id := range w.history.Pruned {
		pruned[layout.MonthKey(w.repo.BasePath, id)] = true
	}
	return func(key string) bool { return w.months[key] || pruned[key] || days[key] || !w.history.Whole }, nil
}

// days returns the pages of days that were pushed to S3.
func (v *verifier) days(ctx context.Context) (map[string]bool, error) {
	days := map[string]bool{}
	body, _, err := v.bucket.Read(ctx, layout.PushedKey, maxTable)
	if errors.Is(err, fs.ErrNotExist) {
		return days, nil
	}
	if err != nil {
		return nil, err
	}
	pushed, err := layout.DecodePushed(body)
	if err != nil {
		return nil, err
	}
	own := func(key string) string {
		return strings.TrimPrefix(strings.TrimPrefix(key, v.config.Bucket.Prefix), "/")
	}
	for key := range pushed.Redirections {
		days[own(key)] = true
	}
	for _, key := range pushed.Unsure {
		days[own(key)] = true
	}
	return days, nil
}

// rules holds the rules on this machine against the tables. A machine without
// rules is none that serves.
func (v *verifier) rules(ctx context.Context) error {
	var tables []layout.Table
	for _, r := range v.config.Repositories {
		t, ok := v.tables[r.Name]
		if !ok {
			return nil // what the rules should be is not settled
		}
		tables = append(tables, t)
	}
	wrong, err := v.wrongRules(ctx, tables)
	if err != nil || len(wrong) == 0 {
		return err
	}
	var r repaired
	if v.mends != nil {
		r = repaired{done: true, how: "rendered again, and put in force"}
		if err := v.mends.rules(ctx, tables, false); err != nil {
			return err
		}
	}
	for _, path := range wrong {
		if err := v.tell(finding{Kind: "rules", Key: path, Detail: "are not those of the tables"}.mended(r)); err != nil {
			return err
		}
	}
	return nil
}

// wrongRules returns the names of the files of rules that are not what they
// should be.
func (v *verifier) wrongRules(ctx context.Context, tables []layout.Table) (wrong []string, err error) {
	for _, target := range v.config.Redirects.Targets {
		artifacts, err := v.config.input(tables).Render(target)
		if err != nil {
			return nil, fmt.Errorf("render %s rules: %w", target, err)
		}
		for _, a := range artifacts {
			path := filepath.Join(v.config.Redirects.Out, filepath.FromSlash(a.Name))
			body, err := os.ReadFile(path)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				v.Log.DebugContext(ctx, "no rules stand on this machine", "path", path)
			case err != nil:
				return nil, err
			case !bytes.Equal(body, a.Body):
				wrong = append(wrong, path)
			}
		}
	}
	return wrong, nil
}

// index reads the index, where there is one. One that is in use is left alone.
func (v *verifier) index(ctx context.Context) error {
	db, err := index.Open(v.config.Index, index.Config{Bucket: v.config.Bucket.String(), ReadOnly: true})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, index.ErrInUse):
		v.Log.InfoContext(ctx, "the index is in use by another run, and was not looked at", "index", v.config.Index)
		return nil
	case err == nil:
		err = errors.Join(db.Check(), db.Close())
	}
	if !errors.Is(err, index.ErrDamaged) {
		return err
	}
	detail, _, _ := strings.Cut(err.Error(), "\n")
	return v.tell(finding{Kind: "index", Key: v.config.Index,
		Detail: detail + `; it is a cache: "datestone rebuild-index" makes it again from the bucket`})
}
