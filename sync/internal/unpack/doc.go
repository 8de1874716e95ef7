// Package unpack reads compressed metadata in bounded memory: what the readers
// of several formats do the same. It knows gzip, xz, zstd and bzip2 by their
// first bytes; all else is taken for plain.
//
//	plain, err := unpack.Reader(body, limit)
package unpack
