package index

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// Forget forgets the checkpoints ids, which were pruned: their states, and that
// content stands in them. What the next checkpoint that t still has added to
// the one before it is known to stand there from now on. To forget what is not
// known does nothing.
func (db *DB) Forget(t layout.Table, ids []layout.Stamp) error {
	var live int
	err := db.update(func(tx *bolt.Tx) (err error) {
		live, err = forget(tx, t, ids)
		return err
	})
	if err == nil && live > 0 {
		err = db.moveIn(t, ids)
	}
	if err != nil {
		return fmt.Errorf("forget %d checkpoints of %q: %w", len(ids), t.Repository, err)
	}
	return nil
}

// forget empties the prefixes of the checkpoints, so that all places in them
// are none, and returns how many there were.
func forget(tx *bolt.Tx, t layout.Table, ids []layout.Stamp) (live int, err error) {
	for _, id := range ids {
		if err := tx.Bucket(bucketCheckpoints).Delete(rowKey(t.Repository, id)); err != nil {
			return live, err
		}
		name := rowKey(t.BasePath, id)
		number, err := get(tx, bucketNumbers, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = put(tx, bucketPrefixes, slices.Clone(number), nil)
		}
		if err == nil {
			err = tx.Bucket(bucketNumbers).Delete(name)
		}
		if err != nil {
			return live, err
		}
		live++
	}
	return live, nil
}

// moveIn looks for content that stood in the checkpoints ids in those of t that
// follow them.
func (db *DB) moveIn(t layout.Table, ids []layout.Stamp) error {
	last := -1
	for _, id := range ids {
		at, _ := t.Find(id)
		if at == last || at == len(t.Checkpoints) {
			continue
		}
		last = at
		next := t.Checkpoints[at].ID
		root, err := db.Checkpoint(t.Repository, next)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its file list was never taken in
		}
		var before Root
		if err == nil && at > 0 {
			before, err = db.Checkpoint(t.Repository, t.Checkpoints[at-1].ID)
			err = ignoreMissing(err)
		}
		if err == nil {
			err = db.place(t.BasePath, next, before, root, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasPlace reports whether content is known to stand somewhere.
func hasPlace(tx *bolt.Tx, sum layout.Digest) (bool, error) {
	value, err := get(tx, bucketContent, sum[:])
	if err == nil {
		_, err = placeKey(tx, sum, value)
	}
	return err == nil, ignoreMissing(err)
}
