package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/urfave/cli/v2"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
)

func rebuildCommand(e *env) *cli.Command {
	return e.command(manual{
		name:  "rebuild-index",
		usage: "makes the index again from the bucket alone",
		description: "Removes the index, and reads repositories.json, every record, and the file list of every checkpoint\n" +
			"into a new one; what the configuration has and the list lacks, too. Prints what it read, a line for\n" +
			"each repository. Nothing in the bucket changes. It is not needed where the index was lost: a run reads\n" +
			"what it needs by itself. Interrupted, it leaves an index that knows less.",
		examples: [2]example{
			{"verify says that the index is damaged.", "datestone rebuild-index && datestone verify"},
			{"How much is there to read?", "datestone rebuild-index --json | jq .records"},
		},
		flags: runFlags(),
	}, func(ctx context.Context, c *cli.Context) error {
		o, err := newRunOptions(c)
		if err != nil {
			return err
		}
		return rebuildOptions{o}.do(ctx, e)
	})
}

type rebuildOptions struct{ runOptions }

func (o rebuildOptions) do(ctx context.Context, e *env) (err error) {
	c, err := e.loadConfig()
	if err != nil {
		return err
	}
	if err := index.Discard(c.Index, index.Config{Timeout: max(o.pass.lock.Wait, 0)}); err != nil {
		if errors.Is(err, index.ErrInUse) {
			err = withCode(exitLocked, fmt.Errorf("%w; wait for it with --lock-wait, or try again later", err))
		}
		return err
	}
	s, err := e.openSite(ctx, c, o.jobs, o.pass.lock.Wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	repos, err := s.allRepositories(ctx)
	if err != nil {
		return err
	}
	for _, r := range repos {
		row, err := (&rebuilder{site: s, repo: r, log: s.log(r)}).rebuild(ctx)
		if err != nil {
			return fmt.Errorf("rebuild the index of %q: %w", r.Name, err)
		}
		if err := row.print(e, o.json); err != nil {
			return err
		}
	}
	return nil
}

// allRepositories are those of the configuration, and those of the bucket that
// it does not have: their content is worth knowing too.
func (s *site) allRepositories(ctx context.Context) ([]repository, error) {
	repos := s.config.Repositories
	list, _, err := s.bucket.Repositories(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range repos {
		known[r.Name], known[r.BasePath] = true, true
	}
	for _, row := range list.Repositories {
		if known[row.Name] || known[row.BasePath] {
			continue
		}
		repos = append(repos[:len(repos):len(repos)], repository{Name: row.Name, BasePath: row.BasePath,
			Settings: layout.Settings{Repository: row.Name, BasePath: row.BasePath, PublicPath: s.config.PublicPath}})
	}
	return repos, nil
}

// A rebuilder makes the index of one repository again.
type rebuilder struct {
	*site
	repo repository
	log  *publish.Log

	lists  map[layout.Stamp]layout.FileList // of the commits
	roots  map[layout.Digest]index.Root     // of the lists that were read
	remote layout.Remote                    // of the newest checkpoint
	row    rebuiltRow
}

// A rebuiltRow says what was read of a repository; a line of rebuild-index, and
// of --json the whole contract.
type rebuiltRow struct {
	Repository  string `json:"repository"`
	Records     int    `json:"records"`
	Checkpoints int    `json:"checkpoints"`
	Lists       int    `json:"lists"` // checkpoints of the same state share one
	Files       int    `json:"files"` // in the lists
}

func (r rebuiltRow) print(e *env, asJSON bool) error {
	if asJSON {
		return printJSON(e.Stdout, r)
	}
	_, err := fmt.Fprintf(e.Stdout, "%s: read %s, %s, %s of %s\n", r.Repository, count(r.Records, "record"),
		count(r.Checkpoints, "checkpoint"), count(r.Lists, "list"), count(r.Files, "file"))
	return err
}

// rebuild reads the log from its first record, and the lists from the oldest
// checkpoint on.
func (r *rebuilder) rebuild(ctx context.Context) (rebuiltRow, error) {
	r.lists, r.roots = map[layout.Stamp]layout.FileList{}, map[layout.Digest]index.Root{}
	r.row.Repository = r.repo.Name
	shown, announced, err := r.shown(ctx)
	if err != nil {
		return r.row, err
	}
	t, err := layout.Fold(r.repo.Settings, r.records(ctx, shown))
	if err != nil {
		return r.row, err
	}
	r.row.Records, r.row.Checkpoints = t.Log.Entries, len(t.Checkpoints)
	if t.Log.Entries == 0 {
		return r.row, nil
	}
	var before, newest index.Root
	for _, c := range t.Checkpoints {
		before = newest
		if newest, err = r.state(ctx, c.ID); err != nil {
			return r.row, err
		}
		if err := r.index.AddCheckpoint(r.repo.Name, r.repo.BasePath, c.ID, before, newest); err != nil {
			return r.row, err
		}
	}
	return r.row, r.index.SetRepo(r.repo.Name, index.Repo{Table: t, Newest: newest, State: newest, Remote: r.remote, Announced: announced})
}

// records are those of the log, which has shown at least, of which the lists
// and the newest remote are taken down.
func (r *rebuilder) records(ctx context.Context, shown int) iter.Seq2[layout.Entry, error] {
	return func(yield func(layout.Entry, error) bool) {
		newest := layout.Stamp("")
		for _, part := range []iter.Seq2[layout.Entry, error]{r.log.Between(ctx, 0, shown), r.log.After(ctx, shown)} {
			for e, err := range part {
				if errors.Is(err, fs.ErrNotExist) {
					err = fmt.Errorf("the table shows %d records; \"datestone verify\" says more: %w", shown, err)
				}
				if err == nil && e.Kind == layout.Commit && e.List != nil && e.Remote != nil {
					r.lists[e.ID] = *e.List
					if e.ID > newest {
						newest, r.remote = e.ID, *e.Remote
					}
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// state takes the file list of a checkpoint in, each list once.
func (r *rebuilder) state(ctx context.Context, id layout.Stamp) (index.Root, error) {
	list := r.lists[id]
	if root, ok := r.roots[list.SHA256]; ok {
		return root, nil
	}
	root, err := r.index.PutState(r.log.Files(ctx, list))
	if err != nil {
		return root, fmt.Errorf("checkpoint %s: %w", id, err)
	}
	r.roots[list.SHA256] = root
	r.row.Lists++
	r.row.Files += list.Files
	return root, nil
}

// shown is how many records the table in the bucket shows; and how many of them
// readers are told of, where the table can be believed.
func (r *rebuilder) shown(ctx context.Context) (records, announced int, err error) {
	t, err := r.log.Table(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, 0, nil
	case ctx.Err() != nil || errors.Is(err, publish.ErrTemporary):
		return 0, 0, err
	case err != nil:
		return 0, unannounced, nil
	case !t.Fits(r.repo.Settings):
		return t.Log.Entries, unannounced, nil
	}
	return t.Log.Entries, t.Log.Entries, nil
}
