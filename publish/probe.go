package publish

import (
	"context"
	"errors"
	"fmt"

	"datestone/layout"
)

// Honours is what a store was found to do with what a Put asks of it. Several
// ignore conditions without a word, which is worse than refusing.
type Honours struct {
	Create  bool `json:"create"`   // If-None-Match: *
	IfMatch bool `json:"if_match"` // If-Match
	Digest  bool `json:"digest"`   // refuses content with another SHA-256
}

// Probe finds out by trying, on an object of its own. What an unconditional
// bucket does of itself does not count.
func (b *Bucket) Probe(ctx context.Context) (h Honours, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("probe what the store honours: %w", err)
		}
	}()
	create := func(p *Put) { p.Create = true }
	for range 2 { // the first may be the one that makes it
		if h.Create, err = b.refuses(ctx, ErrConflict, create); err != nil || h.Create {
			break
		}
	}
	if err != nil {
		return h, err
	}
	h.IfMatch, err = b.refuses(ctx, ErrConflict, func(p *Put) { p.IfMatch = `"00000000000000000000000000000000"` })
	if err != nil {
		return h, err
	}
	// A store that refuses in words of its own can't be told from one that is
	// in trouble: content is hashed on its way there.
	h.Digest, err = b.refuses(ctx, ErrDigest, func(p *Put) { p.SHA256[0]++ })
	if ctx.Err() != nil {
		return h, err
	}
	return h, b.Sync(ctx)
}

// refuses reports whether a put of the probe's object ends with the error want.
func (b *Bucket) refuses(ctx context.Context, want error, set func(*Put)) (bool, error) {
	body := []byte("{}\n")
	p := Bytes(layout.NewPage(layout.Private, layout.ProbeKey, body, 0).Object, body)
	set(&p)
	err := b.try(ctx, "put", func() error {
		_, err := b.store.Put(ctx, p)
		return err
	})
	if errors.Is(err, want) {
		return true, nil
	}
	return false, err
}
