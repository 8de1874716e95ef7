package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"datestone/layout"
	"datestone/publish/cloudfront"
	"datestone/redirects"
)

// A cloudFrontPusher brings CloudFront to what tables say.
type cloudFrontPusher struct {
	edge     *cloudfront.Edge
	function string
	dryRun   bool
}

func (p pushing) cloudFront(ctx context.Context) (pusher, error) {
	c := p.config.Redirects.CloudFront
	edge, err := cloudfront.New(ctx, cloudfront.Config{Function: c.Function, Store: c.Store, Poll: p.Poll, Client: p.AWS})
	return &cloudFrontPusher{edge: edge, function: c.Function, dryRun: p.dryRun}, err
}

// An awsClient sends requests; tests have one of their own.
type awsClient interface {
	Do(*http.Request) (*http.Response, error)
}

// push sends what differs, and returns what it sent, or would.
func (p *cloudFrontPusher) push(ctx context.Context, tables []layout.Table) ([]sent, error) {
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

func (p *cloudFrontPusher) batches(ctx context.Context, have *cloudfront.State, batches []redirects.Batch) ([]sent, error) {
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

func (p *cloudFrontPusher) sent(action, name string, bytes int) sent {
	return sent{Target: targetCloudFront, Action: action, Name: name, Bytes: bytes, DryRun: p.dryRun}
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
