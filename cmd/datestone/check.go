package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/redirects"
)

func checkCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "check", args: "URL", min: 1, max: 1,
		usage: "asks a live site the questions that go wrong in practice",
		description: "URL is the public one of a repository's base path; the table that stands there says what the\n" +
			"answers have to be. Asked are misses (404, not 403), moments before, between, after and outside\n" +
			"of the calendar, channels, slashes, HEAD, Range, conditions, escaped names, cache headers. Prints a\n" +
			"line for each row: ok, skip (there is nothing to ask for, and why) or FAIL with the first wrong\n" +
			"answer, and ends with exit code 5 when a row fails. An edge without clock may send a time in the\n" +
			"future to the newest checkpoint; that is said. Neither bucket nor configuration is needed.",
		examples: [2]example{
			{"Is the site right, from here?", "datestone check https://snapshots.example.org/debian/"},
			{"Only what is wrong, for a machine.", "datestone check --json https://snapshots.example.org/debian/ | jq 'select(.verdict == \"fail\")'"},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(ctx context.Context, c *cli.Context) error {
		return checkOptions{url: c.Args().First(), json: c.Bool("json")}.run(ctx, e)
	})
}

type checkOptions struct {
	url  string
	json bool
}

// parse returns the URL cut into the origin and the path of the base path.
func (o checkOptions) parse() (origin, base string, err error) {
	u, err := url.Parse(o.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(o.url, "?#") {
		return "", "", usageErrorf("check", "check: %q: write https://host/base/path/", o.url)
	}
	return u.Scheme + "://" + u.Host, strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

// maxMoves is how often the site may be asked again because its table moved
// meanwhile.
const maxMoves = 3

func (o checkOptions) run(ctx context.Context, e *env) error {
	origin, base, err := o.parse()
	if err != nil {
		return err
	}
	a := newAsker(origin)
	defer a.client.CloseIdleConnections()
	table, err := a.table(ctx, base)
	if err != nil {
		return err
	}
	for range maxMoves {
		results, err := o.ask(ctx, e, a, table)
		if err != nil {
			return err
		}
		again, err := a.table(ctx, base)
		if err != nil {
			return err
		}
		if again.Log == table.Log && again.Settings == table.Settings {
			return o.report(e, results)
		}
		e.Log.Info("the site moved while it was checked: asking again", "entry", again.Log.Entries)
		table = again
	}
	return fmt.Errorf("check %q: the site moved %d times while it was checked", o.url, maxMoves)
}

// A result is the verdict about a row, a line of check.
type result struct {
	Row     string `json:"row"`
	Verdict string `json:"verdict"` // ok, fail or skip
	Asked   string `json:"asked,omitempty"`
	Got     string `json:"got,omitempty"`
	Want    string `json:"want,omitempty"`
	Note    string `json:"note,omitempty"`
}

func (o checkOptions) ask(ctx context.Context, e *env, a *asker, table layout.Table) ([]result, error) {
	subject := redirects.Subject{Table: table, Now: layout.StampOf(e.Now())}
	results := []result{a.samples(ctx, &subject)}
	for _, row := range redirects.Probes(subject) {
		r, err := a.row(ctx, row)
		if err != nil {
			return nil, err
		}
		e.Log.Debug("row asked", "row", row.Name, "questions", len(row.Questions), "verdict", r.Verdict)
		results = append(results, r)
	}
	return results, nil
}

func (o checkOptions) report(e *env, results []result) error {
	wrong := 0
	for _, r := range results {
		if r.Verdict == "fail" {
			wrong++
		}
		if err := r.print(e, o.json); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return withCode(exitDamage, fmt.Errorf("check %q: %s of %d wrong", o.url, count(wrong, "row"), len(results)))
	}
	return nil
}

func (r result) print(e *env, asJSON bool) error {
	if asJSON {
		return printJSON(e.Stdout, r)
	}
	line := fmt.Sprintf("%-4s %s", r.Verdict, r.Row)
	switch {
	case r.Verdict == "fail":
		line = fmt.Sprintf("FAIL %s: asked %s, got %s, want %s", r.Row, r.Asked, r.Got, r.Want)
	case r.Note != "":
		line += " (" + r.Note + ")"
	}
	_, err := fmt.Fprintln(e.Stdout, printable(line))
	return err
}

// maxLine is how much of a line is printed, in bytes: a site may say anything.
const maxLine = 2000

// printable makes of a line one that can't act on a terminal.
func printable(line string) string {
	if len(line) > maxLine {
		line = line[:maxLine] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, line)
}
