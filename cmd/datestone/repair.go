package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"

	"datestone/layout"
	"datestone/publish"
)

// A mender repairs what verify finds in one repository, under its lock.
type mender struct {
	*pass
	history *publish.History
	// drawn are the checkpoints whose missing pages were drawn.
	drawn map[layout.Stamp]bool
	// upstream is the metadata that the remote has now; read when first needed.
	upstream map[string][]byte
}

// A repaired says what became of a finding.
type repaired struct {
	done bool
	how  string // or why not
}

// not says why something was not repaired.
func not(format string, args ...any) (repaired, error) {
	return repaired{how: "not repaired: " + fmt.Sprintf(format, args...)}, nil
}

// as says how something was repaired, unless that failed.
func as(how string, err error) (repaired, error) {
	return repaired{done: err == nil, how: how}, err
}

// mend repairs what stands at one key, or says why it can't.
func (m *mender) mend(ctx context.Context, f publish.Finding) (repaired, error) {
	switch {
	case f.Flaw == publish.Unknown:
		return not("what datestone did not write it does not remove")
	case f.Flaw == publish.Unredacted:
		return not(`"datestone redact" removes it`)
	case f.Flaw == wrongSignature:
		return not("only who has the key can sign it")
	case f.File != nil:
		return m.file(ctx, f)
	case f.Page != nil:
		return as("drawn again", m.bucket.Restore(ctx, *f.Page))
	case f.List != nil && f.Flaw != publish.WrongHeader:
		return m.list(ctx, f)
	case f.Flaw == publish.WrongHeader:
		return as("header set again", m.bucket.Redress(ctx, layout.LogEntry, f.Key))
	case f.Checkpoint != "" && f.Flaw == publish.Missing:
		return m.page(ctx, f)
	}
	return not("a record can't be made again: take it from a copy of the bucket, or from a mirror of the log")
}

// file brings content back: from a key that has the same bytes, else from
// upstream.
func (m *mender) file(ctx context.Context, f publish.Finding) (repaired, error) {
	if f.Flaw == publish.WrongBytes || f.Flaw == publish.WrongSize {
		if err := m.log.Keep(ctx, f.Key); err != nil {
			return repaired{}, err
		}
	}
	o := layout.Object{Key: f.Key, Size: f.File.Size, SHA256: f.File.SHA256, Header: layout.HeaderFor(layout.Content, f.Key)}
	from, err := m.bucket.Mend(ctx, o, m.twins(ctx, f))
	switch {
	case err != nil:
		return repaired{}, err
	case from == f.Key:
		return as("header set again", nil)
	case from != "":
		return as("restored from "+from, nil)
	}
	put := func(ctx context.Context, _ layout.File, open func(context.Context) (io.ReadCloser, error)) error {
		return m.bucket.Replace(ctx, publish.Put{Object: o, Open: open})
	}
	err = m.remotes.Fetch(ctx, m.repo.Remote, layout.Files([]layout.File{*f.File}), put)
	if err != nil && m.bodyOf(ctx, f.File.Path, o.SHA256) != nil {
		err = m.bucket.Replace(ctx, publish.Bytes(o, m.bodyOf(ctx, f.File.Path, o.SHA256)))
	}
	if err != nil && ctx.Err() == nil {
		return not("no key has these bytes, hard links share their damage, and upstream: %v", err)
	}
	return as("restored from upstream", err)
}

// bodyOf returns the metadata at path as the remote has it now, if that is what
// is wanted.
func (m *mender) bodyOf(ctx context.Context, path string, want layout.Digest) []byte {
	if m.upstream == nil {
		m.upstream = map[string][]byte{}
		if state, err := m.remotes.Read(ctx, m.repo.Remote, layout.Remote{}); err == nil {
			m.upstream = state.Bodies
		}
	}
	if body, ok := m.upstream[path]; ok && layout.DigestOf(body) == want {
		return body
	}
	return nil
}

// twins are the keys at which the bytes of a file may stand: its own, where its
// header is what is wrong; what was kept when another key was repaired; the same path in the other checkpoints, nearest
// first; where the index knows them; other paths of the checkpoint.
func (m *mender) twins(ctx context.Context, f publish.Finding) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if f.Flaw == publish.WrongHeader && !yield(f.Key, nil) {
			return
		}
		if !yield(layout.MendingKey(m.repo.Name, f.File.SHA256), nil) {
			return
		}
		for _, id := range nearest(m.history.Table, f.Checkpoint) {
			if !yield(layout.Key(m.repo.BasePath, id, f.File.Path), nil) {
				return
			}
		}
		if key, err := m.index.Holder(f.File.SHA256); err == nil && key != f.Key && !yield(key, nil) {
			return
		}
		list, err := fileListOf(ctx, m.log, m.history.Table, f.Checkpoint)
		if err != nil {
			yield("", err)
			return
		}
		for other, err := range m.log.Files(ctx, list) {
			if err != nil || other.SHA256 == f.File.SHA256 && other.Path != f.File.Path {
				if !yield(layout.Key(m.repo.BasePath, f.Checkpoint, other.Path), err) || err != nil {
					return
				}
			}
		}
	}
}

// nearest returns the other checkpoints, those beside id first.
func nearest(t layout.Table, id layout.Stamp) []layout.Stamp {
	at, _ := t.Find(id)
	var ids []layout.Stamp
	for i := 1; i < len(t.Checkpoints); i++ {
		if at-i >= 0 {
			ids = append(ids, t.Checkpoints[at-i].ID)
		}
		if at+i < len(t.Checkpoints) {
			ids = append(ids, t.Checkpoints[at+i].ID)
		}
	}
	return ids
}

// page draws the missing pages of a checkpoint.
func (m *mender) page(ctx context.Context, f publish.Finding) (repaired, error) {
	if m.drawn[f.Checkpoint] {
		return as("drawn again", nil)
	}
	e, err := recordOf(ctx, m.log, m.history.Table, f.Checkpoint)
	if err != nil {
		return repaired{}, err
	}
	plan := layout.Plan{Base: m.repo.BasePath, PublicPath: m.config.PublicPath, ID: f.Checkpoint,
		Files: m.log.Files(ctx, *e.List), Source: m.config.source(m.repo, f.Checkpoint, *e.Remote)}
	m.drawn[f.Checkpoint] = true
	return as("drawn again", m.bucket.Pages(ctx, plan))
}

// list makes a file list again that the index still knows.
func (m *mender) list(ctx context.Context, f publish.Finding) (repaired, error) {
	root, err := m.index.Checkpoint(m.repo.Name, f.Checkpoint)
	if err != nil {
		return not("the index of this machine does not know the state of %s either", f.Checkpoint)
	}
	list, body, err := publish.EncodeFileList(m.index.Files(root))
	if err != nil || list != *f.List {
		return not("the index of this machine has another state for %s", f.Checkpoint)
	}
	return as("made again from the index; verify again what stands in the checkpoint",
		m.bucket.Restore(ctx, layout.NewPage(layout.LogEntry, f.Key, body, 0)))
}

// tellAgain puts the rules in force and makes the table and the pages that are
// flawed what the log says.
func (m *mender) tellAgain(ctx context.Context, flawed []publish.Finding) error {
	if err := m.adopt(ctx, m.history.Table); err != nil {
		return err
	}
	m.announcing.Lock()
	defer m.announcing.Unlock()
	if err := m.sign(ctx); err != nil {
		return err
	}
	if err := m.enforce(ctx, true); err != nil {
		return err
	}
	pages, err := m.toList(ctx)
	if err != nil {
		return err
	}
	for _, page := range pages {
		if !slices.ContainsFunc(flawed, func(f publish.Finding) bool { return f.Key == page.Key }) {
			continue
		}
		if err := m.bucket.Restore(ctx, page); err != nil {
			return err
		}
	}
	m.known.Announced = m.known.Table.Log.Entries
	return m.remember()
}

// adopt makes the index believe a table that was folded from the whole log.
func (p *pass) adopt(ctx context.Context, t layout.Table) error {
	known, err := p.index.Repo(p.repo.Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	p.known = known
	p.known.Table, p.known.Announced = t, unannounced
	if newest := t.Newest(); newest != "" {
		root, err := p.index.Checkpoint(p.repo.Name, newest)
		if errors.Is(err, fs.ErrNotExist) || err == nil && root != known.Newest {
			err = p.takeInNewest(ctx)
		}
		if err != nil {
			return err
		}
	}
	return p.remember()
}

// toList are the table and the pages that show it, all of them.
func (p *pass) toList(ctx context.Context) ([]layout.Page, error) {
	t := p.known.Table
	body, err := t.Encode()
	if err != nil {
		return nil, err
	}
	newest, err := remoteOf(ctx, p.log, t, t.Newest())
	if err != nil {
		return nil, err
	}
	pages, err := layout.ListingPages(t, newest, p.config.PublicURL, nil)
	return append([]layout.Page{layout.NewPage(layout.Listing, layout.TableKey(t.BasePath), body, t.Log.Entries)}, pages...), err
}
