package main

import (
	"context"
	"iter"
	"slices"

	"datestone/layout"
	reposync "datestone/sync"
)

// newestLacks reports whether the newest checkpoint's list names what was
// redacted after it was committed: then the next one is due, without it.
func (p *pass) newestLacks() (bool, error) {
	if !p.known.Table.RedactedSinceNewest() {
		return false, nil
	}
	for f, err := range p.index.Files(p.known.Newest) {
		if err != nil {
			return false, err
		}
		if _, redacted := p.known.Table.Redaction(f.SHA256); redacted {
			return true, nil
		}
	}
	return false, nil
}

// permitted leaves out of files what the repository has redacted.
func (p *pass) permitted(files iter.Seq2[layout.File, error]) iter.Seq2[layout.File, error] {
	if len(p.known.Table.Redacted) == 0 {
		return files
	}
	return func(yield func(layout.File, error) bool) {
		for f, err := range files {
			if _, redacted := p.known.Table.Redaction(f.SHA256); redacted && err == nil {
				continue
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// leaveOut returns a state without what the repository has redacted, and says
// so: upstream still has it.
func (p *pass) leaveOut(ctx context.Context, s *reposync.State) *reposync.State {
	if s == nil || len(p.known.Table.Redacted) == 0 {
		return s
	}
	left := *s
	left.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f layout.File) bool {
		r, redacted := p.known.Table.Redaction(f.SHA256)
		if redacted {
			p.Log.WarnContext(ctx, "upstream still has content that was redacted; it is left out",
				"repo", p.repo.Name, "path", f.Path, "sha256", f.SHA256, "record", r.Record)
		}
		return redacted
	})
	return &left
}
