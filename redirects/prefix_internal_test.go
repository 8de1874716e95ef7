package redirects

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The door into cover: its optimality can only be held against brute force on
// alphabets smaller than the ten digits that Prefixes has.
func TestCoverIsSmallestAndRight(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		base, width := 2+rng.IntN(2), 2
		if base == 2 {
			width = 2 + rng.IntN(2)
		}
		checkCover(t, rng, base, width, i%2 == 0)
	}
}

func checkCover(t *testing.T, rng *rand.Rand, base, width int, holes bool) {
	t.Helper()
	size := 1
	for range width {
		size *= base
	}
	want, runs := make([]int32, size), []run(nil)
	for i := range want {
		if i == 0 || rng.IntN(2) == 0 {
			runs = append(runs, run{from: uint64(i), outcome: int32(rng.IntN(4))})
		}
		want[i] = runs[len(runs)-1].outcome
	}
	asked := func(string) bool { return true }
	if holes {
		mask := rng.Uint64() | 1<<rng.IntN(size) // somebody asks about something
		asked = func(number string) bool { return mask>>numberOf(number, base)&1 == 1 }
	}
	c := cover{base: base, width: width, runs: runs, possible: func(d []byte) bool {
		return anyBelow(string(d), base, width, asked)
	}}
	rules := c.rules(0)
	got := map[string]int32{}
	for _, r := range rules {
		got[string(r.digits)] = r.outcome
	}
	for i, w := range want {
		n := digitString(i, base, width)
		if asked(n) && longest(got, n) != w {
			t.Fatalf("base %d, runs %v, rules %v: %s leads to %d, want %d", base, runs, got, n, longest(got, n), w)
		}
	}
	if least := bruteForce(want, base, width, asked); len(rules) != least {
		t.Fatalf("base %d width %d, runs %v: %d rules %v, the least is %d", base, width, runs, len(rules), got, least)
	}
}

func TestPossibleKnowsTheCalendar(t *testing.T) {
	t.Parallel()
	begins := map[string]bool{}
	for _, year := range []int{1, 4, 100, 400, 1900, 2000, 2023, 2024, 9999} {
		for m := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC); m.Year() == year; m = m.Add(17*time.Minute + 13*time.Second) {
			digits := m.Format("20060102150405")
			for n := 1; n <= len(digits); n++ {
				begins[digits[:n]] = true
			}
		}
	}
	for d := range begins {
		if !possible([]byte(d)) {
			t.Errorf("%s begins a time of the calendar", d)
		}
	}
	for _, d := range []string{"0000", "20252", "202500", "202513", "2025023", "2025014", "20250229", "20250431", "20250100", "202501013", "2025010124", "20250101006", "2025010100006"} {
		if possible([]byte(d)) {
			t.Errorf("%s begins no time of the calendar", d)
		}
	}
}

// bruteForce returns the least number of rules, trying every outcome, or no
// rule, at every node of the full trie.
func bruteForce(want []int32, base, width int, asked func(string) bool) int {
	var least func(prefix string, given int32) int
	least = func(prefix string, given int32) int {
		below := func(given int32) int {
			if len(prefix) == width {
				if asked(prefix) && want[numberOf(prefix, base)] != given {
					return 1 << 20
				}
				return 0
			}
			sum := 0
			for d := range base {
				sum += least(prefix+fmt.Sprint(d), given)
			}
			return sum
		}
		best := below(given)
		for o := range int32(4) {
			best = min(best, 1+below(o))
		}
		return best
	}
	return least("", 0)
}

func longest(rules map[string]int32, n string) int32 {
	for l := len(n); l >= 0; l-- {
		if o, ok := rules[n[:l]]; ok {
			return o
		}
	}
	return 0
}

func anyBelow(prefix string, base, width int, asked func(string) bool) bool {
	if len(prefix) == width {
		return asked(prefix)
	}
	for d := range base {
		if anyBelow(prefix+fmt.Sprint(d), base, width, asked) {
			return true
		}
	}
	return false
}

func digitString(n, base, width int) string {
	b := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%base)
		n /= base
	}
	return string(b)
}

func numberOf(s string, base int) (n int) {
	for _, c := range s {
		n = n*base + int(c-'0')
	}
	return n
}
