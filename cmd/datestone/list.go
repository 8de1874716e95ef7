package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func listCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "list", args: "[REPO [ID [PATH]]]", max: 3,
		usage: "shows what there is",
		description: "Without arguments the repositories; with REPO its checkpoints, oldest first; with ID one\n" +
			"directory of that checkpoint, its root or PATH. ID may also be any time (20250318, or\n" +
			"20250318T120000Z: the newest checkpoint at or before it), latest, or a channel.",
		examples: [2]example{
			{"Which checkpoints does debian have?", "datestone list debian"},
			{"What was in the pool on the fourth of May?", "datestone list debian 20250504 pool/main"},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(ctx context.Context, c *cli.Context) error {
		o := listOptions{repo: c.Args().Get(0), id: c.Args().Get(1), path: c.Args().Get(2), json: c.Bool("json")}
		return o.run(ctx, e)
	})
}

type listOptions struct {
	repo, id, path string
	json           bool
}

func (o listOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	out := newRows(e.Stdout, o.json)
	if o.repo == "" {
		err = r.listRepositories(ctx, out)
	} else {
		err = o.listRepository(ctx, r, out)
	}
	if err != nil {
		return err
	}
	return out.flush()
}

func (o listOptions) listRepository(ctx context.Context, r *reader, out *rows) error {
	repo, err := r.config.repository(o.repo)
	if err != nil {
		return err
	}
	t, err := r.table(ctx, repo)
	if err != nil {
		return err
	}
	if o.id == "" {
		return listCheckpoints(t, out)
	}
	id, err := findCheckpoint(t, o.id)
	if err != nil {
		return err
	}
	return r.listDirectory(ctx, t, id, o.path, out)
}

// The rows of list --json.
type (
	repositoryRow struct {
		Name        string       `json:"name"`
		BasePath    string       `json:"base_path"`
		Checkpoints int          `json:"checkpoints"`
		Newest      layout.Stamp `json:"newest"`
		FinalUntil  layout.Stamp `json:"final_until"`
	}
	checkpointRow struct {
		ID        layout.Stamp `json:"id"`
		Files     int          `json:"files"`
		Bytes     int64        `json:"bytes"`
		Committed layout.Stamp `json:"committed"`
		Channels  []string     `json:"channels"`
		Pinned    *string      `json:"pinned"` // the reason
	}
	entryRow struct {
		Path      string         `json:"path"`
		Type      string         `json:"type"` // file or directory
		Size      *int64         `json:"size,omitempty"`
		SHA256    *layout.Digest `json:"sha256,omitempty"`
		FirstSeen *layout.Stamp  `json:"first_seen,omitempty"`
	}
)

func (r *reader) listRepositories(ctx context.Context, out *rows) error {
	for _, repo := range r.config.Repositories {
		t, err := r.table(ctx, repo)
		if err != nil {
			return err
		}
		row := repositoryRow{Name: repo.Name, BasePath: repo.BasePath, Checkpoints: len(t.Checkpoints),
			Newest: t.Newest(), FinalUntil: t.FinalUntil}
		err = out.row(row, row.Name, row.BasePath, count(row.Checkpoints, "checkpoint"), string(row.Newest))
		if err != nil {
			return err
		}
	}
	return nil
}

func listCheckpoints(t layout.Table, out *rows) error {
	names := channelsOf(t)
	for _, c := range t.Checkpoints {
		row := checkpointRow{ID: c.ID, Files: c.Files, Bytes: c.Bytes, Committed: c.Committed, Channels: names[c.ID]}
		if row.Channels == nil {
			row.Channels = []string{}
		}
		words := slices.Clone(row.Channels)
		if reason, ok := t.Pinned[c.ID]; ok {
			row.Pinned = &reason
			words = append(words, "(pinned: "+reason+")")
		}
		err := out.row(row, string(c.ID), count(c.Files, "file"), layout.HumanSize(c.Bytes), strings.Join(words, " "))
		if err != nil {
			return err
		}
	}
	return nil
}

// channelsOf returns, for each checkpoint, the names that lead to it.
func channelsOf(t layout.Table) map[layout.Stamp][]string {
	names := map[layout.Stamp][]string{t.Newest(): {"latest"}}
	for _, name := range sortedKeys(t.Channels) {
		id := t.Channels[name]
		names[id] = append(names[id], name)
	}
	return names
}

// listDirectory shows what is directly in the directory dir of a checkpoint,
// or the one file that dir names.
func (r *reader) listDirectory(ctx context.Context, t layout.Table, id layout.Stamp, dir string, out *rows) error {
	prefix := strings.Trim(dir, "/")
	file := prefix
	if prefix != "" {
		prefix += "/"
	}
	last, found := "", prefix == ""
	for f, err := range r.files(ctx, t, id) {
		if err != nil {
			return err
		}
		rest, below := strings.CutPrefix(f.Path, prefix)
		if !below && f.Path != file {
			continue
		}
		found = true
		name, _, deeper := strings.Cut(rest, "/")
		switch {
		case below && deeper && name == last:
		case below && deeper:
			last = name
			err = out.row(entryRow{Path: prefix + name + "/", Type: "directory"}, "-", "", prefix+name+"/")
		default:
			row := entryRow{Path: f.Path, Type: "file", Size: &f.Size, SHA256: &f.SHA256, FirstSeen: &f.FirstSeen}
			err = out.row(row, layout.HumanSize(f.Size), string(f.FirstSeen), f.Path)
		}
		if err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("checkpoint %s of %q has no %q", id, t.Repository, dir)
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rows prints either aligned columns or a JSON object a row.
type rows struct {
	json bool
	w    io.Writer
	tab  *tabwriter.Writer
}

func newRows(w io.Writer, asJSON bool) *rows {
	return &rows{json: asJSON, w: w, tab: tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.StripEscape)}
}

// row prints v as JSON, or the columns.
func (r *rows) row(v any, columns ...string) error {
	if r.json {
		return printJSON(r.w, v)
	}
	for len(columns) > 1 && columns[len(columns)-1] == "" {
		columns = columns[:len(columns)-1]
	}
	_, err := fmt.Fprintln(r.tab, strings.Join(columns, "\t"))
	return err
}

func (r *rows) flush() error { return r.tab.Flush() }
