package redirects

import (
	"slices"
	"strings"

	"datestone/layout"
)

// A Prefix says where all moments lead whose fourteen digits begin with
// Digits and with no longer Prefix of the same list.
type Prefix struct {
	Digits string
	To     layout.Stamp // none: 404
	Final  bool
}

// Prefixes returns the shortest list of prefixes that answers every moment of
// the calendar as spans do, the longest match winning and no match meaning
// 404. What is no moment of the calendar it may answer in any way: an edge
// that uses the list checks that first. The list is ascending by length, then
// by digits.
func Prefixes(spans []Span) []Prefix {
	runs, outcomes := numbered(spans)
	c := cover{base: 10, width: 14, runs: runs, possible: possible}
	var list []Prefix
	for _, r := range c.rules(0) {
		o := outcomes[r.outcome]
		list = append(list, Prefix{Digits: string(r.digits), To: o.to, Final: o.final})
	}
	sortPrefixes(list)
	return list
}

func sortPrefixes(list []Prefix) {
	slices.SortFunc(list, func(a, b Prefix) int {
		if d := len(a.Digits) - len(b.Digits); d != 0 {
			return d
		}
		return strings.Compare(a.Digits, b.Digits)
	})
}

// numbered gives each different outcome of spans a number, 404 being 0.
func numbered(spans []Span) ([]run, []outcome) {
	outcomes := []outcome{{}}
	number := map[outcome]int32{{}: 0}
	runs := make([]run, 0, len(spans))
	for _, s := range spans {
		o := outcome{to: s.To, final: s.Final}
		n, ok := number[o]
		if !ok {
			n = int32(len(outcomes))
			number[o] = n
			outcomes = append(outcomes, o)
		}
		runs = append(runs, run{from: digitsOf(s.From), outcome: n})
	}
	return runs, outcomes
}

// digitsOf returns the fourteen digits of m as a number.
func digitsOf(m layout.Stamp) uint64 {
	var n uint64
	for i := range len(m) {
		if c := m[i]; c >= '0' && c <= '9' {
			n = n*10 + uint64(c-'0')
		}
	}
	return n
}

// possible reports whether a time of the calendar begins with the digits.
func possible(digits []byte) bool {
	n := len(digits)
	two := func(at int) int { return int(digits[at]-'0')*10 + int(digits[at+1]-'0') }
	switch n {
	case 4:
		return string(digits) != "0000"
	case 5:
		return digits[4] <= '1'
	case 6:
		return two(4) >= 1 && two(4) <= 12
	case 7:
		return digits[6] <= '2' || digits[6] == '3' && two(4) != 2
	case 8:
		_, err := layout.ParseMoment(string(digits))
		return err == nil
	case 9:
		return digits[8] <= '2'
	case 10:
		return two(8) <= 23
	case 11, 13:
		return digits[n-1] <= '5'
	}
	return true
}

// A run is a stretch of numbers with one outcome: from its own start to the
// start of the next.
type run struct {
	from    uint64
	outcome int32
}

// A rule is a prefix and the outcome of what begins with it.
type rule struct {
	digits  []byte
	outcome int32
}

// A cover finds the smallest set of rules, the longest match winning, that
// says of each number of width digits what runs say of it: ORTC (Draves,
// King, Venkatachary, Zill, "Constructing Optimal IP Routing Tables", INFOCOM
// 1999), for digits in place of bits, and with numbers nobody asks about.
//
// The trie has nodes only where runs meet; all below a node of one run is a
// leaf. Each node keeps the outcomes that, handed down to it, make the fewest
// rules necessary below: those that most of its children would take as well.
type cover struct {
	base, width int
	runs        []run
	possible    func(digits []byte) bool // asked once all shorter prefixes were possible
	// pinned is how many digits a number has by which its first number is
	// asked for as well, so that they lead to the same; none if zero.
	pinned int

	children []int32 // base of them for each node, see leaf, nobody
	sets     [][2]int32
	members  []int32 // sets, each ascending, are stretches of it
	counts   map[int32]int
}

// A child is the number of a node, or nobody, or leaf(outcome).
const nobody = -1

func leaf(outcome int32) int32 { return -2 - outcome }

// rules returns the rules; free is the outcome where none matches.
func (c *cover) rules(free int32) []rule {
	size := uint64(1)
	for range c.width {
		size *= uint64(c.base)
	}
	c.counts = map[int32]int{}
	root := c.grow(make([]byte, 0, c.width), 0, size, 0)
	var out []rule
	c.choose(root, nil, free, &out)
	return out
}

// grow returns the child for the numbers of [lo, lo+size), which begin with
// digits; at is the run of lo.
func (c *cover) grow(digits []byte, lo, size uint64, at int) int32 {
	if len(digits) > 0 && !c.possible(digits) {
		return nobody
	}
	if at+1 == len(c.runs) || c.runs[at+1].from >= lo+size {
		return leaf(c.runs[at].outcome)
	}
	var children [10]int32
	first := c.runs[at].outcome
	size /= uint64(c.base)
	empty := true
	for d := range c.base {
		from := lo + uint64(d)*size
		for at+1 < len(c.runs) && c.runs[at+1].from <= from {
			at++
		}
		children[d] = c.grow(append(digits, '0'+byte(d)), from, size, at)
		empty = empty && children[d] == nobody
	}
	if empty {
		return nobody
	}
	c.children = append(c.children, children[:c.base]...)
	if c.pinned > 0 && len(digits) == c.pinned {
		c.sets = append(c.sets, [2]int32{int32(len(c.members)), int32(len(c.members)) + 1})
		c.members = append(c.members, first)
	} else {
		c.sets = append(c.sets, c.popular(children[:c.base]))
	}
	return int32(len(c.sets) - 1)
}

// popular returns, as a new set, the outcomes that the most children take.
func (c *cover) popular(children []int32) [2]int32 {
	clear(c.counts)
	most := 0
	for _, child := range children {
		for _, o := range c.takes(child) {
			c.counts[o]++
			most = max(most, c.counts[o])
		}
	}
	start := len(c.members)
	for o, n := range c.counts {
		if n == most {
			c.members = append(c.members, o)
		}
	}
	slices.Sort(c.members[start:])
	return [2]int32{int32(start), int32(len(c.members))}
}

// takes returns the outcomes that cost a child nothing.
func (c *cover) takes(child int32) []int32 {
	switch {
	case child == nobody:
		return nil
	case child < nobody:
		return []int32{-2 - child}
	}
	s := c.sets[child]
	return c.members[s[0]:s[1]]
}

// choose appends the rules that a child needs where given is handed down.
func (c *cover) choose(child int32, digits []byte, given int32, out *[]rule) {
	takes := c.takes(child)
	if len(takes) == 0 {
		return
	}
	if _, ok := slices.BinarySearch(takes, given); !ok {
		given = takes[0]
		*out = append(*out, rule{digits: slices.Clone(digits), outcome: given})
	}
	if child < 0 {
		return
	}
	for d, next := range c.children[int(child)*c.base : (int(child)+1)*c.base] {
		c.choose(next, append(digits, '0'+byte(d)), given, out)
	}
}
