package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"datestone/redirects"
)

func redirectsCommand(e *env) *cli.Command {
	return e.group("redirects", "makes the rules by which edges redirect", renderCommand(e), pushCommand(e))
}

func renderCommand(e *env) *cli.Command {
	return e.command(manual{
		name:  "redirects render",
		usage: "writes redirect rules",
		description: "Renders the tables of all repositories for each target, and writes the files that differ from\n" +
			"what stands in the directory, each in one step. Prints the names of those it wrote. Targets are\n" +
			strings.Join(redirects.Targets(), ", ") + ". With --table neither bucket, index nor configuration is needed.",
		examples: [2]example{
			{"What the configuration asks for.", "datestone redirects render"},
			{"Rules for nginx from a table that someone else published.",
				"datestone redirects render --target nginx --table checkpoints.json --out /etc/nginx/datestone"},
		},
		flags: []cli.Flag{
			stringsFlag("target", "render for `TARGET` (may be given again; default: those of the configuration)"),
			stringsFlag("table", "read the table from `FILE` (may be given again; default: all of the bucket)"),
			stringFlag("out", "", "write into `DIR` (default: that of the configuration, else ./"+defaultOut+")"),
			jsonFlag(),
		},
	}, func(ctx context.Context, c *cli.Context) error {
		o := renderOptions{targets: c.StringSlice("target"), tables: c.StringSlice("table"), out: c.String("out"), json: c.Bool("json")}
		return o.run(ctx, e)
	})
}

type renderOptions struct {
	targets []string
	tables  []string // names of files
	out     string
	json    bool
}

func (o renderOptions) validate() error {
	for _, t := range o.targets {
		if err := checkTarget(t); err != nil {
			return usageErrorf("redirects render", "redirects render: --target %v", err)
		}
	}
	if len(o.tables) > 0 && len(o.targets) == 0 {
		return usageErrorf("redirects render", "redirects render: --table needs --target: %s", strings.Join(redirects.Targets(), ", "))
	}
	return nil
}

func (o renderOptions) run(ctx context.Context, e *env) error {
	if err := o.validate(); err != nil {
		return err
	}
	in, err := o.read(ctx, e)
	if err != nil {
		return err
	}
	for _, target := range o.targets {
		artifacts, err := in.Render(target)
		if err != nil {
			return fmt.Errorf("render %s: %w", target, err)
		}
		written, err := writeRules(o.out, artifacts)
		if err != nil {
			return err
		}
		for _, w := range written {
			if err := w.print(e, target, o.json); err != nil {
				return err
			}
		}
	}
	return nil
}

// read returns what to render, and fills in what the configuration says where
// the command line says nothing.
func (o *renderOptions) read(ctx context.Context, e *env) (redirects.Input, error) {
	if len(o.tables) > 0 {
		if o.out == "" {
			o.out = defaultOut
		}
		tables, err := readTables(o.tables)
		return redirects.Input{Tables: tables}, err
	}
	r, err := e.openReader(ctx)
	if err != nil {
		return redirects.Input{}, err
	}
	if o.out == "" {
		o.out = r.config.Redirects.Out
	}
	if len(o.targets) == 0 {
		o.targets = r.config.Redirects.Targets
	}
	if len(o.targets) == 0 {
		return redirects.Input{}, usageErrorf("redirects render", "redirects render: name a --target, or targets in the configuration")
	}
	tables, err := r.tables(ctx)
	return r.config.input(tables), err
}

// A written is a file of rules, and whether its bytes changed.
type written struct {
	path    string
	changed bool
}

func (w written) print(e *env, target string, asJSON bool) error {
	switch {
	case asJSON:
		return printJSON(e.Stdout, struct {
			Target  string `json:"target"`
			Path    string `json:"path"`
			Changed bool   `json:"changed"`
		}{target, w.path, w.changed})
	case w.changed:
		_, err := fmt.Fprintln(e.Stdout, w.path)
		return err
	}
	e.Log.Debug("rules are as they were", "path", w.path)
	return nil
}
