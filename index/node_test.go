package index_test

import (
	"bytes"
	"testing"

	bolt "go.etcd.io/bbolt"

	"datestone/index"
)

// FuzzNode: whatever bytes stand for a node, they are refused, or are what is
// written for what was read from them (numbers may have been written longer).
func FuzzNode(f *testing.F) {
	db := fresh(f)
	putState(f, db, series(200, spread(200, 3, 1)))
	err := db.Bolt().View(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("nodes")).ForEach(func(_, v []byte) error {
			f.Add(bytes.Clone(v[8:]))
			return nil
		})
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, ok := index.Reencode(b)
		if !ok {
			return
		}
		if len(once) > len(b) {
			t.Errorf("%x becomes longer: %x", b, once)
		}
		if twice, ok := index.Reencode(once); !ok || !bytes.Equal(once, twice) {
			t.Errorf("%x becomes %x", once, twice)
		}
	})
}
