package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// pages asks about the pages of a checkpoint, where more can be known of them
// than that they are there.
func (a *asking) pages(plan layout.Plan) {
	if !a.more || !a.Deep && !a.knows {
		return
	}
	for page, err := range plan.Pages() {
		if err != nil {
			a.fail(err)
		}
		if !a.more {
			return
		}
		a.put(check{id: plan.ID, ask: func(ctx context.Context) (*Finding, error) {
			flaw, redrawn, err := a.bucket.pageFlaw(ctx, page, a.Deep)
			if redrawn {
				a.redrawn.Add(1)
			}
			if flaw != nil && flaw.Flaw == Missing { // which the listing told
				flaw = nil
			}
			flaw, err = a.sure(ctx, plan.ID, layout.File{}, flaw, err)
			if flaw != nil {
				flaw.File, flaw.Page = nil, &page
			}
			return flaw, err
		}})
	}
}

// pageFlaw compares what stands with a page as it would be drawn now. One with
// the same rows in another dress is right, and was redrawn.
func (b *Bucket) pageFlaw(ctx context.Context, page layout.Page, deep bool) (flaw *Finding, redrawn bool, err error) {
	if !deep {
		info, err := b.stat(ctx, page.Key)
		if err == nil && info.SHA256 == page.SHA256 {
			return headerFlaw(info, page.Header), false, nil
		}
		if err != nil {
			return notTrouble(page.Key, err)
		}
	}
	body, info, err := b.Read(ctx, page.Key, maxListing)
	switch {
	case err != nil:
		return notTrouble(page.Key, err)
	case bytes.Equal(body, page.Body):
		return headerFlaw(info, page.Header), false, nil
	case !sameRows(body, page.Body):
		return &Finding{Flaw: WrongBytes, Key: page.Key, Detail: "its rows are not those that should stand there"}, false, nil
	}
	return headerFlaw(info, page.Header), true, nil
}

func notTrouble(key string, err error) (*Finding, bool, error) {
	if flaw := readFlaw(key, err); flaw != nil {
		return flaw, false, nil
	}
	return nil, false, err
}

func sameRows(a, b []byte) bool {
	rowsA, okA := layout.PageRows(a)
	rowsB, okB := layout.PageRows(b)
	return okA && okB && bytes.Equal(rowsA, rowsB)
}

// VerifyPage compares a page that is replaced as the log grows with what it
// should be. One that shows less is stale.
func (b *Bucket) VerifyPage(ctx context.Context, page layout.Page) (flaw *Finding, redrawn bool, err error) {
	body, info, err := b.Read(ctx, page.Key, maxListing)
	if err != nil {
		return notTrouble(page.Key, err)
	}
	shown, ok := layout.ShownChanges(body)
	same := bytes.Equal(body, page.Body)
	switch {
	case !same && ok && shown < page.Changes && !sameRows(body, page.Body):
		return &Finding{Flaw: Stale, Key: page.Key, Detail: fmt.Sprintf("shows %d of %d changes", shown, page.Changes)}, false, nil
	case !same && (!ok || shown > page.Changes || !sameRows(body, page.Body)):
		return &Finding{Flaw: WrongBytes, Key: page.Key, Detail: "is not what it should be by the log"}, false, nil
	}
	return headerFlaw(info, page.Header), !same && shown == page.Changes, nil
}

// VerifyTable compares the table of the repository with what the log gives; h
// was read after it, with its entries. One that shows less is stale. Of
// checkpoints that only the table knows h learns.
func (l *Log) VerifyTable(body []byte, info Info, h *History, s layout.Settings) *Finding {
	key := layout.TableKey(l.base)
	if len(body) == 0 {
		return noTable(key, h)
	}
	t, err := layout.DecodeTable(body)
	if err != nil {
		return &Finding{Flaw: WrongBytes, Key: key, Detail: err.Error()}
	}
	if head := h.Table.Log.Entries; t.Log.Entries > head {
		h.doubt(t)
		return &Finding{Flaw: Missing, Key: layout.RecordKey(l.base, t.Log.Entries),
			Detail: fmt.Sprintf("the table shows %d records, the log has %d", t.Log.Entries, head)}
	}
	if !h.Whole { // there is nothing to hold it against
		h.doubt(t)
		return nil
	}
	if flaw := tableFlaw(key, t, h, s); flaw != nil {
		return flaw
	}
	return headerFlaw(info, layout.HeaderFor(layout.Listing, key))
}

func noTable(key string, h *History) *Finding {
	if h.Table.Log.Entries == 0 {
		return nil
	}
	return &Finding{Flaw: Missing, Key: key, Detail: "the table"}
}

// doubt leaves what stands in checkpoints alone that only the table knows.
func (h *History) doubt(t layout.Table) {
	h.Whole = false
	for _, c := range t.Checkpoints {
		if _, known := h.Table.Find(c.ID); !known && !h.Pruned[c.ID] {
			h.Unsure[c.ID] = true
		}
	}
}

func tableFlaw(key string, t layout.Table, h *History, s layout.Settings) *Finding {
	got, err := t.Encode()
	switch n := t.Log.Entries; {
	case err != nil || !bytes.Equal(got, asConfigured(h.Then, t)):
		return &Finding{Flaw: WrongBytes, Key: key, Detail: fmt.Sprintf("is not what %d records of the log give", n)}
	case !t.Fits(s):
		return &Finding{Flaw: Stale, Key: key, Detail: "was made with other settings than the configuration has"}
	case n < h.Table.Log.Entries:
		return &Finding{Flaw: Stale, Key: key, Detail: fmt.Sprintf("shows %d of %d records", n, h.Table.Log.Entries)}
	}
	return nil
}

// asConfigured returns a table with the settings of another one.
func asConfigured(body []byte, other layout.Table) []byte {
	t, err := layout.DecodeTable(body)
	if err != nil {
		return nil
	}
	if t.Settings != other.Settings {
		t.Settings, t.PublicPath, t.Answer, t.Pruned = other.Settings, other.PublicPath, other.Answer, other.Pruned
		t.FinalFrom, t.Channels = other.FinalFrom, other.Channels
	}
	again, err := t.Encode()
	if err != nil {
		return nil
	}
	return again
}

// ReadTable returns the bytes of the table; none where there is no table.
func (l *Log) ReadTable(ctx context.Context) (body []byte, info Info, err error) {
	body, info, err = l.bucket.Read(ctx, layout.TableKey(l.base), maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return body, info, err
}
