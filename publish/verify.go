package publish

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"datestone/layout"
)

// A Verification says what of a repository is held against its log.
type Verification struct {
	// History is what the log says, as it was read.
	History   *History
	Settings  layout.Settings
	PublicURL string // under which pages of checkpoints were drawn
	// Deep reads every byte. Without it a store is asked what it knows: digests
	// and headers where it keeps them, else sizes only.
	Deep bool
	// Only is the one checkpoint that is looked at, From the first; none means
	// all.
	Only, From layout.Stamp
	// Explained says of an object below the base path that is no checkpoint's
	// whether it is known what it is for.
	Explained func(key string) bool
	// Found is told of each flaw, in order of key but for the pages of a
	// checkpoint, which follow its files. What it returns ends the walk.
	Found func(context.Context, Finding) error
	// Passed is told of each object, when all before it are done.
	Passed func(bytes int64)
}

// Verified is how far a verification came.
type Verified struct {
	Checkpoints, Objects int
	Bytes                int64
	// Unswept counts the objects of checkpoints that were pruned.
	Unswept int
	// Claimed counts the objects of checkpoints that were claimed and not
	// committed: a run is under way, or was interrupted.
	Claimed int
	// Redrawn counts the pages that differ in more than their rows from what
	// would be drawn now: in another style, or under another public URL.
	Redrawn int
	// At is the checkpoint that was being looked at when it ended.
	At layout.Stamp
}

// Verify holds what stands below the repository's base path against the log: all
// files and pages of its checkpoints, and that nothing else stands there. One
// LIST is merged with what is expected; in memory are one file list, as it
// stands in the bucket, and what is being asked.
func (l *Log) Verify(ctx context.Context, v Verification) (Verified, error) {
	w := &walker{Log: l, Verification: v, claims: map[layout.Stamp]bool{}, looked: map[layout.Stamp]bool{}}
	if err := w.prepare(ctx); err != nil {
		return w.done, err
	}
	err := inOrder(ctx, l.bucket.jobs, w.checks(ctx), func(ctx context.Context, c check) (*Finding, error) { return c.ask(ctx) },
		func(c check, f *Finding) error { return w.take(ctx, c, f) })
	w.done.Redrawn, w.done.Unswept, w.done.Claimed = int(w.redrawn.Load()), int(w.unswept.Load()), int(w.claimed.Load())
	return w.done, err
}

// A walker walks over what stands, and asks for what is wrong with it.
type walker struct {
	*Log
	Verification
	claims map[layout.Stamp]bool // that stood when the walk began
	knows  bool                  // the store keeps digests or headers
	done   Verified

	redrawn, unswept, claimed atomic.Int64

	mu     sync.Mutex
	table  layout.Table          // as new as a flaw made it necessary
	looked map[layout.Stamp]bool // checkpoints for which it was made new
}

// A check is one question to the store.
type check struct {
	id     layout.Stamp // the checkpoint it is about
	first  bool         // of the checkpoint
	object bool         // it is about an object that is listed, or should be
	bytes  int64        // of a file
	ask    func(context.Context) (*Finding, error)
}

func (w *walker) prepare(ctx context.Context) error {
	w.table = w.History.Table
	for info, err := range w.bucket.list(ctx, layout.ClaimPrefix(w.repository)) {
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(info.Key, layout.ClaimPrefix(w.repository))
		id, _, _ := strings.Cut(name, ".")
		w.claims[layout.Stamp(id)] = true
	}
	if w.table.Log.Entries == 0 {
		return nil
	}
	info, err := w.bucket.stat(ctx, layout.RecordKey(w.base, w.table.Log.Entries))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	w.knows = !info.SHA256.IsZero() || info.Header != (layout.Header{})
	return err
}

func (w *walker) take(ctx context.Context, c check, f *Finding) error {
	if c.first {
		w.done.Checkpoints++
	}
	if c.id != "" {
		w.done.At = c.id
	}
	if c.object {
		w.done.Objects++
	}
	w.done.Bytes += c.bytes
	if w.Passed != nil {
		w.Passed(c.bytes)
	}
	if f == nil {
		return nil
	}
	f.Checkpoint = c.id
	return w.Found(ctx, *f)
}

// A listing is a LIST of which the next object can be seen.
type listing struct {
	next func() (Info, error, bool)
	Info
	err error
	ok  bool
}

func (l *listing) step() { l.Info, l.err, l.ok = l.next() }

// before reports whether the next object stands before key.
func (l *listing) before(key string) bool { return l.ok && l.err == nil && l.Key < key }

// checks are the questions, in the order in which they are to be answered.
func (w *walker) checks(ctx context.Context) iter.Seq2[check, error] {
	return func(yield func(check, error) bool) {
		prefix := w.base + "/"
		if w.Only != "" {
			prefix = layout.CheckpointPrefix(w.base, w.Only)
		}
		next, stop := iter.Pull2(w.bucket.list(ctx, prefix))
		defer stop()
		l := &listing{next: next}
		l.step()
		for l.before(layout.CheckpointPrefix(w.base, w.From)) && w.From != "" {
			l.step()
		}
		ask := &asking{walker: w, yield: yield, more: true}
		for _, c := range w.History.Table.Checkpoints {
			if ask.more && c.ID >= w.From && (w.Only == "" || w.Only == c.ID) {
				ask.checkpoint(ctx, l, c)
			}
		}
		for ask.more && l.ok && l.err == nil {
			ask.stranger(l)
		}
		if ask.more && l.err != nil {
			yield(check{}, l.err)
		}
	}
}

// gone reports whether a checkpoint has been pruned, or content redacted, since
// the log was read: a flaw is looked into before it is told.
func (w *walker) gone(ctx context.Context, id layout.Stamp, sum layout.Digest) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.renew(ctx, id); err != nil {
		return false, err
	}
	_, stands := w.table.Find(id)
	_, redacted := w.table.Redaction(sum)
	return !stands || redacted, nil
}

// renew takes in what the log got since, once for each checkpoint.
func (w *walker) renew(ctx context.Context, id layout.Stamp) error {
	if w.looked[id] || !w.History.Whole {
		return nil
	}
	w.looked[id] = true
	for e, err := range w.After(ctx, w.table.Log.Entries) {
		if err == nil {
			err = w.table.Apply(w.Settings, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// committed reports whether a checkpoint is on its way, or there, which was not
// when the walk began.
func (w *walker) committed(ctx context.Context, id layout.Stamp) (bool, error) {
	claimed, err := w.Claimed(ctx, id)
	if err != nil || claimed {
		return claimed, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err = w.renew(ctx, id)
	_, stands := w.table.Find(id)
	return stands, err
}
