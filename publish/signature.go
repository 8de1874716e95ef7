package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sort"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// signTogether is how many records are signed at once. The last of them gets
// its signature after the others, so that one that has it tells of all before.
const signTogether = 32

// maxSignature is the limit for a signature, in bytes.
const maxSignature = 1 << 16

// Signature reads the signature of record n; fs.ErrNotExist where there is none.
func (l *Log) Signature(ctx context.Context, n int) ([]byte, error) {
	body, _, err := l.bucket.Read(ctx, layout.SignatureKey(l.base, n), maxSignature)
	return body, err
}

// Signed returns a number n for which all records up to n have signatures. It
// asks once where the record entries has one, else the logarithm of it.
func (l *Log) Signed(ctx context.Context, entries int) (n int, err error) {
	has := func(n int) bool {
		if err != nil {
			return false
		}
		_, statErr := l.bucket.stat(ctx, layout.SignatureKey(l.base, n))
		if statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
			err = statErr
		}
		return statErr == nil
	}
	if entries == 0 || has(entries) {
		return entries, err
	}
	n = sort.Search(entries, func(i int) bool { return !has(i + 1) })
	return max(0, n-signTogether), err // a run that was killed may have left gaps in the last lot
}

// Sign creates the signatures of the records from after on, up to the log's
// head. It looks first that they lead to that head, so that nothing else is
// signed. A signature that stands stays, whosever it is.
func (l *Log) Sign(ctx context.Context, after int, head layout.Head, sign func(record []byte) ([]byte, error)) error {
	entries, err := l.leading(ctx, after, head)
	if err != nil {
		return err
	}
	for len(entries) > 0 {
		n := min(len(entries), signTogether)
		if err := l.signLot(ctx, entries[:n], sign); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return l.bucket.Sync(ctx)
}

// leading returns the records from after on that lead to the head.
func (l *Log) leading(ctx context.Context, after int, head layout.Head) ([]layout.Entry, error) {
	var all []layout.Entry
	for n := after; n < head.Entries; {
		count := min(l.bucket.jobs, head.Entries-n)
		batch, err := l.read(ctx, n, count)
		if err == nil && len(batch) < count {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, fmt.Errorf("log of %q, entry %d: %w", l.repository, n+len(batch)+1, err)
		}
		all, n = append(all, batch...), n+count
	}
	for i, e := range all {
		next := head.SHA256
		if i+1 < len(all) {
			next = all[i+1].Previous
		}
		if e.SHA256 != next {
			return nil, fmt.Errorf("log of %q, entry %d: the one after it does not name it, so nothing is signed; see \"datestone verify\"", l.repository, after+1+i)
		}
	}
	return all, nil
}

// signLot signs the last of the entries after all others.
func (l *Log) signLot(ctx context.Context, entries []layout.Entry, sign func([]byte) ([]byte, error)) error {
	g, gctx := errgroup.WithContext(ctx)
	last := len(entries) - 1
	for _, e := range entries[:last] {
		g.Go(func() error { return l.signOne(gctx, e, sign) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return l.signOne(ctx, entries[last], sign)
}

func (l *Log) signOne(ctx context.Context, e layout.Entry, sign func([]byte) ([]byte, error)) error {
	record, err := e.Record.Encode()
	if err != nil {
		return err
	}
	body, err := sign(record)
	if err != nil {
		return fmt.Errorf("sign entry %d of the log of %q: %w", e.Entry, l.repository, err)
	}
	page := layout.NewPage(layout.LogEntry, layout.SignatureKey(l.base, e.Entry), body, 0)
	p := Bytes(page.Object, body)
	p.Whole = true
	err = l.bucket.Create(ctx, p)
	if errors.Is(err, ErrConflict) {
		l.bucket.log.DebugContext(ctx, "another key's signature stands there already", "key", p.Key)
		return nil
	}
	return err
}
