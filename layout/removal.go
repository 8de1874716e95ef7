package layout

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// prunable says why the checkpoints can't be pruned: the newest stays, as all
// that is not answered otherwise leads to it, and so does what is pinned.
func (t *Table) prunable(ids []Stamp) error {
	if len(ids) == 0 {
		return errors.New("prunes nothing")
	}
	last := Stamp("")
	for _, id := range ids {
		_, known := t.Find(id)
		switch {
		case id <= last:
			return fmt.Errorf("prunes %s after %s: not ascending", id, last)
		case !known:
			return fmt.Errorf("prunes %s, which is no checkpoint", id)
		case id == t.Newest():
			return fmt.Errorf("prunes %s, the newest checkpoint", id)
		case t.isPinned(id):
			return fmt.Errorf("prunes %s, which is pinned", id)
		}
		last = id
	}
	return nil
}

func (t *Table) isPinned(id Stamp) bool {
	_, pinned := t.Pinned[id]
	return pinned
}

// Without returns the spans of time that lead to the checkpoints ids now, and
// would lead nowhere without them: ascending and apart.
func (t *Table) Without(ids []Stamp) []Span {
	var spans []Span
	for _, id := range ids {
		at, _ := t.Find(id)
		until := t.Checkpoints[at+1].ID.previous()
		if n := len(spans); n > 0 && spans[n-1].Until.Next() == id {
			spans[n-1].Until = until
			continue
		}
		spans = append(spans, Span{From: id, Until: until})
	}
	return spans
}

// previous returns the second before s.
func (s Stamp) previous() Stamp { return StampOf(s.Time().Add(-time.Second)) }

// prune takes checkpoints out that are prunable.
func (t *Table) prune(ids []Stamp) {
	t.Gone = joined(append(slices.Clone(t.Gone), t.Without(ids)...))
	t.Checkpoints = slices.DeleteFunc(slices.Clone(t.Checkpoints), func(c Checkpoint) bool {
		_, gone := slices.BinarySearch(ids, c.ID)
		return gone
	})
	t.Removed += len(ids)
}

// joined returns the spans ascending and apart; those that touch are one.
func joined(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.From <= out[n-1].Until.Next() {
			out[n-1].Until = max(out[n-1].Until, s.Until)
			continue
		}
		out = append(out, s)
	}
	return out
}

// IsGone reports whether the moment m lies in a span that was pruned: nothing
// may be filled in there.
func (t *Table) IsGone(m Stamp) bool {
	i, _ := slices.BinarySearchFunc(t.Gone, m, func(g Span, m Stamp) int { return cmp.Compare(g.Until, m) })
	return i < len(t.Gone) && t.Gone[i].From <= m
}

// pin and unpin leave copies of the table that share its maps as they were.
func (t *Table) pin(id Stamp, reason string) {
	pinned := maps.Clone(t.Pinned)
	if pinned == nil {
		pinned = map[Stamp]string{}
	}
	pinned[id] = reason
	t.Pinned = pinned
}

func (t *Table) unpin(id Stamp) {
	pinned := maps.Clone(t.Pinned)
	if delete(pinned, id); len(pinned) == 0 {
		pinned = nil // as in a table in which nothing was ever pinned
	}
	t.Pinned = pinned
}

func (t *Table) redact(e Entry) {
	for _, sum := range e.Redacted {
		if _, known := t.Redaction(sum); !known {
			t.Redacted = append(slices.Clip(t.Redacted), Redaction{SHA256: sum, Time: e.Time, Record: e.Entry, Reason: e.Reason})
		}
	}
}

// Redaction returns what was recorded of content that was redacted, and
// whether it was.
func (t *Table) Redaction(sum Digest) (Redaction, bool) {
	at := slices.IndexFunc(t.Redacted, func(r Redaction) bool { return r.SHA256 == sum })
	if at < 0 {
		return Redaction{}, false
	}
	return t.Redacted[at], true
}
