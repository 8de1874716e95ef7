package index

import (
	"errors"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Errors of this package, to be asked for with errors.Is.
var (
	// ErrInUse is an index that another process holds open.
	ErrInUse = errors.New("the index is in use by another process")
	// ErrVersion is an index written by a newer datestone.
	ErrVersion = errors.New("the index has an unknown version")
	// ErrDamaged is an index that does not hold what was written to it. It is
	// a cache: without the file, the next run makes it again.
	ErrDamaged = errors.New("the index is damaged")
)

// Config says how to open an index.
type Config struct {
	// Bucket identifies the bucket whose cache this is; an index of another
	// bucket is set aside.
	Bucket string
	// Timeout is how long to wait for another process; default 1 s.
	Timeout time.Duration
	// ReadOnly opens without writing; a missing file is fs.ErrNotExist, a
	// damaged one an error.
	ReadOnly bool
}

// DB is an open index. It may be used by many goroutines; sequences it
// returns hold no transaction between two of their values.
type DB struct {
	bolt *bolt.DB
	// aside and why are what Open set aside; see SetAside.
	aside, why string
	// gather is gatherPlaces, except in tests.
	gather int
	// reads counts the nodes of trees that were read.
	reads atomic.Int64
}

// SetAside returns the name under which Open set aside what stood at its path,
// and why; empty when there was nothing to set aside.
func (db *DB) SetAside() (name, why string) { return db.aside, db.why }

// Close closes the file.
func (db *DB) Close() error { return db.bolt.Close() }
