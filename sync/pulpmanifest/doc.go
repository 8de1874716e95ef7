// Package pulpmanifest reads and writes PULP_MANIFEST: a file a line, as
// path,sha256,size. Paths may have commas; white space around a field, blank
// lines and lines that begin with # mean nothing.
//
// It is pure: bytes in, files or an error that names the line out. It holds
// no opinion on where a manifest comes from.
//
//	files, err := pulpmanifest.Files(body, "PULP_MANIFEST")
package pulpmanifest
