package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"

	"github.com/cespare/xxhash/v2"
	bolt "go.etcd.io/bbolt"
)

// The buckets of the file, and what their keys and values are.
var (
	bucketMeta        = []byte("meta")         // "schema", "bucket" → text
	bucketNodes       = []byte("nodes")        // number → a node
	bucketRoots       = []byte("roots")        // SHA-256 of a node → its number
	bucketRepos       = []byte("repositories") // name → repoValue
	bucketRows        = []byte("tables")       // name, NUL, ID → a row of the table
	bucketCheckpoints = []byte("checkpoints")  // name, NUL, ID → root
	bucketPrefixes    = []byte("prefixes")     // number → base path, NUL, ID; empty once forgotten
	bucketNumbers     = []byte("numbers")      // base path, NUL, ID → number
	bucketContent     = []byte("content")      // SHA-256 of content → number of a prefix, path
	bucketMemory      = []byte("memory")       // name → what Remember was given

	buckets = [][]byte{bucketMeta, bucketNodes, bucketRoots, bucketRepos, bucketRows, bucketCheckpoints,
		bucketPrefixes, bucketNumbers, bucketContent, bucketMemory}
)

// guardSize is the length of the XXH64 that stands before every value.
const guardSize = 8

// guard covers bucket and key as well, so that a value found in the wrong
// place is noticed like one that changed.
func guard(bucket, key, value []byte) uint64 {
	var h xxhash.Digest
	h.Reset()
	h.Write(bucket)
	h.Write(key)
	h.Write(value)
	return h.Sum64()
}

// put writes a guarded value.
func put(tx *bolt.Tx, bucket, key, value []byte) error {
	b := make([]byte, guardSize, guardSize+len(value))
	binary.LittleEndian.PutUint64(b, guard(bucket, key, value))
	return tx.Bucket(bucket).Put(key, append(b, value...))
}

// get returns a value, which is valid until tx ends, or fs.ErrNotExist.
func get(tx *bolt.Tx, bucket, key []byte) ([]byte, error) {
	raw := tx.Bucket(bucket).Get(key)
	if raw == nil {
		return nil, fmt.Errorf("index bucket %q, key %q: %w", bucket, keyText(key), fs.ErrNotExist)
	}
	return unguard(bucket, key, raw)
}

func unguard(bucket, key, raw []byte) ([]byte, error) {
	if len(raw) < guardSize || binary.LittleEndian.Uint64(raw) != guard(bucket, key, raw[guardSize:]) {
		return nil, damaged(bucket, key, errors.New("value does not match its checksum"))
	}
	return raw[guardSize:], nil
}

// damaged names the place of a damage. It does not wrap err: a value that is
// missing where another names it is no fs.ErrNotExist to the caller.
func damaged(bucket, key []byte, err error) error {
	return fmt.Errorf("%w: bucket %q, key %q: %v", ErrDamaged, bucket, keyText(key), err)
}

// keyText is a key as errors show it: text, or hexadecimal digits.
func keyText(key []byte) string {
	for _, c := range key {
		if c >= 0x7f || c < ' ' && c != 0 {
			return fmt.Sprintf("%x", key)
		}
	}
	return string(key)
}

// view runs read in a transaction of its own.
func (db *DB) view(read func(*bolt.Tx) error) error {
	return db.safely(func() error { return db.bolt.View(read) })
}

// update runs write in a transaction of its own.
func (db *DB) update(write func(*bolt.Tx) error) error {
	return db.safely(func() error { return db.bolt.Update(write) })
}

func (db *DB) safely(do func() error) error {
	if err := recoverDamage(do); err != nil {
		return fmt.Errorf("index %q: %w", db.bolt.Path(), err)
	}
	return nil
}

// recoverDamage makes errors of bbolt's panics: its pages have no checksums,
// and it follows what a damaged one says, outside of the mapped file too.
func recoverDamage(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return do()
}
