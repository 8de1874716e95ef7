package reposync

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// maxReads is how often metadata is read that changes meanwhile.
const maxReads = 5

// inOnePiece reads metadata of several files until it was found in one piece;
// read returns the validators of those that lead to the others.
func inOnePiece(ctx context.Context, s source, read func() (map[string]layout.Validators, error)) error {
	for n := 1; ; n++ {
		leads, err := read()
		if err == nil || !errors.Is(err, ErrMoved) || n == maxReads || ctx.Err() != nil {
			return err
		}
		// A file may be another than what leads to it says because both were
		// just replaced. Where that one was not, it is wrong.
		moved, movedErr := filesMoved(ctx, s, layout.Validators{Files: leads})
		if movedErr != nil || !moved {
			return err
		}
	}
}

// filesMoved asks for each file of metadata that leads to the others, by one
// conditional request, whether it is another than v says, or gone. It asks for
// all of them at once.
func filesMoved(ctx context.Context, s source, v layout.Validators) (bool, error) {
	var moved atomic.Bool
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(s.Parallel, defaultParallel))
	for _, p := range slices.Sorted(maps.Keys(v.Files)) {
		group.Go(func() error {
			_, _, err := getKnown(ctx, s, p, v.Files[p], maxRelease)
			switch {
			case errors.Is(err, ErrNotModified):
				return nil
			case err == nil || isMissing(err):
				moved.Store(true)
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); !moved.Load() {
		return false, err
	}
	return true, nil
}

// A tornError is an ErrMoved that may have other causes, too: a file and its
// signature are replaced one after the other.
type tornError struct{ error }

func (e *tornError) Unwrap() []error { return []error{e.error, ErrMoved} }
