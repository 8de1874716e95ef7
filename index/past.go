package index

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// AddCheckpoint remembers the state of a checkpoint that was filled in after
// the one with the state before, and where content stands that it added to
// that one. The work does not grow with the number of checkpoints, nor with how
// far the newest one has come since.
func (db *DB) AddCheckpoint(repository, base string, id layout.Stamp, before, root Root) error {
	err := checkName(repository)
	if err == nil {
		err = db.place(base, id, before, root, false)
	}
	if err == nil {
		err = db.update(func(tx *bolt.Tx) error {
			return put(tx, bucketCheckpoints, rowKey(repository, id), root[:])
		})
	}
	if err != nil {
		return fmt.Errorf("remember checkpoint %s of %q: %w", id, repository, err)
	}
	return nil
}
