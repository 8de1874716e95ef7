package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"datestone/layout"
)

// A Flaw is what is wrong with what stands at a key, or does not.
type Flaw string

// The flaws that are told apart.
const (
	Missing     Flaw = "missing"  // nothing stands there
	WrongSize   Flaw = "size"     // another number of bytes
	WrongBytes  Flaw = "bytes"    // other bytes, or a page with other rows
	WrongHeader Flaw = "header"   // another Content-Type or Cache-Control
	Unknown     Flaw = "unknown"  // nothing in the log tells of it
	BrokenChain Flaw = "chain"    // a record that can't follow the one before
	Stale       Flaw = "stale"    // shows less than the log has, or other settings
	Unredacted  Flaw = "redacted" // content that was redacted, and stands
)

// A Finding is one thing that is not as it should be.
type Finding struct {
	Flaw   Flaw
	Key    string
	Detail string // in words of people: what stands there, what should
	// Checkpoint is the one it is about, or none.
	Checkpoint layout.Stamp
	// File is what should stand at the key, where that is a file of the
	// checkpoint; Page what should, where that is a page and it is known; List
	// is set for a file list.
	File *layout.File
	Page *layout.Page
	List *layout.FileList
}

// headerFlaw compares what a store says of an object with what it was told;
// nil too where the store keeps no headers.
func headerFlaw(info Info, want layout.Header) *Finding {
	if info.Header == (layout.Header{}) || info.Header == want {
		return nil
	}
	return &Finding{Flaw: WrongHeader, Key: info.Key, Detail: fmt.Sprintf("has %q and %q, should have %q and %q",
		info.Header.ContentType, info.Header.CacheControl, want.ContentType, want.CacheControl)}
}

func sizeFlaw(key string, got, want int64) *Finding {
	return &Finding{Flaw: WrongSize, Key: key, Detail: fmt.Sprintf("has %d bytes, should have %d", got, want)}
}

func bytesFlaw(key string, got, want layout.Digest) *Finding {
	return &Finding{Flaw: WrongBytes, Key: key, Detail: fmt.Sprintf("has the SHA-256 %s, should have %s", got, want)}
}

// objectFlaw compares what a store says with what should stand there. A digest
// that is not known is not compared.
func objectFlaw(info Info, sum layout.Digest, want layout.Object) *Finding {
	switch {
	case info.Size != want.Size:
		return sizeFlaw(want.Key, info.Size, want.Size)
	case !sum.IsZero() && sum != want.SHA256:
		return bytesFlaw(want.Key, sum, want.SHA256)
	}
	return headerFlaw(info, want.Header)
}

// readFlaw tells an object that is damaged from a store that is in trouble:
// nil for the latter. A missing object, a disk that can't read its own bytes,
// and bytes that are not what they should be are flaws.
func readFlaw(key string, err error) *Finding {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Finding{Flaw: Missing, Key: key, Detail: "nothing stands there"}
	case errors.Is(err, syscall.EIO), errors.Is(err, ErrDigest), errors.Is(err, errTooLong):
		return &Finding{Flaw: WrongBytes, Key: key, Detail: err.Error()}
	}
	return nil
}
