package layout

import (
	"path"
	"strings"
)

// An Object is what a store is told of a thing to keep, the bytes aside.
type Object struct {
	Key    string
	Size   int64
	SHA256 Digest
	Header Header
}

// A Header is what an object's answer says of it. There is never a
// Content-Encoding: clients compare sizes and digests of what they receive.
type Header struct {
	ContentType  string
	CacheControl string
}

// A Role is what an object is for; it decides the header.
type Role int

const (
	// Content is a file of a checkpoint, at the remote's path.
	Content Role = iota
	// DirectoryPage is a page that datestone draws inside a checkpoint.
	DirectoryPage
	// LogEntry is a record or a file list.
	LogEntry
	// Listing is a page or table that is replaced as the log grows.
	Listing
	// Private is what only datestone reads.
	Private
)

// The cache rules of SPEC section 4; the one place where they stand.
const (
	cacheImmutable = "public, max-age=31536000, immutable"
	cacheListing   = "public, max-age=60"
	cachePrivate   = "private, no-store"
)

// HeaderFor returns the header of the object key in the given role.
func HeaderFor(role Role, key string) Header {
	h := Header{ContentType: ContentType(key), CacheControl: cacheImmutable}
	switch role {
	case LogEntry:
		if strings.HasSuffix(key, ".sig") { // of ssh-keygen, not OpenPGP as those of repositories
			h.ContentType = textUTF8
		}
	case Listing:
		h.CacheControl = cacheListing
	case Private:
		h.CacheControl = cachePrivate
	}
	return h
}

// IsFinal reports whether the object is written once and never changed, which a
// store may be asked to enforce: content, pages of checkpoints, the log.
func (h Header) IsFinal() bool { return h.CacheControl == cacheImmutable }

// ContentType returns the media type by the last extension of key. The table
// holds what package repositories have; the rest is application/octet-stream,
// which no browser guesses at.
func ContentType(key string) string {
	name := path.Base(key)
	if t, ok := typeByName[name]; ok {
		return t
	}
	if t, ok := typeByExt[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}

const textUTF8 = "text/plain; charset=utf-8"

var typeByName = map[string]string{
	"InRelease": textUTF8, "Release": textUTF8, "Packages": textUTF8, "Sources": textUTF8,
	"Release.gpg": "application/pgp-signature", "PULP_MANIFEST": textUTF8, "SHA256SUMS": textUTF8, "SHA512SUMS": textUTF8, "MD5SUMS": textUTF8,
	".treeinfo": textUTF8, "treeinfo": textUTF8,
}

var typeByExt = map[string]string{
	".html": "text/html; charset=utf-8", ".txt": textUTF8, ".dsc": textUTF8, ".changes": textUTF8,
	".json": "application/json", ".xml": "text/xml", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf",
	".yaml": "application/yaml", ".yml": "application/yaml",
	".deb": "application/vnd.debian.binary-package", ".udeb": "application/vnd.debian.binary-package",
	".ddeb": "application/vnd.debian.binary-package",
	".rpm":  "application/x-rpm", ".drpm": "application/x-rpm",
	".gz": "application/gzip", ".tgz": "application/gzip", ".xz": "application/x-xz", ".bz2": "application/x-bzip2",
	".zst": "application/zstd", ".lzma": "application/x-lzma", ".zck": "application/octet-stream",
	".tar": "application/x-tar", ".zip": "application/zip", ".iso": "application/x-iso9660-image",
	".gpg": "application/pgp-keys", ".asc": "application/pgp-signature", ".sig": "application/pgp-signature",
	".key": "application/pgp-keys", ".sqlite": "application/vnd.sqlite3",
}
