// Package evr compares versions of packages as far as dpkg and rpm agree: both
// write "epoch:version-release" (Debian calls the last the revision), and hold
// epochs, then versions, then releases against each other.
package evr

import "strings"

// Compare compares two versions part by part, with the rule parts of one of the
// package managers: the result is negative where a is older than b.
func Compare(a, b string, parts func(a, b string) int) int {
	x, y := split(a), split(b)
	for i := range x {
		if c := parts(x[i], y[i]); c != 0 {
			return c
		}
	}
	return 0
}

// split returns the epoch, the version and the release. An epoch that is missing
// is 0; the last hyphen begins the release.
func split(v string) (parts [3]string) {
	epoch, rest, ok := strings.Cut(v, ":")
	if !ok {
		epoch, rest = "0", v
	}
	version, release := rest, ""
	if at := strings.LastIndexByte(rest, '-'); at >= 0 {
		version, release = rest[:at], rest[at+1:]
	}
	return [3]string{epoch, version, release}
}
