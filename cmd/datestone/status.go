package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func statusCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "status", args: "[REPO...]", max: -1,
		usage: "tells how the runs went",
		description: "Reads status.json of the site, which runs write when something changed, failed or recovered, or\n" +
			"redirects.refresh has passed. Each repository (default: all) is ok; failing, with its last error; late,\n" +
			"when no run was heard of for twice that time; or new, when none ever was.",
		examples: [2]example{
			{"How are the runs?", "datestone status"},
			{"Which repositories are not well? For a script.", `datestone status --json | jq -r 'select(.state != "ok") | .name'`},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(ctx context.Context, c *cli.Context) error {
		return statusOptions{names: c.Args().Slice(), json: c.Bool("json")}.run(ctx, e)
	})
}

type statusOptions struct {
	names []string
	json  bool
}

// The states of a repository.
const (
	stateOK      = "ok"
	stateFailing = "failing"
	stateLate    = "late"
	stateNew     = "new"
)

// A statusRow is a row of status --json.
type statusRow struct {
	layout.RepositoryStatus
	State string `json:"state"`
}

func (o statusOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	repos, err := r.config.choose(o.names)
	if err != nil {
		return err
	}
	status, _, err := r.bucket.Status(ctx)
	if err != nil {
		return err
	}
	out := newRows(e.Stdout, o.json)
	for _, repo := range repos {
		row := statusRow{RepositoryStatus: status.Row(repo.Name, repo.BasePath)}
		row.State = stateOf(row.RepositoryStatus, e.Now(), r.config.Redirects.Refresh)
		if err := out.row(row, row.Name, row.State, row.text(e.Now())); err != nil {
			return err
		}
	}
	return out.flush()
}

// stateOf says how a repository is. Runs that find nothing new say nothing for
// as long as refresh, so that only twice as long a silence means anything.
func stateOf(r layout.RepositoryStatus, now time.Time, refresh time.Duration) string {
	switch {
	case r.LastRun == "":
		return stateNew
	case r.Failures > 0:
		return stateFailing
	case now.Sub(r.LastRun.Time()) > 2*refresh:
		return stateLate
	}
	return stateOK
}

// text says in words what the row has.
func (r statusRow) text(now time.Time) string {
	ago := func(s layout.Stamp) string { return fmt.Sprintf("%s ago", roughly(now.Sub(s.Time()))) }
	newest := "no checkpoint yet"
	if r.Newest != "" {
		newest = fmt.Sprintf("newest %s, committed %s", r.Newest, ago(r.LastChange))
	}
	switch r.State {
	case stateNew:
		return "no run was heard of yet"
	case stateFailing:
		return fmt.Sprintf("%s since %s; %s; %s", count(r.Failures, "failure"), ago(r.FailingSince), newest, r.LastError)
	}
	return fmt.Sprintf("%s; last heard of %s", newest, ago(r.LastRun))
}

// roughly writes a length of time as people say it: its largest unit.
func roughly(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
