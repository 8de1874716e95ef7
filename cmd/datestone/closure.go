package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"

	"datestone/layout"
)

// whole holds a plan, for the last time before it becomes a checkpoint that
// never changes, against what was claimed and read. Metadata is not read again
// for that: it was found closed when it was read, so it is enough that the
// files are the same still, in each of the forms they went through since (the
// index's trees, the claim's list, the plan), and that all of them were placed,
// which the ledger knows. What it could catch is an index that lost or mixed up
// a file, a claim whose list is another's, and a step that was dropped between
// the plan and the bucket. Where the state is not at hand, because another
// process read it, the claim's list stands for it. It is one walk through the
// files, and asks nobody.
func (p *pass) whole(ctx context.Context, o *open) error {
	files := o.plan.Files
	if p.state != nil {
		files = matching(files, layout.Files(p.state.Files))
	}
	list, err := layout.WriteFileList(io.Discard, files)
	if err == nil && list != o.claim.List {
		// Which of them it is only a second walk can tell.
		_, err = layout.WriteFileList(io.Discard, matching(o.plan.Files, p.log.ClaimFiles(ctx, o.claim)))
		if err == nil {
			err = errors.New("the list is another than the one claimed")
		}
	}
	if err == nil {
		err = o.ledger.settled()
	}
	if err != nil {
		return fmt.Errorf("checkpoint %s of %q is not whole, so it is not committed: %w", o.claim.ID, p.repo.Name, err)
	}
	return nil
}

// matching passes files through, and ends with an error at the first that is
// not the same in want. Both are sorted.
func matching(files, want iter.Seq2[layout.File, error]) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		next, stop := iter.Pull2(want)
		defer stop()
		for f, err := range files {
			w, wErr, ok := next()
			switch {
			case err != nil:
			case wErr != nil:
				err = wErr
			case !ok || f.Path < w.Path:
				err = fmt.Errorf("file %q is in the plan, and was not read", f.Path)
			case f.Path > w.Path:
				err = fmt.Errorf("file %q was read, and is not in the plan", w.Path)
			case !f.SameContent(w):
				err = fmt.Errorf("file %q has other content in the plan than was read", f.Path)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
		if w, err, ok := next(); ok && err == nil {
			yield(layout.File{}, fmt.Errorf("file %q was read, and is not in the plan", w.Path))
		} else if ok {
			yield(layout.File{}, err)
		}
	}
}

// A ledger has the steps of a plan that the bucket still has to be given. At
// one time that is one, and those kept back for later.
type ledger struct{ owed map[string]layout.File } // by key

// owe lets steps pass that are to be done.
func (l *ledger) owe(steps iter.Seq2[layout.Step, error]) iter.Seq2[layout.Step, error] {
	l.owed = map[string]layout.File{}
	return func(yield func(layout.Step, error) bool) {
		for s, err := range steps {
			if err == nil {
				l.owed[s.Object.Key] = s.File
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// pay lets steps pass on their way to the bucket: each as it is owed, once.
func (l *ledger) pay(steps iter.Seq2[layout.Step, error]) iter.Seq2[layout.Step, error] {
	return func(yield func(layout.Step, error) bool) {
		for s, err := range steps {
			if owed, ok := l.owed[s.Object.Key]; err == nil && (!ok || owed != s.File || s.Object.Size != owed.Size || s.Object.SHA256 != owed.SHA256) {
				err = fmt.Errorf("place %q: it is not to be done, or was done before", s.Object.Key)
			}
			delete(l.owed, s.Object.Key)
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// settled is an error that names the first file that is still owed.
func (l *ledger) settled() error {
	if len(l.owed) == 0 {
		return nil
	}
	first := l.owed[slices.Min(slices.Collect(maps.Keys(l.owed)))]
	return fmt.Errorf("file %q was not placed, as %d in all", first.Path, len(l.owed))
}
