package publish

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"datestone/layout"
)

// A History is a log as it was found, read from its first record to the last
// that stands, even where records are missing or wrong in between.
type History struct {
	// Table is folded from what could be taken in.
	Table layout.Table
	// Then is the table as it was after the entry that was asked for, encoded;
	// nil where there is no such entry.
	Then []byte
	// Pruned are the checkpoints that were ever pruned.
	Pruned map[layout.Stamp]bool
	// Whole is that no record was missing or wrong.
	Whole bool
	// Unsure are checkpoints that the table in the bucket names, and of which
	// the records are lost: nothing can be said of what stands there.
	Unsure map[layout.Stamp]bool

	lists map[layout.Digest]listed // of all commits
}

// A listed is a file list, and a checkpoint that has it.
type listed struct {
	layout.FileList
	in layout.Stamp
}

// ReadHistory reads the log and tells what is wrong with it. at is the entry after
// which the table is wanted, too.
func (l *Log) ReadHistory(ctx context.Context, s layout.Settings, at int, found func(Finding) error) (*History, error) {
	shelf, err := l.shelf(ctx, found)
	if err != nil {
		return nil, err
	}
	r := &historian{log: l, settings: s, at: at, found: found, History: History{
		Table: layout.NewTable(s), Pruned: map[layout.Stamp]bool{}, Unsure: map[layout.Stamp]bool{}, Whole: true, lists: map[layout.Digest]listed{}}}
	r.keep()
	if err := inOrder(ctx, l.bucket.jobs, numbers(shelf.last), r.read, r.take); err != nil {
		return nil, err
	}
	return &r.History, r.missingLists(shelf.lists)
}

// numbers returns 1 to n.
func numbers(n int) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i+1, nil) {
				return
			}
		}
	}
}

// A shelf is what stands where a log does.
type shelf struct {
	last  int // record
	lists map[layout.Digest]bool
}

// shelf lists the log's objects, and tells of those that are none of it. A list
// that no commit names is what a run left that was killed before its record.
func (l *Log) shelf(ctx context.Context, found func(Finding) error) (shelf, error) {
	s := shelf{lists: map[layout.Digest]bool{}}
	prefix := l.base + "/log/"
	for info, err := range l.bucket.list(ctx, prefix) {
		if err != nil {
			return s, err
		}
		name := strings.TrimPrefix(info.Key, prefix)
		number, _, _ := strings.Cut(name, ".json")
		n, _ := strconv.Atoi(number)
		sum, listErr := layout.ParseDigest(strings.TrimSuffix(name, ".files.zst"))
		switch {
		case n > 0 && (info.Key == layout.RecordKey(l.base, n) || info.Key == layout.RecordKey(l.base, n)+".sig"):
			s.last = max(s.last, n)
		case listErr == nil && info.Key == layout.FileListKey(l.base, sum):
			s.lists[sum] = true
		default:
			f := Finding{Flaw: Unknown, Key: info.Key, Detail: "is neither a record, nor a signature, nor a file list"}
			if err := found(f); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// A historian takes records in, in order, whatever they are.
type historian struct {
	History
	log      *Log
	settings layout.Settings
	at       int
	found    func(Finding) error
	// lost is that the record before is missing or wrong: what the next one
	// says of it can't be held against anything.
	lost bool
}

// A volume is a record as it was found.
type volume struct {
	layout.Entry
	flaw *Finding // why it can't be used
	// dress is what is wrong with its header.
	dress *Finding
}

func (h *historian) read(ctx context.Context, n int) (v volume, err error) {
	key := layout.RecordKey(h.log.base, n)
	body, info, err := h.log.bucket.Read(ctx, key, maxRecord)
	if err != nil {
		if v.flaw = readFlaw(key, err); v.flaw != nil {
			err = nil
		}
		return v, err
	}
	v.dress = headerFlaw(info, layout.HeaderFor(layout.LogEntry, key))
	v.Record, err = layout.DecodeRecord(body)
	v.SHA256 = layout.DigestOf(body)
	switch {
	case err != nil:
		v.flaw = &Finding{Flaw: BrokenChain, Key: key, Detail: err.Error()}
	case v.Entry.Record.Entry != n:
		v.flaw = &Finding{Flaw: BrokenChain, Key: key, Detail: fmt.Sprintf("says that it is entry %d", v.Record.Entry)}
	}
	return v, nil
}

func (h *historian) take(n int, v volume) error {
	flaws := []*Finding{v.flaw, v.dress}
	if v.flaw == nil {
		flaws[0] = h.follow(n, v.Entry)
	}
	h.lost = v.flaw != nil
	if h.Table.Log.Entries < n { // it could not be taken in
		h.Table.Log = layout.Head{Entries: n, SHA256: v.SHA256}
	}
	h.keep()
	for _, f := range flaws {
		if f == nil {
			continue
		}
		h.Whole = h.Whole && f.Flaw == WrongHeader
		if err := h.found(*f); err != nil {
			return err
		}
	}
	return nil
}

// follow takes a record in. One that contradicts its predecessor is taken in
// all the same, as far as that goes, so that what comes after it can be read.
func (h *historian) follow(n int, e layout.Entry) *Finding {
	var flaw *Finding
	head := &h.Table.Log
	if h.lost {
		head.SHA256 = e.Previous
	} else if e.Previous != head.SHA256 {
		flaw = &Finding{Flaw: BrokenChain, Key: layout.RecordKey(h.log.base, n), Detail: fmt.Sprintf(
			"names %s as the entry before it, which is %s: one of both was changed", e.Previous, head.SHA256)}
		head.SHA256 = e.Previous
	}
	if e.List != nil {
		h.lists[e.List.SHA256] = listed{*e.List, e.ID}
	}
	for _, id := range e.Pruned {
		h.Pruned[id] = true
	}
	// After a loss that a record contradicts the table says nothing new.
	if err := h.Table.Apply(h.settings, e); err != nil && flaw == nil && h.Whole {
		flaw = &Finding{Flaw: BrokenChain, Key: layout.RecordKey(h.log.base, n), Detail: err.Error()}
	}
	return flaw
}

// keep remembers the table when it is the one that was asked for.
func (h *historian) keep() {
	if h.Table.Log.Entries == h.at {
		h.Then, _ = h.Table.Encode()
	}
}

// missingLists tells of the lists of commits that are not there.
func (h *historian) missingLists(stand map[layout.Digest]bool) error {
	byDigest := func(a, b layout.Digest) int { return bytes.Compare(a[:], b[:]) }
	for _, sum := range slices.SortedFunc(maps.Keys(h.lists), byDigest) {
		if stand[sum] {
			continue
		}
		list := h.lists[sum]
		f := Finding{Flaw: Missing, Key: layout.FileListKey(h.log.base, sum), Checkpoint: list.in, List: &list.FileList,
			Detail: "is the file list of a commit: what stands in the checkpoint is not known without it"}
		if err := h.found(f); err != nil {
			return err
		}
	}
	return nil
}
