package redirects

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The door into sparseCover: see TestCoverIsSmallestAndRight.
func TestSparseCoverIsSmallestAndRight(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(31, 32))
	for i := range 6000 {
		c := sparseCase{base: 2, width: 3 + i%2, pinned: 2}
		if i%5 == 0 {
			c = sparseCase{base: 3, width: 2, pinned: 1}
		}
		c.fill(rng)
		c.check(t)
	}
}

// A sparseCase is a small alphabet's runs; 0 is what no rule may match.
type sparseCase struct {
	base, width, pinned int
	want                []int32
	runs                []run
	asked               []bool
	horizon             int
}

const silent = -1

func (c *sparseCase) fill(rng *rand.Rand) {
	size, block := power(c.base, c.width), power(c.base, c.width-c.pinned)
	c.want, c.asked = make([]int32, size), make([]bool, size)
	for i := range size {
		if i == 0 || rng.IntN(3) == 0 {
			o := rng.Int32N(3)
			if rng.IntN(3) > 0 {
				o = 1 + rng.Int32N(2)
			}
			c.runs = append(c.runs, run{from: uint64(i), outcome: o})
		}
		c.want[i] = c.runs[len(c.runs)-1].outcome
		c.asked[i] = rng.IntN(4) > 0 || i%block == 0 // a day that is has a midnight
	}
	for b := 0; b < size; b += block {
		if rng.IntN(4) == 0 {
			clear(c.asked[b : b+block])
		}
	}
	c.horizon = block * rng.IntN(size/block+2)
	last := len(c.want) - 1
	for i := c.horizon; i < last && i > 0; i++ { // the future is one run
		if c.want[i] != c.want[last] {
			c.horizon = (i/block + 1) * block
		}
	}
}

func power(base, n int) int {
	p := 1
	for range n {
		p *= base
	}
	return p
}

func (c *sparseCase) check(t *testing.T) {
	t.Helper()
	s := sparseCover{horizon: uint64(c.horizon), cover: cover{base: c.base, width: c.width, runs: c.runs, pinned: c.pinned,
		possible: func(d []byte) bool { return c.anyBelow(string(d), func(i int) bool { return c.asked[i] }) }}}
	rules := map[string]int32{}
	for _, r := range s.sparseRules() {
		rules[string(r.digits)] = r.outcome
	}
	if wrong := c.wrong(rules); wrong != "" {
		t.Fatalf("%+v: rules %v: %s", *c, rules, wrong)
	}
	if least := c.least("", silent); len(rules) != least {
		t.Fatalf("%+v: %d rules %v, the least is %d", *c, len(rules), rules, least)
	}
}

// wrong says what rules answer wrongly, or nothing.
func (c *sparseCase) wrong(rules map[string]int32) string {
	for i := range c.want {
		n := digitString(i, c.base, c.width)
		given := int32(silent)
		for l := 1; l <= c.width; l++ {
			if o, ok := rules[n[:l]]; ok {
				given = o
			}
			if l == c.pinned && !c.right(n[:l], given) {
				return fmt.Sprintf("%s leads to %d", n[:l], given)
			}
		}
		if !c.right(n, given) {
			return fmt.Sprintf("%s leads to %d, want %d", n, given, c.want[i])
		}
	}
	return ""
}

// right reports whether the prefix, a number or a pinned one, may be given.
func (c *sparseCase) right(prefix string, given int32) bool {
	first := numberOf(prefix, c.base) * power(c.base, c.width-len(prefix))
	if !c.asked[first] {
		return true
	}
	silenced := c.anyBelow(prefix, func(i int) bool { return c.asked[i] && c.want[i] == 0 })
	switch {
	case given == silent:
		return silenced || first >= c.horizon
	case silenced:
		return false
	}
	return given == c.want[first]
}

// least tries every rule, or none, at every node but the root.
func (c *sparseCase) least(prefix string, given int32) int {
	below := func(given int32) int {
		if (len(prefix) == c.width || len(prefix) == c.pinned) && !c.right(prefix, given) {
			return 1 << 20
		}
		sum := 0
		for d := 0; d < c.base && len(prefix) < c.width; d++ {
			sum += c.least(prefix+fmt.Sprint(d), given)
		}
		return sum
	}
	best := below(given)
	for o := int32(1); o < 3 && prefix != ""; o++ {
		best = min(best, 1+below(o))
	}
	return best
}

func (c *sparseCase) anyBelow(prefix string, is func(int) bool) bool {
	size := power(c.base, c.width-len(prefix))
	first := numberOf(prefix, c.base) * size
	for i := first; i < first+size; i++ {
		if is(i) {
			return true
		}
	}
	return false
}
