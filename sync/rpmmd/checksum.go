package rpmmd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"datestone/layout"
)

// A Checksum is a digest as upstream declares it; the zero Checksum is none.
type Checksum struct {
	Type string // canonical: "sha1", never "sha"
	Hex  string // lower case
}

// hashes are the names that createrepo_c and librepo know.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// ParseChecksum reads the name of a hash, of which "sha" is "sha1", and
// hexadecimal digits.
func ParseChecksum(kind, digits string) (Checksum, error) {
	kind, digits = strings.ToLower(strings.TrimSpace(kind)), strings.ToLower(strings.TrimSpace(digits))
	if kind == "sha" {
		kind = "sha1"
	}
	known := hashes[kind]
	if known == nil {
		return Checksum{}, fmt.Errorf("checksum type %.100q is not known", kind)
	}
	if b, err := hex.DecodeString(digits); err != nil || len(b) != known().Size() {
		return Checksum{}, fmt.Errorf("%.200q is not a checksum of the type %s", digits, kind)
	}
	return Checksum{kind, digits}, nil
}

// IsZero reports whether there is none.
func (c Checksum) IsZero() bool { return c == Checksum{} }

// String returns "sha512:<hex>".
func (c Checksum) String() string { return c.Type + ":" + c.Hex }

// Hash returns what makes such a checksum.
func (c Checksum) Hash() hash.Hash { return hashes[c.Type]() }

// Is reports whether sum, of the same hash, is this checksum.
func (c Checksum) Is(sum []byte) bool { return hex.EncodeToString(sum) == c.Hex }

// SHA256 returns the digest where it is one.
func (c Checksum) SHA256() (layout.Digest, bool) {
	if c.Type != "sha256" {
		return layout.Digest{}, false
	}
	d, err := layout.ParseDigest(c.Hex)
	return d, err == nil
}

// strength orders hashes.
func (c Checksum) strength() int { return len(c.Hex) }
