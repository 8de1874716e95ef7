package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

const (
	// gatherPlaces is how many places are held in memory at once; more are
	// gathered in several walks, each taking one stretch of digests.
	gatherPlaces = 1 << 19
	// writePlaces is how many are one write transaction. Digests are spread
	// over all pages, so that each place costs a page until the next write
	// takes the pages that were freed. Stretches of a walk lie side by side.
	writePlaces   = 1 << 12
	writeStretch  = 1 << 15
	stretchFilled = 0.9 // of a page
)

// A place is where content stands: a path below a checkpoint's prefix.
type place struct {
	sum  layout.Digest
	path string
}

// Holder returns a key in the bucket at which the content sum stands, or
// fs.ErrNotExist.
func (db *DB) Holder(sum layout.Digest) (key string, err error) {
	err = db.view(func(tx *bolt.Tx) error {
		value, err := get(tx, bucketContent, sum[:])
		if err == nil {
			key, err = placeKey(tx, sum, value)
		}
		return err
	})
	return key, err
}

// placeKey returns the key that a value of bucketContent stands for, or
// fs.ErrNotExist where its checkpoint was forgotten.
func placeKey(tx *bolt.Tx, sum layout.Digest, value []byte) (string, error) {
	number, n := binary.Uvarint(value)
	if n <= 0 || n == len(value) {
		return "", damaged(bucketContent, sum[:], errors.New("is no place"))
	}
	prefix, err := get(tx, bucketPrefixes, numberKey(number))
	if err != nil {
		return "", damaged(bucketContent, sum[:], err)
	}
	if len(prefix) == 0 {
		return "", fmt.Errorf("content %s: %w", sum, fs.ErrNotExist)
	}
	base, id, _ := strings.Cut(string(prefix), "\x00")
	return layout.Key(base, layout.Stamp(id), string(value[n:])), nil
}

// place remembers that what root adds to before stands in the checkpoint id.
// A place that is known already is kept, unless replace is set.
func (db *DB) place(base string, id layout.Stamp, before, root Root, replace bool) error {
	p := placer{db: db, base: base, id: id, before: before, root: root, replace: replace, walks: 1, batch: writePlaces}
	if before != (Root{}) {
		places, full, err := p.gather(0)
		if err != nil || !full {
			return errors.Join(err, p.write(places))
		}
	}
	total, err := db.count(root)
	p.walks, p.batch = int(total)/db.gather+1, writeStretch
	for walk := 0; err == nil && walk < p.walks; walk++ {
		var places []place
		if places, _, err = p.gather(walk); err == nil {
			err = p.write(places)
		}
	}
	return err
}

// A placer remembers the places that one checkpoint adds.
type placer struct {
	db           *DB
	base         string
	id           layout.Stamp
	before, root Root
	replace      bool
	walks        int // so many walks, each for its stretch of digests
	batch        int // places in a transaction
}

// gather returns the places of one walk, sorted by digest. It stops at the
// limit when one walk is to gather all: full says so.
func (p *placer) gather(walk int) (places []place, full bool, err error) {
	for c, err := range p.db.Diff(p.before, p.root) {
		if err != nil {
			return nil, false, err
		}
		sum := c.New.SHA256
		if sum.IsZero() || int(binary.BigEndian.Uint16(sum[:]))*p.walks>>16 != walk {
			continue
		}
		if p.batch == writePlaces && len(places) == p.db.gather {
			return nil, true, nil
		}
		places = append(places, place{sum, c.New.Path})
	}
	slices.SortStableFunc(places, func(a, b place) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	return slices.CompactFunc(places, func(a, b place) bool { return a.sum == b.sum }), false, nil
}

func (p *placer) write(places []place) error {
	for part := range slices.Chunk(places, p.batch) {
		if err := p.db.update(func(tx *bolt.Tx) error { return p.writeBatch(tx, part) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *placer) writeBatch(tx *bolt.Tx, places []place) error {
	number, err := prefixNumber(tx, p.base, p.id)
	if err != nil {
		return err
	}
	content := tx.Bucket(bucketContent)
	if p.batch == writeStretch {
		content.FillPercent = stretchFilled
	}
	for _, pl := range places {
		if !p.replace {
			if known, err := hasPlace(tx, pl.sum); err != nil {
				return err
			} else if known {
				continue
			}
		}
		value := append(binary.AppendUvarint(nil, number), pl.path...)
		if err := put(tx, bucketContent, pl.sum[:], value); err != nil {
			return err
		}
	}
	return nil
}

// prefixNumber returns the number that stands for a checkpoint's prefix, and
// gives it one: prefixes are long, and a million places name the same.
func prefixNumber(tx *bolt.Tx, base string, id layout.Stamp) (uint64, error) {
	name := rowKey(base, id)
	known, err := get(tx, bucketNumbers, name)
	if err == nil {
		return binary.BigEndian.Uint64(known), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	number, err := tx.Bucket(bucketPrefixes).NextSequence()
	if err != nil {
		return 0, err
	}
	if err := put(tx, bucketPrefixes, numberKey(number), name); err != nil {
		return 0, err
	}
	return number, put(tx, bucketNumbers, name, numberKey(number))
}

func numberKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// count returns how many files a state has.
func (db *DB) count(root Root) (uint64, error) {
	if root == (Root{}) {
		return 0, nil
	}
	n, err := db.node(root)
	if err != nil {
		return 0, fmt.Errorf("state %s: %w", root, err)
	}
	total := uint64(len(n.files))
	for _, r := range n.refs {
		total += r.files
	}
	return total, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
