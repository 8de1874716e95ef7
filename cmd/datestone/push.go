package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/publish"
)

// The targets that have an API.
const (
	targetCloudFront = "cloudfront"
	targetS3         = "s3"
)

func pushCommand(e *env) *cli.Command {
	return e.command(manual{
		name:  "redirects push",
		usage: "puts redirect rules in force where an API exists",
		description: "Brings what the configuration names to what the tables of the bucket say: the CloudFront Function\n" +
			"of redirects.cloudfront, with the KeyValueStore that it reads, and waits until it is deployed; with\n" +
			"\"redirects: {s3: {push: true}}\", the website configuration of the bucket itself and its objects that\n" +
			"redirect. Only what differs is sent, in an order in which nothing half-pushed is ever in force; a\n" +
			"push that was cut off is completed by the next. Prints a line for each change. Rules made from a\n" +
			"newer table are never replaced, and a website configuration that datestone did not make only with\n" +
			"--force. \"datestone run\" pushes by itself. Associating the Function with a distribution's\n" +
			"viewer-request is yours to do, once. Credentials are the AWS SDK's.",
		examples: [2]example{
			{"What would be sent?", "datestone redirects push --dry-run"},
			{"Take over a bucket whose website configuration was made by hand, after a look at it.",
				"aws s3api get-bucket-website --bucket name > before.json && datestone redirects push --target s3 --force"},
		},
		flags: []cli.Flag{
			stringsFlag("target", "push to `TARGET` (default: all that the configuration pushes to)"),
			boolFlag("dry-run", "print what would be sent, and send nothing"),
			boolFlag("force", "replace a website configuration that datestone did not make"),
			jsonFlag(),
		},
	}, func(ctx context.Context, c *cli.Context) error {
		o := pushOptions{targets: c.StringSlice("target"), dryRun: c.Bool("dry-run"), force: c.Bool("force"), json: c.Bool("json")}
		return o.run(ctx, e)
	})
}

type pushOptions struct {
	targets []string
	dryRun  bool
	force   bool
	json    bool
}

// validate fills in the targets that the configuration pushes to, where none
// are named.
func (o *pushOptions) validate(c *config) error {
	configured := c.pushed()
	for _, t := range o.targets {
		switch {
		case slices.Contains(configured, t):
		case t == targetCloudFront:
			return usageErrorf("redirects push", "redirects push: the configuration names no redirects.cloudfront.function")
		case t == targetS3:
			return usageErrorf("redirects push", "redirects push: the configuration does not say \"redirects: {s3: {push: true}}\"")
		default:
			return usageErrorf("redirects push", "redirects push: --target %q has no API: write %s or %s", t, targetCloudFront, targetS3)
		}
	}
	if len(o.targets) > 0 {
		return nil
	}
	if len(configured) == 0 {
		return usageErrorf("redirects push", "redirects push: nowhere to: the configuration names no redirects.cloudfront.function, "+
			"and does not say \"redirects: {s3: {push: true}}\"")
	}
	o.targets = configured
	return nil
}

func (o pushOptions) run(ctx context.Context, e *env) error {
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	if err := o.validate(r.config); err != nil {
		return err
	}
	tables, err := r.tables(ctx)
	if err != nil {
		return err
	}
	p := pushing{env: e, config: r.config, bucket: r.bucket, dryRun: o.dryRun, force: o.force,
		writable: func(ctx context.Context) error { _, err := probeBucket(ctx, r.config, r.bucket); return err }}
	all, err := p.push(ctx, o.targets, tables)
	for _, s := range all {
		if err := s.print(e, o.json); err != nil {
			return err
		}
	}
	return err
}

// A sent is a change, a line of push.
type sent struct {
	Target string `json:"target"`
	Action string `json:"action"` // put, delete or publish
	Name   string `json:"name"`   // of the key, or the Function; "website"
	Bytes  int    `json:"bytes"`
	DryRun bool   `json:"dry_run"`
}

func (s sent) print(e *env, asJSON bool) error {
	if asJSON {
		return printJSON(e.Stdout, s)
	}
	_, err := fmt.Fprintf(e.Stdout, "%s %s %s\n", s.Target, s.Action, s.Name)
	return err
}

// A pusher brings one target to what tables say, and returns what it sent, or
// would.
type pusher interface {
	push(ctx context.Context, tables []layout.Table) ([]sent, error)
}

// pushing is what pushers are made of.
type pushing struct {
	*env
	config        *config
	bucket        *publish.Bucket
	dryRun, force bool
	// writable finds out whether the bucket keeps its conditions.
	writable func(context.Context) error
}

// push pushes to the targets. One that fails does not stop the others.
func (p pushing) push(ctx context.Context, targets []string, tables []layout.Table) ([]sent, error) {
	var all []sent
	var errs []error
	for _, t := range targets {
		open := p.cloudFront
		if t == targetS3 {
			open = p.website
		}
		to, err := open(ctx)
		if err == nil {
			var some []sent
			some, err = to.push(ctx, tables)
			all = append(all, some...)
		}
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// push puts the rules of tables in force where the configuration says so.
func (s *site) push(ctx context.Context, tables []layout.Table) error {
	p := pushing{env: s.env, config: s.config, bucket: s.bucket, writable: s.writable}
	all, err := p.push(ctx, s.config.pushed(), tables)
	for _, c := range all {
		s.Log.DebugContext(ctx, "rule pushed", "target", c.Target, "action", c.Action, "name", c.Name)
	}
	return err
}
