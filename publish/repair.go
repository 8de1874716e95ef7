package publish

import (
	"context"
	"errors"
	"io/fs"
	"iter"

	"datestone/layout"
)

// Mend gives o the bytes that stand at one of the keys, the first of them that
// has the right ones, and returns that key; none when there is none. Each is
// read before it is believed. The key of o itself may be among them, where all
// that is wrong is the header.
func (b *Bucket) Mend(ctx context.Context, o layout.Object, keys iter.Seq2[string, error]) (from string, err error) {
	for key, err := range keys {
		if err != nil {
			return "", err
		}
		info, sum, err := b.sum(ctx, key)
		if err != nil && readFlaw(key, err) == nil {
			return "", err
		}
		if err == nil && sum == o.SHA256 && info.Size == o.Size {
			return key, b.link(ctx, key, o)
		}
	}
	return "", nil
}

// Keep copies what stands at key, wrong as it is there, to where a repair finds
// it again: it may be what another key lacks, and is about to be replaced.
func (l *Log) Keep(ctx context.Context, key string) error {
	info, sum, err := l.bucket.sum(ctx, key)
	if err != nil {
		if readFlaw(key, err) != nil {
			err = nil
		}
		return err
	}
	to := layout.MendingKey(l.repository, sum)
	return l.bucket.link(ctx, key, layout.Object{Key: to, Size: info.Size, SHA256: sum, Header: layout.HeaderFor(layout.Private, to)})
}

// Unkeep removes all that was kept, by this repair or one that was killed.
func (l *Log) Unkeep(ctx context.Context) error {
	return l.bucket.Delete(ctx, func(yield func(string, error) bool) {
		for info, err := range l.bucket.list(ctx, layout.MendingPrefix(l.repository)) {
			if !yield(info.Key, err) || err != nil {
				return
			}
		}
	})
}

// Replace writes an object over whatever stands at its key.
func (b *Bucket) Replace(ctx context.Context, p Put) error {
	p.Create, p.IfMatch, p.Whole = false, "", true
	return b.put(ctx, p)
}

// Restore makes a page what it should be, whatever it shows. The lock of what
// it is about must be held; that it is replaced meanwhile is ErrConflict.
func (b *Bucket) Restore(ctx context.Context, page layout.Page) error {
	info, err := b.stat(ctx, page.Key)
	p := Bytes(page.Object, page.Body)
	p.Whole = true
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Create = true
	case err != nil:
		return err
	default:
		p.IfMatch = info.Version
	}
	return b.put(ctx, p)
}

// Redress gives the object at key the header of its role.
func (b *Bucket) Redress(ctx context.Context, role layout.Role, key string) error {
	info, sum, err := b.sum(ctx, key)
	if err != nil {
		return err
	}
	return b.link(ctx, key, layout.Object{Key: key, Size: info.Size, SHA256: sum, Header: layout.HeaderFor(role, key)})
}
