package publish

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"datestone/layout"
)

// A Store is where a site stands. Drivers are in folders of their own; all of
// them pass storetest.Run.
//
// Keys are relative, canonical and unescaped. A method makes one attempt and
// does not retry: whoever holds the store does, when the error wraps
// ErrTemporary or ErrSlowDown. What a method wrote is visible to every reader
// when it returns nil; it is durable then too, unless the store is a Syncer.
// When it returns an error it may have been done all the same. All errors name
// the operation and the key. A missing object is fs.ErrNotExist, never another
// error, and no other error is taken for it. Methods may be called at once
// from many goroutines; they end soon after ctx does, with its cause.
type Store interface {
	// Get opens length bytes of the object from offset on; a length of -1
	// means to its end. The caller closes the body. Info is that of the whole
	// object, without SHA256. An offset at or past the end is an empty body.
	Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, Info, error)
	// Stat says what stands at key.
	Stat(ctx context.Context, key string) (Info, error)
	// Put writes one object, whole or not at all: exactly Size bytes whose
	// SHA-256 is the one given (ErrDigest otherwise), with the header given.
	Put(ctx context.Context, p Put) (Info, error)
	// List returns what stands under prefix, sorted by key, byte by byte.
	// Info has Key and Size, and Version where that costs nothing.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// A Put is one object to write.
type Put struct {
	layout.Object
	// Open opens the content from its beginning; it is called at least once
	// an attempt. The content may end with an error of its own instead of
	// io.EOF, which Put returns, wrapped, having written nothing.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Whole makes sure that a power cut leaves the object whole or not at all,
	// before any Sync; without it a Syncer may leave a part of it. It is for
	// the few objects without which nothing can be finished.
	Whole bool
	// Create makes the Put succeed only where nothing stands at the key
	// (If-None-Match: *); otherwise it is ErrConflict.
	Create bool
	// IfMatch makes the Put succeed only where the object's version is this
	// one; otherwise, and where nothing stands, it is ErrConflict.
	IfMatch string
}

// Bytes returns a Put of an object that is in memory.
func Bytes(o layout.Object, body []byte) Put {
	return Put{Object: o, Open: func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body)), nil
	}}
}

// Info is what a store knows of an object.
type Info struct {
	Key  string
	Size int64
	// ModTime is when it was written, by the store's clock.
	ModTime time.Time
	// Version changes whenever the object does: an entity tag, as the store
	// writes it (S3's with its quotes).
	Version string
	// SHA256 is the digest that the store itself keeps; zero where it keeps none.
	SHA256 layout.Digest
	Header layout.Header // zero where the store keeps none
}

// A Linker gives a new key bytes that stand already: a hard link, or a copy on
// the server. A missing from is fs.ErrNotExist. What stands at to.Key is
// replaced, unless it is the same bytes; SHA256 and Size of to are those of
// from, which the caller knows. The header of to is in force afterwards.
type Linker interface {
	Link(ctx context.Context, from string, to layout.Object) error
}

// A Deleter removes objects. A key at which nothing stands is success.
type Deleter interface {
	Delete(ctx context.Context, keys ...string) error
}

// A Syncer's writes are durable only when Sync has returned nil: a barrier,
// cheaper than one wait an object.
type Syncer interface {
	Sync(ctx context.Context) error
}

// A Clock is a store with a clock of its own (S3's Date header).
type Clock interface {
	Now(ctx context.Context) (time.Time, error)
}

// A WebsiteSetter is a bucket that S3 itself serves as a web site. Keys in what
// it is told, and in what it tells, are those of the bucket: a prefix of the
// store is part of them.
type WebsiteSetter interface {
	// Website returns the configuration in force; without any it is
	// fs.ErrNotExist. Of what datestone never writes it has the names only.
	Website(ctx context.Context) (layout.Website, error)
	// SetWebsite replaces the whole configuration. Servers may go on with the
	// old one for a while.
	SetWebsite(ctx context.Context, w layout.Website) error
	// SetRedirection writes the object, replacing what stands at its key.
	SetRedirection(ctx context.Context, r layout.Redirection) error
	// RemoveRedirections deletes what stands at the keys. A key at which
	// nothing stands is success.
	RemoveRedirections(ctx context.Context, keys ...string) error
}

// Errors of stores, to be asked for with errors.Is.
var (
	// ErrConflict is a condition that did not hold: another was there first.
	ErrConflict = errors.New("changed by someone else")
	// ErrDigest is content that is not what its digest or size says.
	ErrDigest = errors.New("content does not match its digest")
	// ErrTemporary may be gone at the next attempt.
	ErrTemporary = errors.New("temporary failure")
	// ErrSlowDown is a store that asks for fewer requests at once.
	ErrSlowDown = errors.New("store asks to slow down")
)
