package main

import (
	"context"

	"datestone/publish"
)

// openStore opens the store of a bucket. It writes nothing; the errors of
// drivers name what they opened.
func (e *env) openStore(ctx context.Context, b bucket) (publish.Store, error) {
	s, err := driver(ctx, b)
	if err != nil {
		return nil, err
	}
	if e.WrapStore != nil {
		s = e.WrapStore(s)
	}
	return s, nil
}
