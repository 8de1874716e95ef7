package index

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// Check reads the whole index: bbolt's own check, every value's checksum,
// every tree. It returns all that is wrong, joined.
func (db *DB) Check() error {
	if !db.bolt.IsReadOnly() { // bbolt's check wants no writer beside it
		quiet, err := db.bolt.Begin(true)
		if err != nil {
			return err
		}
		defer quiet.Rollback()
	}
	// bbolt's check follows page numbers in a goroutine of its own, where a
	// damaged one would end the process.
	if err := checkPages(db.bolt.Path()); err != nil {
		return fmt.Errorf("index %q: %w: %w", db.bolt.Path(), ErrDamaged, err)
	}
	var wrong []error
	err := db.view(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			wrong = append(wrong, fmt.Errorf("%w: %w", ErrDamaged, err))
		}
		for _, bucket := range buckets {
			wrong = append(wrong, checkBucket(tx, bucket)...)
		}
		return nil
	})
	return errors.Join(append(wrong, err)...)
}

// checkBucket reads all values of a bucket.
func checkBucket(tx *bolt.Tx, bucket []byte) (wrong []error) {
	check := map[string]func(*bolt.Tx, []byte, []byte) error{
		string(bucketNodes):       checkNode,
		string(bucketRoots):       checkNumber,
		string(bucketRepos):       checkRepo,
		string(bucketRows):        checkRow,
		string(bucketCheckpoints): checkCheckpoint,
		string(bucketPrefixes):    checkPrefix,
		string(bucketContent):     checkPlace,
	}[string(bucket)]
	c := tx.Bucket(bucket).Cursor()
	for key, raw := c.First(); key != nil; key, raw = c.Next() {
		value, err := unguard(bucket, key, raw)
		if err == nil && check != nil {
			if err = check(tx, key, value); err != nil {
				err = damaged(bucket, key, err)
			}
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// checkNode asks for every node whether its digest leads to it, and whether
// the nodes below are what it says of them; together that is every tree.
func checkNode(tx *bolt.Tx, key, value []byte) error {
	sum := layout.DigestOf(value)
	number, err := get(tx, bucketRoots, sum[:])
	if err != nil {
		return err
	}
	if string(number) != string(key) {
		return fmt.Errorf("the node %s stands elsewhere too", sum)
	}
	n, err := decodeNode(value)
	if err != nil {
		return err
	}
	last := ""
	for _, r := range n.refs {
		below, err := summary(tx, r.root, n.level-1)
		if err != nil {
			return err
		}
		if below.first <= last {
			return fmt.Errorf("%q below it comes after %q", below.first, last)
		}
		if below.ref != r {
			return fmt.Errorf("says of the node %s what is not so", r.root)
		}
		last = r.last
	}
	return nil
}

// checkNumber asks whether a digest leads to its node.
func checkNumber(tx *bolt.Tx, key, _ []byte) error {
	body, err := getNode(tx, Root(key))
	if sum := layout.DigestOf(body); err == nil && string(sum[:]) != string(key) {
		err = errors.New("leads to another node")
	}
	return err
}

// below is what the node above one must say of it, and its first path. The
// first path of an inner node is that of its first leaf.
type below struct {
	ref
	first string
}

func summary(tx *bolt.Tx, root Root, level int) (s below, err error) {
	value, err := getNode(tx, root)
	if err != nil {
		return s, err
	}
	n, err := decodeNode(value)
	if err != nil {
		return s, err
	}
	if n.level != level {
		return s, fmt.Errorf("the node %s is of level %d instead of %d", root, n.level, level)
	}
	s.root = root
	for _, f := range n.files {
		s.last, s.files, s.bytes = f.Path, s.files+1, s.bytes+uint64(f.Size)
	}
	for _, r := range n.refs {
		s.last, s.files, s.bytes = r.last, s.files+r.files, s.bytes+r.bytes
	}
	if n.level == 0 {
		s.first = n.files[0].Path
		return s, nil
	}
	first, err := summary(tx, n.refs[0].root, level-1)
	s.first = first.first
	return s, err
}

func checkRepo(tx *bolt.Tx, key, _ []byte) error {
	r, err := readRepo(tx, string(key))
	if err != nil {
		return err
	}
	return errors.Join(checkRoot(tx, r.Newest), checkRoot(tx, r.State))
}

func checkRow(_ *bolt.Tx, key, value []byte) error {
	_, id, err := splitRowKey(key)
	if err != nil {
		return err
	}
	_, err = decodeRow(id, value)
	return err
}

func checkCheckpoint(tx *bolt.Tx, key, value []byte) error {
	if _, _, err := splitRowKey(key); err != nil {
		return err
	}
	var root Root
	if copy(root[:], value) != len(value) {
		return errors.New("is no root")
	}
	return checkRoot(tx, root)
}

// checkRoot asks whether a state is there; what it is made of, checkNode asks.
func checkRoot(tx *bolt.Tx, root Root) error {
	if root == (Root{}) {
		return nil
	}
	_, err := getNode(tx, root)
	return err
}

// checkPrefix asks whether a prefix is a checkpoint's, and leads back. That of
// a checkpoint that was forgotten is empty.
func checkPrefix(tx *bolt.Tx, key, value []byte) error {
	if len(value) == 0 {
		return nil
	}
	if _, _, err := splitRowKey(value); err != nil {
		return err
	}
	number, err := get(tx, bucketNumbers, value)
	if err == nil && string(number) != string(key) {
		err = fmt.Errorf("the prefix %q has another number", keyText(value))
	}
	return err
}

func checkPlace(tx *bolt.Tx, key, value []byte) error {
	_, err := placeKey(tx, layout.Digest(key), value)
	return ignoreMissing(err)
}

func splitRowKey(key []byte) (string, layout.Stamp, error) {
	for i, c := range key {
		if c == 0 {
			id, err := layout.ParseStamp(string(key[i+1:]))
			return string(key[:i]), id, err
		}
	}
	return "", "", errors.New("key has no ID")
}
