package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"

	"datestone/layout"
)

// asking makes the questions about a repository, until nobody wants more.
type asking struct {
	*walker
	yield func(check, error) bool
	more  bool
	first bool // the next question is the first of a checkpoint
}

func (a *asking) put(c check) {
	c.first, a.first = a.first, false
	a.more = a.more && a.yield(c, nil)
}

func (a *asking) fail(err error) {
	if a.more {
		a.yield(check{}, err)
	}
	a.more = false
}

// tell is a question that is answered already.
func (a *asking) tell(id layout.Stamp, f Finding) {
	a.put(check{id: id, ask: func(context.Context) (*Finding, error) { return &f, nil }})
}

// checkpoint asks for all that should stand in a checkpoint, and for all that
// stands before its end.
func (a *asking) checkpoint(ctx context.Context, l *listing, c layout.Checkpoint) {
	prefix := layout.CheckpointPrefix(a.base, c.ID)
	for a.more && l.before(prefix) {
		a.stranger(l)
	}
	a.first = true
	plan, flaw, err := a.plan(ctx, c)
	if err != nil {
		a.fail(err)
		return
	}
	if flaw != nil && flaw.Flaw != Missing { // which was told with the log
		a.tell(c.ID, *flaw)
	}
	if plan.Files != nil {
		a.merge(l, plan)
		a.pages(plan)
	}
	for a.more && plan.Files == nil && l.before(prefix+"\xff") {
		l.step() // what it is can't be said without the list
	}
}

// plan returns what a checkpoint should be, or why that can't be known; then it
// has no files.
func (w *walker) plan(ctx context.Context, c layout.Checkpoint) (plan layout.Plan, flaw *Finding, err error) {
	key := layout.RecordKey(w.base, c.Record)
	e, err := w.Entry(ctx, c.Record)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && e.SHA256 != c.SHA256:
		return plan, &Finding{Flaw: BrokenChain, Key: key, Detail: "is not the record that committed " + string(c.ID)}, nil
	case err != nil:
		return plan, nil, err
	}
	files, flaw, err := w.wholeList(ctx, *e.List)
	if flaw != nil {
		flaw.List = e.List
	}
	source := layout.Source{Repository: w.repository, URL: layout.RepositoryURL(w.PublicURL, w.base), ID: c.ID, Remote: *e.Remote}
	return layout.Plan{Base: w.base, PublicPath: w.Settings.PublicPath, ID: c.ID, Source: source, Files: files}, flaw, err
}

// wholeList reads a list into memory, compressed as it stands, and returns its
// files when it is the one that is named.
func (w *walker) wholeList(ctx context.Context, list layout.FileList) (iter.Seq2[layout.File, error], *Finding, error) {
	key := layout.FileListKey(w.base, list.SHA256)
	body, info, err := w.bucket.Read(ctx, key, maxListing)
	if err != nil {
		flaw := readFlaw(key, err)
		if flaw != nil {
			err = nil
		}
		return nil, flaw, err
	}
	var files iter.Seq2[layout.File, error] = func(yield func(layout.File, error) bool) {
		unpackFileList(bytes.NewReader(body), key, list.SHA256)(yield)
	}
	found := layout.FileList{SHA256: list.SHA256}
	for f, err := range files {
		if err != nil {
			return nil, &Finding{Flaw: WrongBytes, Key: key, Detail: err.Error()}, nil
		}
		found.Files++
		found.Bytes += f.Size
	}
	if found != list {
		return nil, &Finding{Flaw: BrokenChain, Key: key, Detail: fmt.Sprintf(
			"has %d files of %d bytes, its record says %d of %d", found.Files, found.Bytes, list.Files, list.Bytes)}, nil
	}
	return files, headerFlaw(info, layout.HeaderFor(layout.LogEntry, key)), nil
}

// merge holds the listing against the places of a plan.
func (a *asking) merge(l *listing, plan layout.Plan) {
	for place, err := range plan.Places() {
		if err != nil {
			a.fail(err)
		}
		for a.more && l.before(place.Key) {
			a.stranger(l)
		}
		switch {
		case !a.more:
			return
		case l.err != nil:
			a.fail(l.err)
			return
		case l.ok && l.Key == place.Key:
			a.put(a.stands(plan, place, l.Info))
			l.step()
		default:
			a.put(a.lacks(plan, place))
		}
	}
	for a.more && l.before(layout.CheckpointPrefix(plan.Base, plan.ID)+"\xff") {
		a.stranger(l)
	}
}

// stands asks about an object that is listed.
func (w *walker) stands(plan layout.Plan, place layout.Place, info Info) check {
	c := check{id: plan.ID, object: true, ask: nothingWrong}
	if place.File == nil { // pages are asked for by themselves
		return c
	}
	c.bytes = info.Size
	f, o := *place.File, plan.Object(*place.File)
	_, redacted := w.History.Table.Redaction(f.SHA256)
	c.ask = func(ctx context.Context) (flaw *Finding, err error) {
		switch {
		case redacted:
			return &Finding{Flaw: Unredacted, Key: o.Key, Detail: "stands, though its content was redacted"}, nil
		case info.Size != o.Size:
			flaw = sizeFlaw(o.Key, info.Size, o.Size)
		default:
			flaw, err = w.object(ctx, o)
		}
		return w.sure(ctx, plan.ID, f, flaw, err)
	}
	return c
}

func nothingWrong(context.Context) (*Finding, error) { return nil, nil }

// lacks asks about an object that is not listed, though it should be.
func (w *walker) lacks(plan layout.Plan, place layout.Place) check {
	return check{id: plan.ID, object: true, ask: func(ctx context.Context) (*Finding, error) {
		f := layout.File{Path: strings.TrimPrefix(place.Key, layout.CheckpointPrefix(plan.Base, plan.ID))}
		if place.File != nil {
			f = *place.File
		}
		if _, redacted := w.History.Table.Redaction(f.SHA256); redacted {
			return nil, nil
		}
		_, err := w.bucket.stat(ctx, place.Key)
		var flaw *Finding
		if err != nil {
			flaw = readFlaw(place.Key, err)
		}
		if flaw != nil {
			err = nil
			if place.File != nil {
				flaw.Detail = fmt.Sprintf("should have %d bytes, SHA-256 %s", f.Size, f.SHA256)
			} else {
				flaw.Detail = "the page of a directory"
			}
		}
		flaw, err = w.sure(ctx, plan.ID, f, flaw, err)
		if flaw != nil && place.File == nil {
			flaw.File = nil
		}
		return flaw, err
	}}
}

// sure passes a flaw on unless what it is about may be gone by now.
func (w *walker) sure(ctx context.Context, id layout.Stamp, f layout.File, flaw *Finding, err error) (*Finding, error) {
	if flaw == nil || err != nil {
		return nil, err
	}
	gone, err := w.gone(ctx, id, f.SHA256)
	if err != nil || gone {
		return nil, err
	}
	flaw.File = &f
	return flaw, nil
}

// object asks the store about an object, and reads it where that is wanted.
func (w *walker) object(ctx context.Context, o layout.Object) (*Finding, error) {
	var info Info
	var sum layout.Digest
	var err error
	switch {
	case w.Deep:
		info, sum, err = w.bucket.sum(ctx, o.Key)
	case w.knows:
		info, err = w.bucket.stat(ctx, o.Key)
		sum = info.SHA256
	default:
		return nil, nil
	}
	if err != nil {
		flaw := readFlaw(o.Key, err)
		if flaw != nil {
			err = nil
		}
		return flaw, err
	}
	return objectFlaw(info, sum, o), nil
}

// sum reads an object and returns the SHA-256 of its bytes.
func (b *Bucket) sum(ctx context.Context, key string) (info Info, sum layout.Digest, err error) {
	err = b.try(ctx, "get", func() error {
		var r io.ReadCloser
		if r, info, err = b.store.Get(ctx, key, 0, -1); err != nil {
			return err
		}
		defer r.Close()
		h := sha256.New()
		if info.Size, err = io.Copy(h, r); err != nil {
			return fmt.Errorf("get %q: %w: %w", key, err, ErrTemporary)
		}
		h.Sum(sum[:0])
		return nil
	})
	return info, sum, err
}

// stranger passes the next object of the listing, which nothing asked for.
func (a *asking) stranger(l *listing) {
	info := l.Info
	l.step()
	rest := strings.TrimPrefix(info.Key, a.base+"/")
	segment, below, _ := strings.Cut(rest, "/")
	id, err := layout.ParseStamp(segment)
	switch {
	case segment == "log" && below != "", info.Key == layout.TableKey(a.base), info.Key == layout.ListingKey(a.base):
	case err == nil:
		a.strayed(id, info.Key)
	case a.Explained == nil || !a.Explained(info.Key):
		a.tell("", Finding{Flaw: Unknown, Key: info.Key, Detail: "nothing in the log tells of it"})
	}
}

// strayed asks about an object below an ID that is not among its checkpoint's.
func (a *asking) strayed(id layout.Stamp, key string) {
	_, known := a.History.Table.Find(id)
	switch {
	case a.History.Pruned[id]:
		a.unswept.Add(1)
	case a.claims[id] && !known:
		a.claimed.Add(1)
	case a.claims[id], a.History.Unsure[id]:
	case known:
		a.put(check{id: id, ask: func(ctx context.Context) (*Finding, error) {
			return a.foreign(ctx, key, "is not in the checkpoint's file list")
		}})
	default:
		a.put(check{ask: func(ctx context.Context) (*Finding, error) {
			committed, err := a.committed(ctx, id)
			if err != nil || committed {
				return nil, err
			}
			return a.foreign(ctx, key, "neither the log nor a claim tells of "+string(id))
		}})
	}
}

// foreign tells of an object that should not stand, if it still does.
func (w *walker) foreign(ctx context.Context, key, why string) (*Finding, error) {
	_, err := w.bucket.stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &Finding{Flaw: Unknown, Key: key, Detail: why}, err
}
