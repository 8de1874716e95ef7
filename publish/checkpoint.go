package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// A Fetch brings in the content of files that the bucket lacks, by Upload. It
// must walk the whole sequence, or return an error.
type Fetch func(ctx context.Context, files iter.Seq2[layout.File, error]) error

// Upload puts one file of the plan in its place. It may be called at once from
// many goroutines; open is called again for another attempt.
func (b *Bucket) Upload(ctx context.Context, plan layout.Plan, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
	return b.Create(ctx, Put{Object: plan.Object(f), Open: open})
}

// Place brings the content of a checkpoint to its place: what the bucket holds
// is linked, the rest goes through fetch, both at the same time. What turns out
// to be gone where it was to be linked from (its checkpoint was pruned, and the
// index does not know yet) is fetched in the end.
func (b *Bucket) Place(ctx context.Context, steps iter.Seq2[layout.Step, error], fetch Fetch) error {
	links := make(chan layout.Step)
	var gone goneFiles
	g, gctx := errgroup.WithContext(ctx)
	for range b.jobs {
		g.Go(func() error {
			for s := range links {
				err := b.link(gctx, s.From, s.Object)
				if errors.Is(err, fs.ErrNotExist) {
					b.log.WarnContext(gctx, "content is gone from where it was to be linked", "from", s.From, "to", s.Object.Key)
					gone.add(s.File)
					continue
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(links)
		return fetch(gctx, lacking(gctx, steps, links))
	})
	if err := interrupted(ctx, g.Wait()); err != nil || len(gone.files) == 0 {
		return err
	}
	return fetch(ctx, gone.sorted())
}

// goneFiles are those that could not be linked.
type goneFiles struct {
	mu    sync.Mutex
	files []layout.File
}

func (g *goneFiles) add(f layout.File) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.files = append(g.files, f)
}

// sorted returns the files by path, as any walk is.
func (g *goneFiles) sorted() iter.Seq2[layout.File, error] {
	slices.SortFunc(g.files, func(a, b layout.File) int { return cmp.Compare(a.Path, b.Path) })
	return func(yield func(layout.File, error) bool) {
		for _, f := range g.files {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// interrupted gives precedence to why ctx ended, if it did: an interrupted
// walk is not a finished one.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lacking yields the files of steps that the bucket lacks, and sends the other
// steps on to links.
func lacking(ctx context.Context, steps iter.Seq2[layout.Step, error], links chan<- layout.Step) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for s, err := range steps {
			if err != nil || s.From == "" {
				if !yield(s.File, err) || err != nil {
					return
				}
				continue
			}
			select {
			case links <- s:
			case <-ctx.Done():
				yield(layout.File{}, context.Cause(ctx))
				return
			}
		}
	}
}

// Unfinished leaves out of the steps of a claim those whose object stands
// already, as an earlier run left it.
func (b *Bucket) Unfinished(ctx context.Context, prefix string, steps iter.Seq2[layout.Step, error]) iter.Seq2[layout.Step, error] {
	return func(yield func(layout.Step, error) bool) {
		for s, err := range b.standing(ctx, prefix, steps) {
			if err == nil && s.whole {
				continue
			}
			if !yield(s.Step, err) || err != nil {
				return
			}
		}
	}
}

// intact reports whether what stands at o.Key is o, and removes it if not.
func (b *Bucket) intact(ctx context.Context, info Info, o layout.Object) (bool, error) {
	ok := info.Size == o.Size
	if _, lazy := b.store.(Syncer); ok && lazy {
		sum, err := b.digest(ctx, o.Key)
		if err != nil {
			return false, err
		}
		ok = sum == o.SHA256
	}
	if ok {
		return true, nil
	}
	return false, b.try(ctx, "delete", func() error { return b.deleter.Delete(ctx, o.Key) })
}

// Standing adds to stands, by digest, the keys at which content of a claim's
// plan stands whole, so that another claim need not bring it in again.
func (b *Bucket) Standing(ctx context.Context, plan layout.Plan, stands map[layout.Digest]string) error {
	steps := plan.Steps(func(layout.File) (string, error) { return "", nil })
	for s, err := range b.standing(ctx, layout.CheckpointPrefix(plan.Base, plan.ID), steps) {
		if err != nil {
			return err
		}
		if s.whole {
			stands[s.File.SHA256] = s.Object.Key
		}
	}
	return nil
}

// A standingStep is a step, and whether its object stands already.
type standingStep struct {
	layout.Step
	whole bool
}

// standing looks, by one LIST, which steps of a claim an earlier run has done.
// Where objects are durable when they are visible, what stands is right; in
// other stores it is read again, as a power cut may have emptied it. What is
// wrong is removed.
func (b *Bucket) standing(ctx context.Context, prefix string, steps iter.Seq2[layout.Step, error]) iter.Seq2[standingStep, error] {
	return func(yield func(standingStep, error) bool) {
		next, stop := iter.Pull2(b.list(ctx, prefix))
		defer stop()
		info, err, ok := next()
		for s, stepErr := range steps {
			for ok && err == nil && stepErr == nil && info.Key < s.Object.Key {
				info, err, ok = next()
			}
			if stepErr == nil {
				stepErr = err
			}
			found := standingStep{Step: s}
			if stepErr == nil && ok && info.Key == s.Object.Key {
				found.whole, stepErr = b.intact(ctx, info, s.Object)
			}
			if !yield(found, stepErr) || stepErr != nil {
				return
			}
		}
	}
}

// Pages draws the pages of a plan into the bucket. One that exists stays as it
// is: an earlier run, which this one finishes, may have had another public URL,
// or drawn in another style.
func (b *Bucket) Pages(ctx context.Context, plan layout.Plan) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(b.jobs)
	for page, err := range plan.Pages() {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if err != nil {
				return err
			}
			if err = b.Create(gctx, Bytes(page.Object, page.Body)); errors.Is(err, ErrConflict) {
				return nil
			}
			return err
		})
	}
	return interrupted(ctx, g.Wait())
}

// Commit makes a claim whose content and pages stand a checkpoint: the file
// list, a barrier, and the record after head. The record is the commit.
func (l *Log) Commit(ctx context.Context, c layout.Claim, head layout.Head, now layout.Stamp) (layout.Entry, error) {
	if err := l.keepList(ctx, c); err != nil {
		return layout.Entry{}, fmt.Errorf("commit %s of %q: %w", c.ID, l.repository, err)
	}
	if err := l.bucket.Sync(ctx); err != nil {
		return layout.Entry{}, fmt.Errorf("commit %s of %q: %w", c.ID, l.repository, err)
	}
	return l.Append(ctx, c.Record(head, now))
}

// keepList gives the claim's file list its place in the log. Equal states have
// the same list: it may be there.
func (l *Log) keepList(ctx context.Context, c layout.Claim) error {
	key := layout.FileListKey(l.base, c.List.SHA256)
	from := layout.ClaimFilesKey(l.repository, c.ID)
	if _, err := l.bucket.stat(ctx, key); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := l.bucket.stat(ctx, from)
	if err != nil {
		return err
	}
	o := layout.Object{Key: key, Size: info.Size, SHA256: info.SHA256, Header: layout.HeaderFor(layout.LogEntry, key)}
	return l.bucket.link(ctx, from, o)
}
