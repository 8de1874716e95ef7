package rpmmd

import (
	"cmp"
	"encoding/xml"
	"strings"

	"datestone/sync/internal/evr"
)

// versionOf returns "epoch:version-release", whose parts are attributes of an
// element; those two have other names in other documents.
func versionOf(e xml.StartElement, version, release string) string {
	return cmp.Or(attribute(e, "epoch"), "0") + ":" + attribute(e, version) + "-" + attribute(e, release)
}

// CompareVersions orders versions of packages, "epoch:version-release", as rpm
// does (rpm-version(7)): the result is negative where a is older than b.
func CompareVersions(a, b string) int { return evr.Compare(a, b, compareParts) }

// compareParts compares runs of digits, as numbers, and of letters. All else
// only parts them, but for the tilde, which is older than the end, and the
// caret, which is newer than the end and older than all else.
func compareParts(a, b string) int {
	for a != "" || b != "" {
		a, b = strings.TrimLeftFunc(a, isSeparator), strings.TrimLeftFunc(b, isSeparator)
		if x, y := mark(a), mark(b); x != plain || y != plain {
			if x != y {
				return cmp.Compare(x, y)
			}
			if x == ending {
				break
			}
			a, b = a[1:], b[1:]
			continue
		}
		digits := isDigit(a[0])
		var x, y string
		x, a = cutRun(a, digits)
		y, b = cutRun(b, digits)
		if c := compareRuns(x, y, digits); c != 0 {
			return c
		}
	}
	return 0
}

// What a version may go on with, the oldest first.
const (
	tilde = iota
	ending
	caret
	plain
)

func mark(s string) int {
	switch {
	case s == "":
		return ending
	case s[0] == '~':
		return tilde
	case s[0] == '^':
		return caret
	}
	return plain
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isSeparator(r rune) bool {
	return r > '~' || r != '~' && r != '^' && !isDigit(byte(r)) && !isLetter(byte(r))
}

func cutRun(s string, digits bool) (run, rest string) {
	n := 0
	for n < len(s) && (digits && isDigit(s[n]) || !digits && isLetter(s[n])) {
		n++
	}
	return s[:n], s[n:]
}

// compareRuns compares two runs of the same kind, of which b may lack its own:
// then it has one of the other kind, and a number is newer than letters.
func compareRuns(a, b string, digits bool) int {
	switch {
	case !digits && b == "":
		return -1
	case !digits:
		return strings.Compare(a, b)
	case b == "":
		return 1
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
