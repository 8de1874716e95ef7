package index

import bolt "go.etcd.io/bbolt"

// NodeReads returns how many nodes of trees were read.
func (db *DB) NodeReads() int64 { return db.reads.Load() }

// Bolt is the door for tests that damage what stands in the file.
func (db *DB) Bolt() *bolt.DB { return db.bolt }

// Put writes a guarded value.
func Put(tx *bolt.Tx, bucket, key, value []byte) error { return put(tx, bucket, key, value) }
