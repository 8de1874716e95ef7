package s3wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"datestone/layout"
)

// A Prefix stands before all keys of a site: empty, or ending in a slash.
type Prefix string

// NewPrefix returns the prefix of a configuration, which may have slashes
// around it.
func NewPrefix(s string) (Prefix, error) {
	s = strings.Trim(s, "/")
	if s == "" {
		return "", nil
	}
	if _, err := layout.CleanPath(s); err != nil {
		return "", fmt.Errorf("prefix of the bucket: %w", err)
	}
	return Prefix(s + "/"), nil
}

// Key returns the key in the bucket.
func (p Prefix) Key(key string) string { return string(p) + key }

// Cut returns the key in the site.
func (p Prefix) Cut(key string) string { return strings.TrimPrefix(key, string(p)) }

// Range returns the Range header of length bytes from offset on, -1 meaning to
// the end. It is empty for the whole object. A length of zero has none: ask
// for the object's state instead.
func Range(offset, length int64) string {
	switch {
	case length < 0 && offset == 0:
		return ""
	case length < 0 || offset > math.MaxInt64-length:
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// TotalSize returns the size of the whole object from the answer to a request
// for a part of it: that of Content-Range, or else Content-Length.
func TotalSize(contentRange string, contentLength int64) int64 {
	if _, total, ok := strings.Cut(contentRange, "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			return n
		}
	}
	return contentLength
}

// CopySource returns the x-amz-copy-source of an object. S3 decodes it as a
// query, so a plus sign is escaped too.
func CopySource(bucket, key string) string {
	segments := strings.Split(key, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
	}
	return bucket + "/" + strings.Join(segments, "/")
}

// Version returns an entity tag in the one form that compares: with quotes.
func Version(etag string) string {
	if etag == "" || strings.HasPrefix(etag, `"`) || strings.HasPrefix(etag, "W/") {
		return etag
	}
	return `"` + etag + `"`
}

// Checksum returns d as x-amz-checksum-sha256 has it.
func Checksum(d layout.Digest) string { return base64.StdEncoding.EncodeToString(d[:]) }

// ChecksumCRC returns a CRC-32C as x-amz-checksum-crc32c has it.
func ChecksumCRC(crc uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc))
}

// ParseChecksum returns the digest of the whole object. It is zero for
// anything else: "…-3" is a digest of three digests.
func ParseChecksum(s string) layout.Digest {
	var d layout.Digest
	if b, err := base64.StdEncoding.DecodeString(s); err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}
