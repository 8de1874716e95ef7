package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"datestone/layout"
	"datestone/publish"
)

// maxTable is the limit for a table that is named on the command line.
const maxTable = 1 << 30

// A reader reads a site. It never writes, and needs no index.
type reader struct {
	config *config
	store  publish.Store
	bucket *publish.Bucket
}

// openReader reads the configuration and opens its bucket.
func (e *env) openReader(ctx context.Context) (*reader, error) {
	c, err := e.loadConfig()
	if err != nil {
		return nil, err
	}
	s, err := e.openStore(ctx, c.Bucket, 0)
	if err != nil {
		return nil, err
	}
	b, err := publish.New(publish.Config{Store: s, Log: e.Log})
	if err != nil {
		return nil, err
	}
	return &reader{config: c, store: s, bucket: b}, nil
}

// table reads the table of a repository; one that has published nothing yet
// has an empty table.
func (r *reader) table(ctx context.Context, repo repository) (layout.Table, error) {
	t, err := r.bucket.Log(repo.Name, repo.BasePath).Table(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return layout.NewTable(repo.Settings), nil
	}
	return t, err
}

// folded returns the table of a repository up to its log's end, as the
// configuration makes it.
func (r *reader) folded(ctx context.Context, repo repository) (layout.Table, error) {
	t, err := r.table(ctx, repo)
	if err == nil && !t.Fits(repo.Settings) {
		t = layout.NewTable(repo.Settings)
	}
	if err != nil {
		return t, err
	}
	for e, err := range r.bucket.Log(repo.Name, repo.BasePath).After(ctx, t.Log.Entries) {
		if err == nil {
			err = t.Apply(repo.Settings, e)
		}
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// tables reads those of all repositories, in the order of the configuration.
func (r *reader) tables(ctx context.Context) ([]layout.Table, error) {
	var tables []layout.Table
	for _, repo := range r.config.Repositories {
		t, err := r.table(ctx, repo)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// files reads the files of a checkpoint.
func (r *reader) files(ctx context.Context, t layout.Table, id layout.Stamp) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		log := r.bucket.Log(t.Repository, t.BasePath)
		list, err := fileListOf(ctx, log, t, id)
		if err != nil {
			yield(layout.File{}, err)
			return
		}
		for f, err := range log.Files(ctx, list) {
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// fileListOf returns the name of a checkpoint's file list.
func fileListOf(ctx context.Context, log *publish.Log, t layout.Table, id layout.Stamp) (layout.FileList, error) {
	e, err := recordOf(ctx, log, t, id)
	if err != nil {
		return layout.FileList{}, err
	}
	return *e.List, nil
}

// remoteOf returns what the record of a checkpoint says of its remote: nothing,
// where there is no checkpoint.
func remoteOf(ctx context.Context, log *publish.Log, t layout.Table, id layout.Stamp) (layout.Remote, error) {
	if id == "" {
		return layout.Remote{}, nil
	}
	e, err := recordOf(ctx, log, t, id)
	if err != nil {
		return layout.Remote{}, err
	}
	return *e.Remote, nil
}

// recordOf returns the record of a checkpoint, which must be the one that the
// table names.
func recordOf(ctx context.Context, log *publish.Log, t layout.Table, id layout.Stamp) (layout.Entry, error) {
	at, ok := t.Find(id)
	if !ok {
		return layout.Entry{}, fmt.Errorf("%q has no checkpoint %s", t.Repository, id)
	}
	c := t.Checkpoints[at]
	e, err := log.Entry(ctx, c.Record)
	if err == nil && (e.SHA256 != c.SHA256 || e.List == nil || e.Remote == nil) {
		err = fmt.Errorf("record %d of %q is not the one that the table names for %s", c.Record, t.Repository, id)
	}
	return e, err
}

// findCheckpoint returns the checkpoint that a word on the command line means:
// an ID, any moment (the newest at or before it), "latest", or a channel.
func findCheckpoint(t layout.Table, word string) (layout.Stamp, error) {
	id, isChannel := t.Channels[word]
	if word == "latest" || word == "now" {
		id, isChannel = t.Newest(), true
	}
	if !isChannel {
		m, err := layout.ParseMoment(word)
		if err != nil {
			err := fmt.Errorf("%q is neither an ID (20250318T140338Z), a date (20250318), latest, nor a channel of %q", word, t.Repository)
			return "", withCode(exitUsage, err)
		}
		if t.IsGone(m) && t.Pruned != layout.PrunedNearest {
			return "", fmt.Errorf("what %q had at %s was pruned", t.Repository, word)
		}
		id = t.At(m)
	}
	if id == "" {
		first := ""
		if !isChannel && len(t.Checkpoints) > 0 {
			first = fmt.Sprintf(": the first is %s", t.Checkpoints[0].ID)
		}
		return "", fmt.Errorf("%q has no checkpoint at %s%s", t.Repository, word, first)
	}
	return id, nil
}

// readTables reads tables from files, as checkpoints.json has them.
func readTables(names []string) ([]layout.Table, error) {
	var tables []layout.Table
	for _, name := range names {
		t, err := readTable(name)
		if err != nil {
			return nil, fmt.Errorf("table %q: %w", name, err)
		}
		for _, other := range tables {
			if layout.Overlap(t.BasePath, other.BasePath) {
				return nil, fmt.Errorf("table %q: base path %q overlaps %q of another table", name, t.BasePath, other.BasePath)
			}
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func readTable(name string) (layout.Table, error) {
	f, err := os.Open(name)
	if err != nil {
		return layout.Table{}, plainPathError(err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxTable+1))
	if err != nil {
		return layout.Table{}, plainPathError(err)
	}
	if len(body) > maxTable {
		return layout.Table{}, fmt.Errorf("is larger than %d bytes", maxTable)
	}
	return layout.DecodeTable(body)
}
