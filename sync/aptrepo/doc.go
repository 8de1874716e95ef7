// Package aptrepo reads the metadata of apt repositories: Release files and
// their OpenPGP signatures, Packages and Sources, and the indexes of patches.
//
// It is pure: bytes in, values or an error that names stanza and line out.
// Nothing is unpacked or fetched here, and memory is bounded by the longest
// line, not by the length of an index.
//
//	text, err := keys.ClearSigned(inRelease, now)
//	release, err := aptrepo.ParseRelease(text)
package aptrepo
