package main

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func diffCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "diff", args: "REPO ID ID", min: 3, max: 3,
		usage: "shows what changed from one checkpoint to another",
		description: "A line for each path that differs: A added, D deleted, M modified. An ID may also be any time\n" +
			"(the newest checkpoint at or before it), latest, or a channel.",
		examples: [2]example{
			{"What came since the first of May?", "datestone diff debian 20250501 latest"},
			{"Which sizes and digests changed?", "datestone diff --json debian 20250318T140338Z 20250318T140442Z"},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(ctx context.Context, c *cli.Context) error {
		o := diffOptions{repo: c.Args().Get(0), from: c.Args().Get(1), to: c.Args().Get(2), json: c.Bool("json")}
		return o.run(ctx, e)
	})
}

type diffOptions struct {
	repo, from, to string
	json           bool
}

func (o diffOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	repo, err := r.config.repository(o.repo)
	if err != nil {
		return err
	}
	t, err := r.table(ctx, repo)
	if err != nil {
		return err
	}
	from, err := findCheckpoint(t, o.from)
	if err != nil {
		return err
	}
	to, err := findCheckpoint(t, o.to)
	if err != nil || from == to {
		return err
	}
	for c, err := range changes(r.files(ctx, t, from), r.files(ctx, t, to)) {
		if err != nil {
			return err
		}
		if err := c.print(e.Stdout, o.json); err != nil {
			return err
		}
	}
	return nil
}

// A change is a path at which two states differ; a side that lacks it is nil.
type change struct{ old, new *layout.File }

// changes merges two sorted states, holding one file of each.
func changes(a, b iter.Seq2[layout.File, error]) iter.Seq2[change, error] {
	return func(yield func(change, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()
		f, errA, moreA := nextA()
		g, errB, moreB := nextB()
		for moreA || moreB {
			if errA != nil || errB != nil {
				yield(change{}, firstError(errA, errB))
				return
			}
			old, new := f, g
			var c change
			if moreA && (!moreB || old.Path <= new.Path) {
				c.old = &old
				f, errA, moreA = nextA()
			}
			if moreB && (c.old == nil || old.Path == new.Path) {
				c.new = &new
				g, errB, moreB = nextB()
			}
			same := c.old != nil && c.new != nil && c.old.SameContent(*c.new)
			if !same && !yield(c, nil) {
				return
			}
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A side is one state of a path in diff --json.
type side struct {
	Size   int64         `json:"size"`
	SHA256 layout.Digest `json:"sha256"`
}

func sideOf(f *layout.File) *side {
	if f == nil {
		return nil
	}
	return &side{Size: f.Size, SHA256: f.SHA256}
}

func (c change) print(w io.Writer, asJSON bool) error {
	letter, word, path := "M", "modified", ""
	switch {
	case c.old == nil:
		letter, word, path = "A", "added", c.new.Path
	case c.new == nil:
		letter, word, path = "D", "deleted", c.old.Path
	default:
		path = c.new.Path
	}
	if asJSON {
		return printJSON(w, struct {
			Change string `json:"change"`
			Path   string `json:"path"`
			Old    *side  `json:"old,omitempty"`
			New    *side  `json:"new,omitempty"`
		}{word, path, sideOf(c.old), sideOf(c.new)})
	}
	_, err := fmt.Fprintf(w, "%s %s\n", letter, path)
	return err
}
