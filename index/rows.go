package index

import (
	"bytes"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// readRows returns the checkpoints of a table. There is always a slice, as in
// a table that was folded.
func readRows(tx *bolt.Tx, name string) ([]layout.Checkpoint, error) {
	rows := []layout.Checkpoint{}
	err := eachRow(tx, name, func(id layout.Stamp, key, raw []byte) error {
		value, err := unguard(bucketRows, key, raw)
		if err != nil {
			return err
		}
		c, err := decodeRow(id, value)
		if err != nil {
			return damaged(bucketRows, key, err)
		}
		rows = append(rows, c)
		return nil
	})
	return rows, err
}

func eachRow(tx *bolt.Tx, name string, do func(id layout.Stamp, key, raw []byte) error) error {
	prefix := rowKey(name, "")
	c := tx.Bucket(bucketRows).Cursor()
	for key, raw := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, raw = c.Next() {
		if err := do(layout.Stamp(key[len(prefix):]), key, raw); err != nil {
			return err
		}
	}
	return nil
}

// writeRows makes the rows of a table those given, which ascend by ID. It
// compares before it writes: of 100,000 checkpoints one is new.
func writeRows(tx *bolt.Tx, name string, rows []layout.Checkpoint) error {
	var drop, changed []layout.Checkpoint
	var buf []byte
	err := eachRow(tx, name, func(id layout.Stamp, _, raw []byte) error {
		for len(rows) > 0 && rows[0].ID < id {
			changed, rows = append(changed, rows[0]), rows[1:]
		}
		if len(rows) == 0 || rows[0].ID != id {
			drop = append(drop, layout.Checkpoint{ID: id})
			return nil
		}
		if buf = appendRow(buf[:0], rows[0]); len(raw) < guardSize || !bytes.Equal(raw[guardSize:], buf) {
			changed = append(changed, rows[0])
		}
		rows = rows[1:]
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range drop {
		if err := tx.Bucket(bucketRows).Delete(rowKey(name, c.ID)); err != nil {
			return err
		}
	}
	for _, c := range append(changed, rows...) {
		if err := put(tx, bucketRows, rowKey(name, c.ID), appendRow(nil, c)); err != nil {
			return err
		}
	}
	return nil
}
