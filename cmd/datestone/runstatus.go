package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// statusPatience is how long a run tries to say how it went: that must not
// keep it from ending.
const statusPatience = 30 * time.Second

// tell brings status.json up to what the passes came to, and returns their
// rows. Where that would tell nothing but that another run took place, it asks
// the bucket for nothing. It never makes a run fail.
func (s *site) tell(ctx context.Context, passes []*pass) map[string]layout.RepositoryStatus {
	now := layout.StampOf(s.Now())
	rows := map[string]layout.RepositoryStatus{}
	outcomes := map[string]layout.Outcome{}
	news := false
	for _, p := range passes {
		before, known := s.rememberedStatus(p.repo)
		if known {
			rows[p.repo.Name] = before
		}
		if ctx.Err() != nil || overtaken(p.err) {
			continue
		}
		o := layout.Outcome{Table: p.known.Table, Time: now}
		if p.err != nil {
			o.Error = brief(p.err)
		}
		outcomes[p.repo.Name] = o
		rows[p.repo.Name] = before.After(o)
		news = news || !known || rows[p.repo.Name].Tells(before)
	}
	if news {
		s.updateStatus(ctx, passes, outcomes, rows)
	}
	return rows
}

// overtaken reports whether a run ended because another works on the
// repository: that one tells how it went.
func overtaken(err error) bool {
	return errors.Is(err, publish.ErrLocked) || errors.Is(err, publish.ErrLockLost) || errors.Is(err, publish.ErrConflict)
}

// updateStatus writes status.json; rows become what then stands there. The
// index remembers those, or that it does not know.
func (s *site) updateStatus(ctx context.Context, passes []*pass, outcomes map[string]layout.Outcome, rows map[string]layout.RepositoryStatus) {
	ctx, stop := context.WithTimeout(ctx, statusPatience)
	defer stop()
	sent := map[string]layout.RepositoryStatus{}
	_, err := s.bucket.UpdateStatus(ctx, func(status layout.Status) (layout.Status, bool) {
		changed := false
		for _, p := range passes {
			name := p.repo.Name
			o, ended := outcomes[name]
			row := status.Row(name, p.repo.BasePath)
			if !ended || row == sent[name] { // an attempt whose reply was lost
				continue
			}
			rows[name] = row.After(o)
			sent[name] = rows[name]
			changed = changed || rows[name].Tells(row)
			status, status.Updated = status.With(rows[name]), o.Time
		}
		return status, changed
	})
	if err != nil {
		s.Log.WarnContext(ctx, "the status was not written; the next run does it", "key", layout.StatusKey, "error", err)
	}
	for name := range outcomes {
		var memory []byte
		if err == nil {
			memory, err = json.Marshal(rows[name])
		}
		if err := s.index.Remember(statusName(name), memory); err != nil {
			s.Log.WarnContext(ctx, "the index does not take the status", "repo", name, "error", err)
		}
	}
}

func statusName(repository string) string { return "status " + repository }

// rememberedStatus returns the row that stands in the bucket, as far as the
// index knows.
func (s *site) rememberedStatus(r repository) (layout.RepositoryStatus, bool) {
	row := layout.RepositoryStatus{Name: r.Name, BasePath: r.BasePath}
	b, err := s.index.Recall(statusName(r.Name))
	var known layout.RepositoryStatus
	if err != nil || json.Unmarshal(b, &known) != nil || known.Name != r.Name || known.BasePath != r.BasePath {
		return row, false
	}
	return known, true
}

// maxBrief is how much of an error stands in the status, in bytes.
const maxBrief = 1000

// brief returns the text of an error, or how it begins.
func brief(err error) string {
	text := err.Error()
	if len(text) <= maxBrief {
		return text
	}
	cut := maxBrief
	for cut > 0 && text[cut]&0xC0 == 0x80 { // not within a letter
		cut--
	}
	return text[:cut] + "…"
}
