package aptrepo

import (
	"cmp"
	"strings"

	"datestone/sync/internal/evr"
)

// CompareVersions orders versions of packages as dpkg does (deb-version(7)):
// the result is negative where a is older than b. Numbers may have any length,
// and what is no version is compared all the same.
func CompareVersions(a, b string) int { return evr.Compare(a, b, compareParts) }

// compareParts compares text and numbers by turns, text first.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = cutWhile(a, false)
		y, b = cutWhile(b, false)
		if c := compareText(x, y); c != 0 {
			return c
		}
		x, a = cutWhile(a, true)
		y, b = cutWhile(b, true)
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// cutWhile cuts the digits, or all but digits, off the beginning of s.
func cutWhile(s string, digits bool) (head, rest string) {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9') == digits {
		n++
	}
	return s[:n], s[n:]
}

func compareText(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(rank(a, i), rank(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

// rank orders characters: a tilde before the end of the text, then letters,
// then all others.
func rank(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	c := s[i]
	switch {
	case c == '~':
		return -1
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		return int(c)
	}
	return int(c) + 256
}

// compareNumbers compares digits, of which no digits are 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
