package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
)

// A websitePusher brings the web site of the bucket itself to what tables say.
type websitePusher struct{ pushing }

func (p pushing) website(context.Context) (pusher, error) {
	return websitePusher{p}, p.config.checkWebsite(p.bucket)
}

// checkWebsite refuses to push to a store that S3 does not serve.
func (c *config) checkWebsite(b *publish.Bucket) error {
	if !c.Redirects.S3.Push || b.HasWebsite() {
		return nil
	}
	return withCode(exitUsage, fmt.Errorf("bucket %s: redirects.s3 needs an s3:// bucket, which S3 serves as a web site; "+
		"take it out of the configuration, and put a web server in front of this one (docs/serving.md)", c.Bucket))
}

func (p websitePusher) push(ctx context.Context, tables []layout.Table) ([]sent, error) {
	goal, err := p.config.input(tables).S3Goal()
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", targetS3, err)
	}
	if p.dryRun {
		have, _, err := p.bucket.WebsiteState(ctx)
		if err != nil {
			return nil, err
		}
		plan, err := p.plan(have, goal)
		return p.changes(plan), err
	}
	plans, err := p.bucket.PushWebsite(ctx, func(have layout.WebsiteState) (layout.WebsitePlan, error) {
		plan, err := p.plan(have, goal)
		if err == nil && !plan.Empty() {
			err = p.writable(ctx)
		}
		return plan, err
	})
	var all []sent
	for _, plan := range plans {
		all = append(all, p.changes(plan)...)
	}
	return all, err
}

func (p websitePusher) plan(have layout.WebsiteState, goal layout.Pushed) (layout.WebsitePlan, error) {
	if p.force {
		have = have.Adopt()
	}
	plan, err := redirects.DiffS3(have, goal)
	switch {
	case errors.Is(err, redirects.ErrForeign):
		err = fmt.Errorf("push to %s: %w: look at it (aws s3api get-bucket-website --bucket %s), and replace it with "+
			"\"datestone redirects push --target s3 --force\", or take redirects.s3 out of the configuration", p.config.Bucket, err, p.config.Bucket.Name)
	case err != nil:
		err = fmt.Errorf("push to %s: %w", p.config.Bucket, err)
	}
	return plan, err
}

// changes are the lines of a plan.
func (p websitePusher) changes(plan layout.WebsitePlan) []sent {
	var all []sent
	add := func(action, name string, bytes int) {
		all = append(all, sent{Target: targetS3, Action: action, Name: name, Bytes: bytes, DryRun: p.dryRun})
	}
	for _, r := range plan.Set {
		add("put", r.Key, len(r.Location))
	}
	if plan.Website != nil {
		body, err := xml.Marshal(plan.Website)
		if err == nil { // as text alone always is
			add("publish", "website", len(body))
		}
	}
	for _, key := range plan.Remove {
		add("delete", key, 0)
	}
	return all
}
