// Package layout names everything that stands in the bucket, and draws its
// pages. It is the ground floor: vocabulary and pure functions, nothing else.
//
// It may not touch a file system, a network, a context or a clock; whatever a
// function needs comes in as a value, and what it decides goes out as one.
// Sequences are sorted by path, byte by byte, and are never held in memory.
//
//	key := layout.Key("debian", "20250212T194653Z", "pool/g++_12.deb")
//	// debian/20250212T194653Z/pool/g++_12.deb
//	layout.URLPath(key)
//	// /debian/20250212T194653Z/pool/g%2B%2B_12.deb
//
// The formats are described for strangers in docs/formats.md.
package layout
