package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"datestone/layout"
	"datestone/publish/cloudfront"
	"datestone/redirects"
)

// targetCloudFront is the target that has an API.
const targetCloudFront = "cloudfront"

func pushCommand(e *env) *cli.Command {
	return e.command(manual{
		name:  "redirects push",
		usage: "puts redirect rules in force where an API exists",
		description: "Brings a CloudFront Function, and the KeyValueStore that it reads, to what the tables of the bucket\n" +
			"say, and waits until it is deployed. Only what differs is sent, in an order in which nothing\n" +
			"half-pushed is ever in force; a push that was cut off is completed by the next. Prints a line for\n" +
			"each change. Rules made from a newer table are never replaced. Names stand in the configuration\n" +
			"(redirects.cloudfront), and \"datestone run\" pushes by itself. Associating the Function with a\n" +
			"distribution's viewer-request is yours to do, once. Credentials are the AWS SDK's.",
		examples: [2]example{
			{"What would be sent?", "datestone redirects push --dry-run"},
			{"After the configuration changed.", "datestone redirects push --target cloudfront"},
		},
		flags: []cli.Flag{
			stringsFlag("target", "push to `TARGET` (default: all of the configuration that have an API)"),
			boolFlag("dry-run", "print what would be sent, and send nothing"),
			jsonFlag(),
		},
	}, func(ctx context.Context, c *cli.Context) error {
		return pushOptions{targets: c.StringSlice("target"), dryRun: c.Bool("dry-run"), json: c.Bool("json")}.run(ctx, e)
	})
}

type pushOptions struct {
	targets []string
	dryRun  bool
	json    bool
}

func (o pushOptions) validate() error {
	for _, t := range o.targets {
		if t != targetCloudFront {
			return usageErrorf("redirects push", "redirects push: --target %q has no API: write %s", t, targetCloudFront)
		}
	}
	return nil
}

func (o pushOptions) run(ctx context.Context, e *env) error {
	if err := o.validate(); err != nil {
		return err
	}
	r, err := e.openReader(ctx)
	if err != nil {
		return err
	}
	if r.config.Redirects.CloudFront.Function == "" {
		return usageErrorf("redirects push", "redirects push: the configuration names no redirects.cloudfront.function")
	}
	tables, err := r.tables(ctx)
	if err != nil {
		return err
	}
	p, err := e.newPusher(ctx, r.config.Redirects.CloudFront)
	if err != nil {
		return err
	}
	p.dryRun = o.dryRun
	sent, err := p.push(ctx, tables)
	for _, s := range sent {
		if err := s.print(e, o.json); err != nil {
			return err
		}
	}
	return err
}

// A pusher brings CloudFront to what tables say.
type pusher struct {
	edge     *cloudfront.Edge
	function string
	dryRun   bool
}

func (e *env) newPusher(ctx context.Context, c cloudFrontNames) (*pusher, error) {
	edge, err := cloudfront.New(ctx, cloudfront.Config{Function: c.Function, Store: c.Store, Poll: e.Poll, Client: e.AWS})
	return &pusher{edge: edge, function: c.Function}, err
}

// An awsClient sends requests; tests have one of their own.
type awsClient interface {
	Do(*http.Request) (*http.Response, error)
}

// A sent is a change, a line of push.
type sent struct {
	Target string `json:"target"`
	Action string `json:"action"` // put, delete or publish
	Name   string `json:"name"`   // of the key, or the Function
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

// push sends what differs, and returns what it sent, or would.
func (p *pusher) push(ctx context.Context, tables []layout.Table) ([]sent, error) {
	want, err := deployment(tables)
	if err != nil {
		return nil, err
	}
	have, err := p.edge.Read(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := redirects.Diff(deployed(have), want)
	if err != nil {
		return nil, fmt.Errorf("push to CloudFront: %w", err)
	}
	all, err := p.batches(ctx, &have, plan.Before)
	if err != nil {
		return all, err
	}
	if plan.Function != nil {
		if !p.dryRun {
			err = p.edge.Publish(ctx, &have, plan.Function, want.Reads)
		}
		if err != nil {
			return all, err
		}
		all = append(all, p.sent("publish", p.function, len(plan.Function)))
	}
	after, err := p.batches(ctx, &have, plan.After)
	return append(all, after...), err
}

func (p *pusher) batches(ctx context.Context, have *cloudfront.State, batches []redirects.Batch) ([]sent, error) {
	var all []sent
	for _, b := range batches {
		var pairs []cloudfront.Pair
		var these []sent
		for _, k := range b.Puts {
			pairs = append(pairs, cloudfront.Pair{Key: k.Key, Value: k.Value})
			these = append(these, p.sent("put", k.Key, len(k.Value)))
		}
		for _, key := range b.Deletes {
			these = append(these, p.sent("delete", key, 0))
		}
		if !p.dryRun {
			if err := p.edge.Update(ctx, have, pairs, b.Deletes); err != nil {
				return all, err
			}
		}
		all = append(all, these...)
	}
	return all, nil
}

func (p *pusher) sent(action, name string, bytes int) sent {
	return sent{Target: targetCloudFront, Action: action, Name: name, Bytes: bytes, DryRun: p.dryRun}
}

// push puts the rules of tables in force where the configuration says so.
func (s *site) push(ctx context.Context, tables []layout.Table) error {
	if s.config.Redirects.CloudFront.Function == "" {
		return nil
	}
	p, err := s.newPusher(ctx, s.config.Redirects.CloudFront)
	if err != nil {
		return err
	}
	all, err := p.push(ctx, tables)
	for _, c := range all {
		s.Log.DebugContext(ctx, "rule pushed", "action", c.Action, "name", c.Name)
	}
	return err
}

// deployment is what CloudFront is to have.
func deployment(tables []layout.Table) (redirects.Deployed, error) {
	var d redirects.Deployed
	artifacts, err := redirects.Render(targetCloudFront, tables)
	if err != nil {
		return d, fmt.Errorf("render %s: %w", targetCloudFront, err)
	}
	at := slices.IndexFunc(artifacts, func(a redirects.Artifact) bool { return strings.HasSuffix(a.Name, "/function.js") })
	d.Function = artifacts[at].Body
	d.Keys, err = redirects.CloudFrontKeys(tables)
	d.Reads = len(d.Keys) > 0
	return d, err
}

// deployed is what CloudFront has.
func deployed(s cloudfront.State) redirects.Deployed {
	d := redirects.Deployed{Function: s.Live, Reads: s.Reads()}
	for _, key := range sortedKeys(s.Keys) {
		d.Keys = append(d.Keys, redirects.KeyValue{Key: key, Value: s.Keys[key]})
	}
	return d
}
