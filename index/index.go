package index

import (
	"errors"
	"iter"
	"time"

	"datestone/layout"
)

// Errors of this package, to be asked for with errors.Is.
var (
	// ErrInUse is an index that another process holds open.
	ErrInUse = errors.New("the index is in use by another process")
	// ErrVersion is an index written by a newer datestone.
	ErrVersion = errors.New("the index has an unknown version")
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
type DB struct{ /* to be written */ }

// Open opens the index in the file path, or makes it. A file that is
// truncated, damaged or no index is renamed aside first, never mapped.
func Open(path string, c Config) (*DB, error) { panic("to be written") }

// SetAside returns the name under which Open set aside what stood at its path,
// and why; empty when there was nothing to set aside.
func (db *DB) SetAside() (name, why string) { panic("to be written") }

// Close closes the file.
func (db *DB) Close() error { panic("to be written") }

// A Root is the identity of a state: equal roots are equal sequences of files.
// The zero Root is the empty state.
type Root layout.Digest

// PutState takes in the files, which must be sorted and have FirstSeen, and
// returns the state's root. Nodes that are there already are not written.
func (db *DB) PutState(files iter.Seq2[layout.File, error]) (Root, error) { panic("to be written") }

// Files returns the files of a state, sorted.
func (db *DB) Files(root Root) iter.Seq2[layout.File, error] { panic("to be written") }

// Find returns one file of a state, or fs.ErrNotExist.
func (db *DB) Find(root Root, path string) (layout.File, error) { panic("to be written") }

// A Change is a path at which two states differ; the side that lacks it is the
// zero File. Files that differ in FirstSeen only are no change.
type Change struct{ Old, New layout.File }

// Diff returns the changes from a to b, sorted by path. It reads only nodes
// that differ.
func (db *DB) Diff(a, b Root) iter.Seq2[Change, error] { panic("to be written") }

// A Repo is what the index knows of a repository beside its states.
type Repo struct {
	// Table is the table up to the last record that was taken in.
	Table layout.Table
	// Newest is the state of the newest checkpoint.
	Newest Root
	// Remote is where and with which validators the newest read state was
	// read; State is that state, which is Newest unless a claim is open.
	Remote layout.Remote
	State  Root
	// Claim is the ID of a claim that this index knows to be open, or none.
	Claim layout.Stamp
}

// Repo returns what is known of a repository, or fs.ErrNotExist.
func (db *DB) Repo(name string) (Repo, error) { panic("to be written") }

// SetRepo remembers r, and that the checkpoint r.Table.Newest() has the state
// r.Newest, whose content stands under its prefix from now on. One write
// transaction; the content that r.Newest adds to the state before it is found
// by Diff.
func (db *DB) SetRepo(name string, r Repo) error { panic("to be written") }

// Checkpoint returns the state of a checkpoint, or fs.ErrNotExist when its
// file list has not been taken in.
func (db *DB) Checkpoint(repository string, id layout.Stamp) (Root, error) { panic("to be written") }

// SetCheckpoint remembers the state of an older checkpoint, and where its
// content stands.
func (db *DB) SetCheckpoint(repository, base string, id layout.Stamp, root Root) error {
	panic("to be written")
}

// Holder returns a key in the bucket at which the content sum stands, or
// fs.ErrNotExist.
func (db *DB) Holder(sum layout.Digest) (key string, err error) { panic("to be written") }

// Remember keeps a small value that has nothing to do with states (what the
// start-up probe of a store found); Recall returns it, or fs.ErrNotExist.
func (db *DB) Remember(name string, value []byte) error { panic("to be written") }

// Recall returns what Remember kept.
func (db *DB) Recall(name string) ([]byte, error) { panic("to be written") }

// Check reads the whole index: bbolt's own check, every value's checksum,
// every tree. It returns all that is wrong, joined.
func (db *DB) Check() error { panic("to be written") }
