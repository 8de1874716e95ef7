package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

func snippetCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "snippet", args: "REPO [ID|TIME]", min: 1, max: 2,
		usage: "prints what a client writes down to read a checkpoint",
		description: "For deb remotes the keys, sources and snapshot URL of apt; for rpm remotes the .repo file of dnf\n" +
			"and its variable, and the commands for zypper; for all of them curl. Without a time it is the newest\n" +
			"checkpoint; a time (20250318, or 20250318T120000Z), latest and channels are resolved to the ID of one,\n" +
			"so that what is printed never comes to mean another. With --client it is one file or command, and\n" +
			"nothing else.",
		examples: [2]example{
			{"What does a reader of debian write down for the fourth of May?", "datestone snippet debian 20250504"},
			{"Pin this machine to the newest checkpoint.",
				"datestone snippet --client apt debian > /etc/apt/sources.list.d/debian.sources"},
		},
		flags: []cli.Flag{
			stringFlag("client", "", "print only what is for `CLIENT`: apt, apt-keyring, apt-snapshot, dnf, dnf-snapshot, zypper or curl"),
			jsonFlag(),
		},
	}, func(ctx context.Context, c *cli.Context) error {
		o := snippetOptions{repo: c.Args().Get(0), time: c.Args().Get(1), client: c.String("client"), json: c.Bool("json")}
		return o.run(ctx, e)
	})
}

type snippetOptions struct {
	repo, time string
	client     string // empty for all
	json       bool
}

func (o snippetOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	repo, err := r.config.repository(o.repo)
	if err != nil {
		return err
	}
	source, err := o.source(ctx, r, repo)
	if err != nil {
		return err
	}
	snippets, err := o.choose(source)
	if err != nil {
		return err
	}
	return o.print(e, source, snippets)
}

// source finds the checkpoint, and what its record says.
func (o snippetOptions) source(ctx context.Context, r *reader, repo repository) (layout.Source, error) {
	t, err := r.table(ctx, repo)
	if err != nil {
		return layout.Source{}, err
	}
	id := t.Newest()
	switch {
	case id == "":
		err = fmt.Errorf("%[1]q has no checkpoints yet: \"datestone run %[1]s\" publishes the first", repo.Name)
	case o.time != "":
		id, err = findCheckpoint(t, o.time)
	}
	if err != nil {
		return layout.Source{}, err
	}
	remote, err := remoteOf(ctx, r.bucket.Log(repo.Name, repo.BasePath), t, id)
	return r.config.source(repo, id, remote), err
}

// source returns a checkpoint as its readers are told of it.
func (c *config) source(repo repository, id layout.Stamp, remote layout.Remote) layout.Source {
	return layout.Source{Repository: repo.Name, URL: layout.RepositoryURL(c.PublicURL, repo.BasePath), ID: id, Remote: remote}
}

// choose leaves those for the client that was asked for.
func (o snippetOptions) choose(source layout.Source) ([]layout.Snippet, error) {
	snippets := source.Snippets()
	if o.client == "" {
		return snippets, nil
	}
	var names []string
	for _, s := range snippets {
		names = append(names, s.Client)
	}
	at := slices.Index(names, o.client)
	if at < 0 {
		return nil, usageErrorf("snippet", "snippet: --client: %q has nothing for %q; it has %s", source.Repository, o.client, strings.Join(names, ", "))
	}
	return snippets[at : at+1], nil
}

func (o snippetOptions) print(e *env, source layout.Source, snippets []layout.Snippet) error {
	for i, s := range snippets {
		var err error
		switch {
		case o.json:
			err = printJSON(e.Stdout, struct {
				Repository string       `json:"repository"`
				Checkpoint layout.Stamp `json:"checkpoint"`
				layout.Snippet
			}{source.Repository, source.ID, s})
		case o.client != "":
			_, err = fmt.Fprint(e.Stdout, s.Text)
		default:
			_, err = fmt.Fprintf(e.Stdout, "%s%s\n%s", strings.Repeat("\n", min(i, 1)), headline(s), s.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// headline is a comment wherever the text is pasted.
func headline(s layout.Snippet) string {
	if s.File == "" {
		return "# " + s.Title + ":"
	}
	return "# " + s.Title + ", in " + s.File + ":"
}
