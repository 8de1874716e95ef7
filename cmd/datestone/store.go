package main

import (
	"context"

	"datestone/publish"
)

// openStore opens the store of a bucket, as driver does. It writes nothing; the errors of
// drivers name what they opened.
func (e *env) openStore(ctx context.Context, b bucket, jobs int) (publish.Store, error) {
	s, err := driver(ctx, b, jobs)
	if err != nil {
		return nil, err
	}
	if e.WrapStore != nil {
		s = e.WrapStore(s)
	}
	return s, nil
}
