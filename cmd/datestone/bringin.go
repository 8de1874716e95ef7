package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"log/slog"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
	reposync "datestone/sync"
)

// An open claim is a checkpoint on its way.
type open struct {
	claim layout.Claim
	root  index.Root
	plan  layout.Plan
	// ledger has what is still to be placed.
	ledger ledger
	// resumed is a claim that an earlier run made: part of it may stand.
	resumed bool
}

// open returns the claim c, whose files have the root.
func (p *pass) open(c layout.Claim, root index.Root, resumed bool) *open {
	return &open{claim: c, root: root, resumed: resumed, plan: layout.Plan{
		Base: p.repo.BasePath, PublicPath: p.config.PublicPath, ID: c.ID, Files: p.index.Files(root),
		Source: p.config.source(p.repo, c.ID, c.Remote)}}
}

// take returns the open claim of the wanted state, or claims it.
func (p *pass) take(ctx context.Context) (*open, error) {
	for _, c := range p.claims {
		fits, err := p.fits(ctx, c)
		if err != nil {
			return nil, err
		}
		if !fits {
			continue
		}
		same, err := layout.Same(p.log.ClaimFiles(ctx, c), p.wanted())
		if err != nil {
			return nil, err
		}
		if same {
			p.Log.InfoContext(ctx, "finishing what an earlier run claimed", "repo", p.repo.Name, "checkpoint", c.ID)
			return p.resume(ctx, c)
		}
	}
	return p.claim(ctx)
}

// fits reports whether a claim may still become a checkpoint: the log has not
// passed it, and it follows the newest checkpoint. One that follows an older
// one (its writer was paused while others committed) says of files that the
// newest has them, where that may have others. Nor may one that has what was
// redacted.
func (p *pass) fits(ctx context.Context, c layout.Claim) (bool, error) {
	if c.ID <= p.known.Table.FinalUntil {
		return false, nil
	}
	list, err := layout.WriteFileList(io.Discard, layout.FirstSeen(p.index.Files(p.known.Newest), p.permitted(p.log.ClaimFiles(ctx, c)), c.ID))
	return list == c.List, err
}

// resume takes up a claim that an earlier run left, here or elsewhere.
func (p *pass) resume(ctx context.Context, c layout.Claim) (*open, error) {
	root, err := p.index.PutState(p.log.ClaimFiles(ctx, c))
	if err != nil {
		return nil, err
	}
	p.known.Claim, p.known.State, p.known.Remote = c.ID, root, c.Remote
	return p.open(c, root, true), p.remember()
}

// claim takes an ID for the wanted state. One that turns out to be taken is
// left to whoever has it.
func (p *pass) claim(ctx context.Context) (*open, error) {
	after := max(p.known.Table.FinalUntil, p.all.Newest())
	for {
		id, err := p.moment.take(ctx, p.repo.Name, after)
		if err != nil {
			return nil, err
		}
		o, err := p.claimAs(ctx, id)
		if !errors.Is(err, publish.ErrConflict) {
			return o, err
		}
		after = id
	}
}

func (p *pass) claimAs(ctx context.Context, id layout.Stamp) (*open, error) {
	o, list, err := p.draft(ctx, id)
	if err == nil {
		err = p.log.Claim(ctx, o.claim, list)
	}
	if err != nil {
		return nil, err
	}
	p.known.Claim, p.known.State, p.known.Remote = id, o.root, o.claim.Remote
	return o, p.remember()
}

// draft returns the claim that the wanted state would have, and its file list
// as it stands in the bucket.
func (p *pass) draft(ctx context.Context, id layout.Stamp) (*open, []byte, error) {
	root, err := p.index.PutState(layout.FirstSeen(p.index.Files(p.known.Newest), p.wanted(), id))
	if err != nil {
		return nil, nil, err
	}
	list, body, err := publish.EncodeFileList(p.index.Files(root))
	if err != nil {
		return nil, nil, err
	}
	remote := p.known.Remote
	if p.state != nil {
		remote = p.state.Remote
	}
	c := layout.NewClaim(p.repo.Name, p.repo.BasePath, id, list, remote)
	c.Replaced, err = p.replaced(ctx, root)
	return p.open(c, root, false), body, err
}

// replaced counts the paths whose content the remote replaced since the newest
// checkpoint, and warns of each. Metadata is meant to change.
func (p *pass) replaced(ctx context.Context, root index.Root) (n int, err error) {
	for c, err := range p.index.Diff(p.known.Newest, root) {
		if err != nil {
			return 0, err
		}
		if c.Old.Path == "" || c.New.Path == "" || c.Old.SHA256 == c.New.SHA256 || p.isMetadata(c.New.Path) {
			continue
		}
		n++
		level := slog.LevelWarn
		if p.repo.Remote.Past != nil {
			level = slog.LevelDebug // long known, and there may be years of it
		}
		p.Log.Log(ctx, level, "remote replaced the content of a path; both stay reachable in their checkpoints",
			"repo", p.repo.Name, "path", c.New.Path, "was", c.Old.SHA256, "is", c.New.SHA256)
	}
	return n, nil
}

func (p *pass) isMetadata(path string) bool {
	return p.inMemory(path) || p.state != nil && p.state.Listed[path]
}

// inMemory reports whether the content of a path was read as metadata.
func (p *pass) inMemory(path string) bool {
	if p.state == nil {
		return false
	}
	_, ok := p.state.Bodies[path]
	return ok
}

// place brings the content of an open claim to its place.
func (p *pass) place(ctx context.Context, o *open) error {
	p.current = o
	held, err := p.held(ctx, o)
	if err != nil {
		return err
	}
	steps := o.plan.Steps(held)
	if o.resumed {
		steps = p.bucket.Unfinished(ctx, layout.CheckpointPrefix(o.plan.Base, o.plan.ID), steps)
	}
	var twins []layout.Step
	p.bar.Start(p.repo.Name+" "+string(o.claim.ID), p.missing(o, held))
	defer p.bar.Done()
	if err := p.bucket.Place(ctx, p.count(o.ledger.pay(apart(o.ledger.owe(steps), &twins))), p.fetch(o)); err != nil {
		return err
	}
	if err := o.named(twins); err != nil {
		return err
	}
	return p.bucket.Place(ctx, p.count(o.ledger.pay(stepsOf(twins))), p.fetch(o))
}

// held says in which key the bucket has a content: what did not change since
// the newest checkpoint stands there, under the same path; other content may
// stand in a claim that is dropped later, or where the index knows it.
func (p *pass) held(ctx context.Context, o *open) (func(layout.File) (string, error), error) {
	stray := map[layout.Digest]string{}
	for _, c := range p.claims {
		if _, committed := p.known.Table.Find(c.ID); committed || c.ID == o.claim.ID {
			continue
		}
		plan := layout.Plan{Base: c.BasePath, ID: c.ID, Files: p.log.ClaimFiles(ctx, c)}
		if err := p.bucket.Standing(ctx, plan, stray); err != nil {
			return nil, err
		}
	}
	newest := p.known.Table.Newest()
	return func(f layout.File) (string, error) {
		if newest != "" && f.FirstSeen < o.claim.ID {
			return layout.Key(p.repo.BasePath, newest, f.Path), nil
		}
		if key, ok := stray[f.SHA256]; ok {
			return key, nil
		}
		key, err := p.index.Holder(f.SHA256)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return key, err
	}, nil
}

// missing returns how many bytes the remote must give; -1 where that is not
// known, as part of them may stand, or where nobody asks.
func (p *pass) missing(o *open, held func(layout.File) (string, error)) (bytes int64) {
	if o.resumed || p.bar == (noProgress{}) {
		return -1
	}
	for c, err := range p.index.Diff(p.known.Newest, o.root) {
		if err != nil {
			return -1
		}
		if c.New.Path == "" || reposync.IsByHash(c.New.Path) {
			continue
		}
		if key, err := held(c.New); err == nil && key == "" {
			bytes += c.New.Size
		}
	}
	return bytes
}

// apart takes out of the steps those whose content comes in under another path
// of the same checkpoint; they can be linked when that stands.
func apart(steps iter.Seq2[layout.Step, error], twins *[]layout.Step) iter.Seq2[layout.Step, error] {
	return func(yield func(layout.Step, error) bool) {
		coming := map[layout.Digest]string{}
		for s, err := range steps {
			if err == nil && s.From == "" {
				if reposync.IsByHash(s.File.Path) {
					*twins = append(*twins, s)
					continue
				}
				if first, ok := coming[s.File.SHA256]; ok {
					s.From = first
					*twins = append(*twins, s)
					continue
				}
				coming[s.File.SHA256] = s.Object.Key
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// named finds the names of those twins that stand by their hash, which is never
// asked for: not all upstreams that announce these paths have them, and the
// names stand by now, some perhaps since an earlier run.
func (o *open) named(twins []layout.Step) error {
	nameless := map[layout.Digest][]int{}
	for i, s := range twins {
		if s.From == "" {
			nameless[s.File.SHA256] = append(nameless[s.File.SHA256], i)
		}
	}
	if len(nameless) == 0 {
		return nil
	}
	for f, err := range o.plan.Files {
		if err != nil {
			return err
		}
		if reposync.IsByHash(f.Path) {
			continue
		}
		for _, i := range nameless[f.SHA256] {
			twins[i].From = layout.Key(o.plan.Base, o.plan.ID, f.Path)
		}
		delete(nameless, f.SHA256) // further names of this content are twins themselves
	}
	return nil
}

func stepsOf(steps []layout.Step) iter.Seq2[layout.Step, error] {
	return func(yield func(layout.Step, error) bool) {
		for _, s := range steps {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// count lets steps pass, and counts them for the report.
func (p *pass) count(steps iter.Seq2[layout.Step, error]) iter.Seq2[layout.Step, error] {
	return func(yield func(layout.Step, error) bool) {
		for s, err := range steps {
			switch {
			case err != nil:
			case s.From == "":
				p.report.Fetched++
				p.report.FetchedBytes += s.File.Size
			default:
				p.report.Linked++
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// fetch returns what brings in content that the bucket lacks: metadata from
// memory, the rest from the remote.
func (p *pass) fetch(o *open) publish.Fetch {
	return func(ctx context.Context, files iter.Seq2[layout.File, error]) error {
		put := func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
			if err := p.bucket.Upload(ctx, o.plan, f, ofRemote(open)); err != nil {
				return byBucket(err)
			}
			p.Log.DebugContext(ctx, "file brought in", "repo", p.repo.Name, "path", f.Path, "bytes", f.Size)
			p.bar.Add(f.Size)
			return nil
		}
		return byRemote(ctx, p.remotes.FetchChecked(ctx, p.repo.Remote, p.fromMemory(ctx, o, files), put, p.refused))
	}
}

// fromMemory uploads the files whose content was read as metadata, and yields
// the others.
func (p *pass) fromMemory(ctx context.Context, o *open, files iter.Seq2[layout.File, error]) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for f, err := range files {
			if err == nil && p.inMemory(f.Path) {
				body := publish.Bytes(layout.Object{}, p.state.Bodies[f.Path])
				if err = p.bucket.Upload(ctx, o.plan, f, body.Open); err == nil {
					p.bar.Add(f.Size)
					continue
				}
				err = byBucket(err)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}
