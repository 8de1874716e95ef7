package main

import (
	"context"
	"fmt"

	"datestone/publish"
)

// openStore opens the store of a bucket. It writes nothing.
func (e *env) openStore(ctx context.Context, b bucket) (publish.Store, error) {
	s, err := driver(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", b, err)
	}
	if e.WrapStore != nil {
		s = e.WrapStore(s)
	}
	return s, nil
}
