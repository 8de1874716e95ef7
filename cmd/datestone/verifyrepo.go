package main

import (
	"context"
	"fmt"

	"datestone/layout"
	"datestone/publish"
)

// repository looks at all that is one repository's, under its lock where that
// is to be repaired.
func (v *verifier) repository(ctx context.Context, r repository) error {
	w := &verifyWork{verifier: v, repo: r, log: v.bucket.Log(r.Name, r.BasePath)}
	if v.mends == nil {
		return w.look(ctx)
	}
	p := &pass{site: v.mends, options: v.run.pass, repo: r, log: w.log}
	w.mender = &mender{pass: p, drawn: map[layout.Stamp]bool{}}
	if err := p.writable(ctx); err != nil {
		return err
	}
	return p.locked(ctx, func(ctx context.Context) error {
		if err := w.look(ctx); err != nil {
			return err
		}
		return w.log.Unkeep(ctx)
	})
}

func (w *verifyWork) look(ctx context.Context) error {
	body, info, err := w.log.ReadTable(ctx)
	if err != nil {
		return err
	}
	shown, _ := layout.ShownChanges(body)
	found := func(f publish.Finding) error { return w.found(ctx, f) }
	if w.history, err = w.log.ReadHistory(ctx, w.repo.Settings, shown, found); err != nil {
		return err
	}
	if w.mender != nil {
		w.mender.history = w.history
	}
	if err := w.signatures(ctx, min(shown, w.history.Table.Log.Entries)); err != nil {
		return err
	}
	if w.only == "" {
		if err := w.pages(ctx, body, info); err != nil {
			return err
		}
	} else if err := w.checkOnly(body, info); err != nil {
		return err
	}
	if err := w.objects(ctx); err != nil {
		return err
	}
	return w.mendPages(ctx)
}

// verifyWork is the work on one repository.
type verifyWork struct {
	*verifier
	repo    repository
	log     *publish.Log
	history *publish.History
	// behind is that readers do not see all yet that the log has.
	behind bool
	months map[string]bool
	// mender repairs what is found; nil without --repair. pages are what of the
	// table and the listings was found, to be repaired in the end.
	mender *mender
	flawed []publish.Finding
}

// found tells of a flaw, unless it is what a run that is under way has not
// come to yet, or one that was interrupted has left to the next.
func (w *verifyWork) found(ctx context.Context, f publish.Finding) error {
	if f.Flaw == publish.Stale && w.mender == nil {
		owner, err := w.log.Owner(ctx)
		if err != nil {
			return err
		}
		if owner != "" {
			w.Log.InfoContext(ctx, "a run is under way, or was interrupted: it or the next one brings it up to date",
				"key", f.Key, "detail", f.Detail, "owner", owner)
			return nil
		}
	}
	line := w.line(f)
	if w.mender != nil {
		r, err := w.mender.mend(ctx, f)
		if err != nil {
			return fmt.Errorf("repair %q: %w", f.Key, err)
		}
		line = line.mended(r)
	}
	return w.tell(line)
}

func (w *verifyWork) line(f publish.Finding) finding {
	return finding{Kind: string(f.Flaw), Key: f.Key, Detail: f.Detail, Repository: w.repo.Name, Checkpoint: f.Checkpoint}
}

// foundPage is found for the table and the listings.
func (w *verifyWork) foundPage(ctx context.Context, f publish.Finding) error {
	w.behind = w.behind || f.Flaw == publish.Stale
	if w.mender == nil {
		return w.found(ctx, f)
	}
	w.flawed = append(w.flawed, f)
	return nil
}

// mendPages repairs the table and the listings, and tells of them.
func (w *verifyWork) mendPages(ctx context.Context) error {
	if len(w.flawed) == 0 {
		return nil
	}
	r := repaired{done: true, how: "made again from the log"}
	if !w.history.Whole {
		r, _ = not("the log is not whole")
	} else if err := w.mender.tellAgain(ctx, w.flawed); err != nil {
		if ctx.Err() != nil {
			return err
		}
		r, _ = not("%v", err)
	}
	if r.done {
		w.tables[w.repo.Name] = w.history.Table
	}
	for _, f := range w.flawed {
		if err := w.tell(w.line(f).mended(r)); err != nil {
			return err
		}
	}
	return nil
}

// checkOnly refuses an ID that is none of a checkpoint.
func (w *verifyWork) checkOnly(table []byte, info publish.Info) error {
	w.log.VerifyTable(table, info, w.history, w.repo.Settings) // which knows what is lost
	_, known := w.history.Table.Find(w.only)
	switch {
	case known:
		return nil
	case w.history.Pruned[w.only]:
		return fmt.Errorf("checkpoint %s was pruned", w.only)
	case w.history.Unsure[w.only]:
		return fmt.Errorf("the record of checkpoint %s is lost", w.only)
	}
	return withCode(exitUsage, fmt.Errorf("there is no checkpoint %s", w.only))
}

// objects looks at what stands below the base path.
func (w *verifyWork) objects(ctx context.Context) error {
	explained, err := w.explained(ctx)
	if err != nil {
		return err
	}
	w.bar.Start("verify "+w.repo.Name, w.total())
	defer w.bar.Done()
	before := w.done
	now, err := w.log.Verify(ctx, publish.Verification{
		History: w.history, Settings: w.repo.Settings, PublicURL: w.config.PublicURL,
		Deep: w.deep, Only: w.only, From: w.from, Explained: explained,
		Found: w.found, Passed: w.bar.Add,
	})
	w.done = publish.Verified{Checkpoints: before.Checkpoints + now.Checkpoints, Objects: before.Objects + now.Objects,
		Bytes: before.Bytes + now.Bytes, Unswept: before.Unswept + now.Unswept, Redrawn: before.Redrawn + now.Redrawn,
		Claimed: before.Claimed + now.Claimed, At: now.At}
	return err
}

// total is how many bytes are to be looked at.
func (w *verifyWork) total() (bytes int64) {
	for _, c := range w.history.Table.Checkpoints {
		if c.ID >= w.from && (w.only == "" || c.ID == w.only) {
			bytes += c.Bytes
		}
	}
	return bytes
}
