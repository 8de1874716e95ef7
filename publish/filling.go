package publish

import (
	"context"
	"errors"
	"io/fs"

	"datestone/layout"
)

// Filling reports whether the repository was empty when a backfill began that
// has not come to its end: past states may still become its newest.
func (l *Log) Filling(ctx context.Context) (bool, error) {
	_, err := l.bucket.stat(ctx, layout.FillingKey(l.repository))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// SetFilling says so, or no longer. It is durable when it returns.
func (l *Log) SetFilling(ctx context.Context, is bool) error {
	key := layout.FillingKey(l.repository)
	if !is {
		return l.bucket.try(ctx, "delete", func() error { return l.bucket.deleter.Delete(ctx, key) })
	}
	body := []byte("{\"version\":1}\n")
	p := Bytes(layout.NewPage(layout.Private, key, body, 0).Object, body)
	p.Whole = true
	if err := l.bucket.Create(ctx, p); err != nil {
		return err
	}
	return l.bucket.Sync(ctx)
}
