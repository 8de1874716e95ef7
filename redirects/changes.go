package redirects

import "datestone/layout"

// A Change is a longest stretch of time, both ends included, whose moments all
// led to one checkpoint, or nowhere, and now lead to another.
type Change struct {
	From, Until layout.Stamp
	Was, Is     layout.Stamp // none: 404
	// WasFinal says that it was answered with 301, which caches may keep.
	WasFinal bool
}

// Changes returns, ascending, for which moments the answer of after is another
// than that of before. That an answer became final, or the moment of a
// checkpoint that stands in both, is no change.
func Changes(before, after layout.Table) []Change {
	var changes []Change
	old, fresh := Spans(before), Spans(after)
	for len(old) > 0 && len(fresh) > 0 {
		a, b := old[0], fresh[0]
		until := min(a.Until, b.Until)
		if a.To != b.To {
			changes = appendChange(changes, Change{From: max(a.From, b.From), Until: until, Was: a.To, Is: b.To, WasFinal: a.Final})
		}
		if a.Until == until {
			old = old[1:]
		}
		if b.Until == until {
			fresh = fresh[1:]
		}
	}
	return changes
}

// appendChange makes one of two that touch and are of the same kind.
func appendChange(changes []Change, c Change) []Change {
	if n := len(changes); n > 0 {
		last := &changes[n-1]
		if last.Until.Next() == c.From && last.Was == c.Was && last.Is == c.Is && last.WasFinal == c.WasFinal {
			last.Until = c.Until
			return changes
		}
	}
	return append(changes, c)
}
