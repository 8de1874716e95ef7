package redirects

import (
	"slices"

	"datestone/layout"
)

// The first and the last moment of the calendar.
const (
	firstMoment layout.Stamp = "00010101T000000Z"
	lastMoment  layout.Stamp = "99991231T235959Z"
)

// A Span is a longest stretch of time, both ends included, in which every
// moment leads to the same checkpoint with the same finality, or nowhere. The
// moment that is To itself is the checkpoint, and needs no redirect.
type Span struct {
	From, Until layout.Stamp
	To          layout.Stamp // none: 404
	Final       bool         // 301, else 302
}

// Spans cuts the whole calendar into the spans of a table, ascending and
// without a gap: what Resolve says to an edge without clock. It is the one
// list that dialects are made from.
func Spans(t layout.Table) []Span {
	s := newSite(t)
	var spans []Span
	for _, m := range s.boundaries() {
		o := s.at(m)
		if n := len(spans); n > 0 {
			if spans[n-1].To == o.to && spans[n-1].Final == o.final {
				continue
			}
			spans[n-1].Until = previous(m)
		}
		spans = append(spans, Span{From: m, Until: lastMoment, To: o.to, Final: o.final})
	}
	return spans
}

// boundaries returns the moments at which the outcome may change, ascending.
func (s *site) boundaries() []layout.Stamp {
	b := []layout.Stamp{firstMoment}
	after := func(m layout.Stamp) {
		if m != "" && m < lastMoment {
			b = append(b, m.Next())
		}
	}
	for _, c := range s.table.Checkpoints {
		b = append(b, c.ID)
		if s.isGone(c.ID) {
			after(c.ID)
		}
	}
	for _, g := range s.gone {
		b = append(b, max(g.From, firstMoment))
		after(g.Until)
	}
	b = append(b, max(s.table.FinalFrom, firstMoment))
	after(s.table.FinalUntil)
	slices.Sort(b)
	return slices.Compact(b)
}

func previous(m layout.Stamp) layout.Stamp { return layout.StampOf(m.Time().Add(-1)) }
