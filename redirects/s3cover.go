package redirects

import (
	"slices"

	"datestone/layout"
)

// A sparseCover is a cover for an engine that has no rule for "nowhere": what
// leads nowhere must be below no prefix at all. From horizon on, where moments
// have not come yet, being silent is right as well.
type sparseCover struct {
	cover
	horizon uint64 // the first number that need not be answered
}

// sparseRules returns the smallest set of rules, the longest match winning and
// none of them empty, that says of each number what the runs say, outcome 0
// being that no rule matches: ORTC for the largest subtries without such a
// number, and nothing above them.
func (c *sparseCover) sparseRules() []rule {
	size := uint64(1)
	for range c.width {
		size *= uint64(c.base)
	}
	c.counts = map[int32]int{}
	root := c.grow(make([]byte, 0, c.width), 0, size, 0)
	return c.only(root, nil, 0, size)
}

// only returns the rules for the numbers of [lo, lo+size), nothing being
// handed down to them.
func (c *sparseCover) only(child int32, digits []byte, lo, size uint64) []rule {
	if child == nobody || child == leaf(0) || lo >= c.horizon && !c.tainted(child) {
		return nil
	}
	var whole, parts []rule
	tainted := len(digits) == 0 || c.tainted(child)
	if !tainted {
		c.choose(child, digits, nobody, &whole)
	}
	// A rule here serves all children at once, so parts can be fewer only
	// where some of them need none.
	if !tainted && lo+size <= c.horizon {
		return whole
	}
	size /= uint64(c.base)
	for d := range c.base {
		below := append(digits, '0'+byte(d))
		switch {
		case child >= 0:
			parts = append(parts, c.only(c.children[int(child)*c.base+d], below, lo+uint64(d)*size, size)...)
		case c.possible(below):
			parts = append(parts, c.only(child, below, lo+uint64(d)*size, size)...)
		}
	}
	if tainted || len(parts) < len(whole) {
		return parts
	}
	return whole
}

// tainted reports whether below child is a number that no rule may match.
func (c *sparseCover) tainted(child int32) bool {
	if child < 0 {
		return child == leaf(0)
	}
	return slices.ContainsFunc(c.children[int(child)*c.base:(int(child)+1)*c.base], c.tainted)
}

// sparsePrefixes returns the shortest list of prefixes of requests that leads
// every moment of spans that leads to the checkpoint first or a later one
// there, and is silent about all others; from the year horizon on it may be
// silent about any. A day is a prefix of its own times, so one that is matched
// leads where its midnight does. (It is silent about a day in which what is
// silent begins later.) The list is ordered as one of which the first match
// counts: the longest first.
func sparsePrefixes(spans []Span, first layout.Stamp, horizon int) []Prefix {
	begin := len(spans)
	for begin > 0 && (spans[begin-1].To == "" || spans[begin-1].To >= first) {
		begin--
	}
	runs := []run{{}}
	to, number := []layout.Stamp{""}, map[layout.Stamp]int32{"": 0}
	for _, s := range spans[begin:] {
		n, ok := number[s.To]
		if !ok {
			n = int32(len(to))
			number[s.To] = n
			to = append(to, s.To)
		}
		if runs[len(runs)-1].outcome != n {
			runs = append(runs, run{from: lettersOf(s.From), outcome: n})
		}
	}
	c := sparseCover{
		cover:   cover{base: 10, width: 15, runs: runs, possible: possibleLetters, pinned: 8},
		horizon: uint64(horizon) * 1e11,
	}
	var list []Prefix
	for _, r := range c.sparseRules() {
		if len(r.digits) > 8 {
			r.digits[8] = 'T'
		}
		list = append(list, Prefix{Digits: string(r.digits), To: to[r.outcome]})
	}
	sortPrefixes(list)
	slices.Reverse(list)
	return list
}

// lettersOf returns the letters of m before the Z as a number, T being a zero.
func lettersOf(m layout.Stamp) uint64 {
	const time = 1e6
	n := digitsOf(m)
	return n/time*(10*time) + n%time
}

// possibleLetters is possible, with a zero for the T.
func possibleLetters(letters []byte) bool {
	switch n := len(letters); {
	case n <= 8:
		return possible(letters)
	case n == 9:
		return letters[8] == '0'
	default:
		var digits [14]byte
		return possible(append(append(digits[:0], letters[:8]...), letters[9:]...))
	}
}
