package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// HasWebsite reports whether the store can be told how it serves the bucket.
func (b *Bucket) HasWebsite() bool {
	_, ok := b.store.(WebsiteSetter)
	return ok
}

// WebsiteState reads what is known of the bucket's web site. Version is that
// of the record; none where there is no record.
func (b *Bucket) WebsiteState(ctx context.Context) (s layout.WebsiteState, version string, err error) {
	setter, ok := b.store.(WebsiteSetter)
	if !ok {
		return s, "", fmt.Errorf("store %T serves no web site: %w", b.store, errors.ErrUnsupported)
	}
	// The configuration first: the record knows those that were before it.
	var w layout.Website
	err = b.try(ctx, "read website", func() error { w, err = setter.Website(ctx); return err })
	if err == nil {
		s.Website = &w
	} else if !errors.Is(err, fs.ErrNotExist) {
		return s, "", err
	}
	body, info, err := b.Read(ctx, layout.PushedKey, maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		return s, "", nil
	}
	if err == nil {
		s.Pushed, err = layout.DecodePushed(body)
	}
	return s, info.Version, err
}

// maxOvertaken is how often a push is planned anew because of another.
const maxOvertaken = 10

// PushWebsite brings the bucket's web site to where plan wants it, and returns
// what it sent.
//
// The record is the fence: it is replaced on a condition before anything else
// is sent, and again afterwards. S3 takes the rest without a condition, so a
// push that slept may send it after another has pushed more. It finds out at
// its next look at the record, and plans anew: then the plan has to bring back
// what the record says by now.
func (b *Bucket) PushWebsite(ctx context.Context, plan func(layout.WebsiteState) (layout.WebsitePlan, error)) ([]layout.WebsitePlan, error) {
	p := &websitePush{bucket: b}
	p.setter, _ = b.store.(WebsiteSetter)
	var err error
	for range maxOvertaken {
		if err = p.attempt(ctx, plan); !errors.Is(err, ErrConflict) {
			break
		}
		b.log.DebugContext(ctx, "another push is under way", "error", err)
	}
	return p.sent, err
}

// A websitePush is one push on its way.
type websitePush struct {
	bucket  *Bucket
	setter  WebsiteSetter
	sent    []layout.WebsitePlan
	begun   bool     // something may have been sent
	touched []string // keys that were written or deleted
}

func (p *websitePush) attempt(ctx context.Context, plan func(layout.WebsiteState) (layout.WebsitePlan, error)) error {
	have, version, err := p.bucket.WebsiteState(ctx)
	if err != nil {
		return err
	}
	have.Overtaken, have.Doubt = p.begun, p.touched
	todo, err := plan(have)
	if err != nil {
		return err
	}
	if todo.Begin != nil {
		if version, err = p.bucket.setPushed(ctx, *todo.Begin, version); err != nil {
			return err
		}
	}
	if todo.Website == nil && len(todo.Set)+len(todo.Remove) == 0 {
		return p.done(ctx, todo, version)
	}
	p.begun = true
	if err := p.send(ctx, todo, version); err != nil {
		return err
	}
	return p.done(ctx, todo, version)
}

// send sends what the record announced. The objects come first and go last:
// whatever is asked in between is answered as before or as afterwards.
func (p *websitePush) send(ctx context.Context, todo layout.WebsitePlan, version string) error {
	p.sent = append(p.sent, layout.WebsitePlan{})
	sent := &p.sent[len(p.sent)-1]
	if err := p.set(ctx, todo.Set); err != nil {
		return err
	}
	sent.Set = todo.Set
	if w := todo.Website; w != nil {
		if err := p.guarded(ctx, "write website", version, func() error { return p.setter.SetWebsite(ctx, *w) }); err != nil {
			return err
		}
		sent.Website = w
	}
	for some := range slices.Chunk(todo.Remove, deleteBatch) {
		p.touched = append(p.touched, some...)
		if err := p.guarded(ctx, "delete", version, func() error { return p.setter.RemoveRedirections(ctx, some...) }); err != nil {
			return err
		}
		sent.Remove = append(sent.Remove, some...)
	}
	return nil
}

// guarded looks at the record before it makes the request: that keeps the time
// short in which a push that slept undoes what is newer.
func (p *websitePush) guarded(ctx context.Context, op, version string, request func() error) error {
	if err := p.bucket.isPushed(ctx, version); err != nil {
		return err
	}
	return p.bucket.try(ctx, op, request)
}

func (p *websitePush) set(ctx context.Context, all []layout.Redirection) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(p.bucket.jobs)
	for _, r := range all {
		if gctx.Err() != nil {
			break
		}
		p.touched = append(p.touched, r.Key)
		g.Go(func() error {
			return p.bucket.try(gctx, "put redirection", func() error { return p.setter.SetRedirection(gctx, r) })
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// done settles the record, or makes sure that it stayed what it was.
func (p *websitePush) done(ctx context.Context, todo layout.WebsitePlan, version string) error {
	if todo.Done != nil {
		_, err := p.bucket.setPushed(ctx, *todo.Done, version)
		return err
	}
	if todo.Website == nil {
		return nil
	}
	return p.bucket.isPushed(ctx, version)
}

// setPushed replaces the record of the version, and returns the new one's.
func (b *Bucket) setPushed(ctx context.Context, p layout.Pushed, version string) (string, error) {
	body, err := p.Encode()
	if err != nil {
		return "", err
	}
	put := Bytes(layout.NewPage(layout.Private, layout.PushedKey, body, 0).Object, body)
	put.Create, put.IfMatch, put.Whole = version == "", version, true
	var info Info
	err = b.try(ctx, "put", func() error { info, err = b.putOnce(ctx, put); return err })
	if errors.Is(err, ErrConflict) {
		// An attempt whose reply was lost may have written it, or another push
		// that is after the same.
		now, there, readErr := b.Read(ctx, layout.PushedKey, maxListing)
		if readErr == nil && string(now) == string(body) {
			info, err = there, nil
		}
	}
	if err != nil {
		return "", err
	}
	return info.Version, b.Sync(ctx)
}

// isPushed is ErrConflict when the record is not the one of the version.
func (b *Bucket) isPushed(ctx context.Context, version string) error {
	info, err := b.stat(ctx, layout.PushedKey)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Version != version {
		return fmt.Errorf("%q: another push replaced it: %w", layout.PushedKey, ErrConflict)
	}
	return err
}
