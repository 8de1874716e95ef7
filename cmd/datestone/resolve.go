package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/redirects"
)

func resolveCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "resolve", args: "PATH...", min: 1, max: -1,
		usage: "tells what every edge must answer to a request",
		description: "Prints a line for each PATH, which is a path and query as a client sends them: the path, the\n" +
			"status, and for redirects the location. A 200 means that the path is handed to the store, which\n" +
			"may answer 404; --json shows that path as \"serves\". Without --table the tables come from the\n" +
			"bucket of the configuration. Nothing is written.",
		examples: [2]example{
			{"Where does the fourth of May lead?", "datestone resolve /debian/20250504/dists/bookworm/InRelease"},
			{"The same without bucket and configuration, at a time of your choice.",
				"datestone resolve --table checkpoints.json --now 20250601T000000Z /debian/20250504/"},
		},
		flags: []cli.Flag{
			stringsFlag("table", "read the table from `FILE` (may be given again)"),
			stringFlag("now", "", "the edge's clock: an `ID`, or none for an edge without one (default: the time now)"),
			jsonFlag(),
		},
	}, func(ctx context.Context, c *cli.Context) error {
		o := resolveOptions{tables: c.StringSlice("table"), json: c.Bool("json"), paths: c.Args().Slice()}
		var err error
		if o.now, err = parseNow(c.String("now"), e.Now); err != nil {
			return err
		}
		return o.run(ctx, e)
	})
}

type resolveOptions struct {
	tables []string // names of files
	now    layout.Stamp
	json   bool
	paths  []string
}

// parseNow reads --now: an ID, a date, "none", or nothing for the clock.
func parseNow(s string, clock func() time.Time) (layout.Stamp, error) {
	switch s {
	case "":
		return layout.StampOf(clock()), nil
	case "none":
		return "", nil
	}
	now, err := layout.ParseMoment(s)
	if err != nil {
		return "", usageErrorf("resolve", "resolve: --now: %v", err)
	}
	return now, nil
}

func (o resolveOptions) validate() error {
	for _, p := range o.paths {
		if !strings.HasPrefix(p, "/") {
			return usageErrorf("resolve", "resolve: %q: a path begins with a slash", p)
		}
	}
	return nil
}

func (o resolveOptions) run(ctx context.Context, e *env) error {
	if err := o.validate(); err != nil {
		return err
	}
	tables, err := e.tablesFrom(ctx, o.tables)
	if err != nil {
		return err
	}
	resolver := redirects.New(tables)
	for _, p := range o.paths {
		a := resolved{Path: p, Answer: resolver.Resolve(p, o.now)}
		if err := a.print(e.Stdout, o.json); err != nil {
			return err
		}
	}
	return nil
}

// tablesFrom reads tables from files, or from the bucket when none is named.
func (e *env) tablesFrom(ctx context.Context, files []string) ([]layout.Table, error) {
	if len(files) > 0 {
		return readTables(files)
	}
	r, err := e.openReader(ctx)
	if err != nil {
		return nil, err
	}
	return r.tables(ctx)
}

// A resolved is a line of resolve.
type resolved struct {
	Path string
	redirects.Answer
}

func (a resolved) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, struct {
			Path     string `json:"path"`
			Status   int    `json:"status"`
			Location string `json:"location"` // empty where there is no redirect
			Serves   string `json:"serves"`   // empty where nothing is handed to the store
		}{a.Path, a.Status, a.Location, a.Serves})
	}
	line := fmt.Sprintf("%s %d %s", a.Path, a.Status, a.Location)
	_, err := fmt.Fprintln(w, strings.TrimSuffix(line, " "))
	return err
}

// printJSON writes v on a line of its own.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
