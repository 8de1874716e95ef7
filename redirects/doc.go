// Package redirects says where a timestamp leads.
//
// Resolve is the answer of SPEC section 3, the oracle. Every dialect (one file
// each) renders the same tables into rules of one engine, and is tested by
// running that engine against Resolve. All of it is pure: the same tables give
// the same bytes, and the clock comes in as a value.
//
//	a := redirects.Resolve(tables, "/debian/20250318T140340Z/dists/x?y=1", now)
//	// 301 /debian/20250318T140338Z/dists/x?y=1
package redirects
