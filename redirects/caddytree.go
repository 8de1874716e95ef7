package redirects

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Caddy has no look-up but by walking through a list, and can compare only in
// an expression, which takes long to load. So the spans of all sites stand in
// trees of one height, whose rows are sorted, and one search goes down, with an
// expression for each step of it: twice the spans cost one step more.
const (
	caddyBits = 6    // of the number of a row's column, at most
	caddyFlat = 128  // rows in a map, at most, where routes can cut it
	caddyPad  = "~~" // what no moment is after
)

// A caddyNode is a row of the tree: in each column the first span of a node
// below, or on the last level a span.
type caddyNode struct {
	name    string // the repository's number, then those of the columns that lead here
	columns []string
	below   []caddyNode
}

// A caddyTree is the trees of all sites.
type caddyTree struct {
	roots  []caddyNode
	levels int
	bits   int // of how many bits the number of a column is
	first  int // and of a root's, at most as many
}

func newCaddyTree(sites []site) *caddyTree {
	most := 1
	spans := make([][]string, len(sites))
	for i := range sites {
		spans[i] = caddySpans(&sites[i])
		most = max(most, len(spans[i]))
	}
	width := max(1, bits.Len(uint(most-1)))
	t := &caddyTree{levels: (width + caddyBits - 1) / caddyBits}
	t.bits = (width + t.levels - 1) / t.levels
	t.first = width - t.bits*(t.levels-1)
	for i := range spans {
		t.roots = append(t.roots, t.node(strconv.Itoa(i)+"_", spans[i], 1))
	}
	return t
}

// caddySpans returns the spans of a site, sorted as text: when they begin and
// where they lead, which is left out where they begin with the checkpoint.
func caddySpans(s *site) (words []string) {
	for _, span := range Spans(s.table) {
		word := outcomeWord(span.To, span.Final)
		switch span.To {
		case "":
			word = "n" // 404 alone would be read as a part of a number
		case span.From:
			word = word[:1]
		}
		words = append(words, fmt.Sprintf("%014d%s", digitsOf(span.From), word))
	}
	return words
}

// node returns the node of spans on a level.
func (t *caddyTree) node(name string, spans []string, level int) caddyNode {
	if level == t.levels {
		return caddyNode{name: name, columns: spans}
	}
	n := caddyNode{name: name}
	for below := range slices.Chunk(spans, 1<<(t.bits*(t.levels-level))) {
		n.below = append(n.below, t.node(name+caddyNumber(len(n.columns), t.bits), below, level+1))
		n.columns = append(n.columns, below[0])
	}
	return n
}

// caddyNumber writes the bits of a number as a and b: Caddy would make 00 a 0.
func caddyNumber(n, width int) string {
	return strings.NewReplacer("0", "a", "1", "b").Replace(fmt.Sprintf("%0*b", width, n))
}

// caddyLevel returns the nodes of a level, that of nodes being 1.
func caddyLevel(nodes []caddyNode, level int) []caddyNode {
	for range level - 1 {
		var deeper []caddyNode
		for i := range nodes {
			deeper = append(deeper, nodes[i].below...)
		}
		nodes = deeper
	}
	return nodes
}

// search finds the span a moment is in: the last that begins at or before it.
func (f *caddyFile) search(t *caddyTree) {
	f.linef("# The first of the columns whose numbers begin with these bits, on each level.")
	destinations := "{datestone_turned}"
	for level := range t.levels {
		destinations += fmt.Sprintf(" {datestone_first%d}", level+1)
	}
	f.mapping("{http.vars.datestone_bits}", destinations, t.firsts()...)
	f.set("key", "{http.vars.datestone_digits}~") // after the span that begins there
	f.set("row1", "{http.vars.datestone_number}_")
	for level := 1; level <= t.levels; level++ {
		f.linef("# Level %d of %d.", level, t.levels)
		f.rows(t, t.roots, 1, level)
		f.linef("@datestone_before%[1]d expression `{http.vars.datestone_key} < {datestone_first%[1]d}`", level)
		steps := t.bits
		if level == 1 {
			steps = t.first
		}
		f.set("bits", fmt.Sprintf("%q", strings.Repeat("a", t.bits-steps)))
		for range steps {
			f.set("bits", "{http.vars.datestone_bits}b")
			f.linef("vars @datestone_before%d datestone_bits {datestone_turned}", level)
		}
		f.set(fmt.Sprintf("row%d", level+1), fmt.Sprintf("{http.vars.datestone_row%d}{http.vars.datestone_bits}", level))
	}
	f.set("span", fmt.Sprintf("{datestone_first%d}", t.levels))
}

// firsts returns the lines of the map of bits: the same with a for its last,
// and the first column of each level.
func (t *caddyTree) firsts() (lines []string) {
	for length := 1; length <= t.bits; length++ {
		for n := range 1 << length {
			line := caddyNumber(n, length) + " " + caddyNumber(n&^1, length)
			for level := range t.levels {
				line += fmt.Sprintf(" {datestone_%d_%d}", level+1, n<<(t.bits-length))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// rows writes the rows of a level, nodes being those of the level at: in one
// map, or in a few, each for some of the nodes.
func (f *caddyFile) rows(t *caddyTree, nodes []caddyNode, at, level int) {
	rows := caddyLevel(nodes, level-at+1)
	if at == level || len(rows) <= caddyFlat {
		f.flat(t, rows, level)
		return
	}
	for _, some := range caddyChunks(nodes, level-at+1) {
		names := ""
		for i := range some {
			names += " " + some[i].name
		}
		f.route(fmt.Sprintf("%d_%s", level, some[0].name), func() {
			if len(some) == 1 {
				f.rows(t, some[0].below, at+1, level)
				return
			}
			f.rows(t, some, at, level)
		}, fmt.Sprintf("vars datestone_row%d%s", at, names))
	}
}

// caddyChunks cuts nodes into stretches that have at most caddyFlat rows on a
// level, or are one node.
func caddyChunks(nodes []caddyNode, level int) (chunks [][]caddyNode) {
	rows := caddyFlat
	for i := range nodes {
		here := len(caddyLevel(nodes[i:i+1], level))
		if rows += here; rows > caddyFlat {
			chunks, rows = append(chunks, nil), here
		}
		last := len(chunks) - 1
		chunks[last] = append(chunks[last], nodes[i])
	}
	return chunks
}

// flat writes rows of a level as one map.
func (f *caddyFile) flat(t *caddyTree, rows []caddyNode, level int) {
	var columns strings.Builder
	for c := range 1 << t.bits {
		fmt.Fprintf(&columns, " {datestone_%d_%d}", level, c)
	}
	var lines []string
	for _, n := range rows {
		lines = append(lines, n.name+" "+strings.Join(n.columns, " ")+strings.Repeat(" "+caddyPad, 1<<t.bits-len(n.columns)))
	}
	f.mapping(fmt.Sprintf("{http.vars.datestone_row%d}", level), columns.String()[1:], lines...)
}
