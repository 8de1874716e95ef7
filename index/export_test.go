package index

import (
	"github.com/cespare/xxhash/v2"
	bolt "go.etcd.io/bbolt"
)

// NodeReads returns how many nodes of trees were read.
func (db *DB) NodeReads() int64 { return db.reads.Load() }

// Bolt is the door for tests that damage what stands in the file.
func (db *DB) Bolt() *bolt.DB { return db.bolt }

// Put writes a guarded value.
func Put(tx *bolt.Tx, bucket, key, value []byte) error { return put(tx, bucket, key, value) }

// Hash is the hash of a path that says where nodes end.
func Hash(path string) uint64 { return xxhash.Sum64String(path) }

// SetGatherPlaces makes few places take several walks.
func (db *DB) SetGatherPlaces(n int) { db.gather = n }

// Reencode decodes a node and encodes what came out. It returns false where b
// is no node, or one that no file makes.
func Reencode(b []byte) ([]byte, bool) {
	n, err := decodeNode(b)
	if err != nil {
		return nil, false
	}
	w := nodeWriter{level: n.level}
	w.reset()
	for _, f := range n.files {
		if w.addFile(f) != nil {
			return nil, false
		}
	}
	for _, r := range n.refs {
		w.addRef(r)
	}
	return w.buf, true
}
