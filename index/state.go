package index

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// A Root is the identity of a state: equal roots are equal sequences of files.
// The zero Root is the empty state.
type Root layout.Digest

func (r Root) String() string { return layout.Digest(r).String() }

const (
	// A node ends where so many bits of the hash of a path are zero, but has
	// so many entries at least, which makes nodes of like size: about 16 files
	// in a leaf, 48 nodes in an inner one. Large nodes cost most, as they are
	// the likeliest to have a change.
	leafBits, leafLeast   = 3, 8
	innerBits, innerLeast = 5, 16
	// maxEntries ends a node that no hash ends, so that paths chosen to that
	// end make no huge one.
	maxEntries = 128

	// A look-up of so many nodes is one transaction; so is a write of so many
	// bytes.
	lookupNodes = 1 << 10
	writeBytes  = 4 << 20
)

// PutState takes in the files, which must be sorted and have FirstSeen, and
// returns the state's root. Nodes that are there already are not written.
func (db *DB) PutState(files iter.Seq2[layout.File, error]) (Root, error) {
	b := builder{db: db}
	for f, err := range files {
		if err != nil {
			return Root{}, err
		}
		if err := b.add(f); err != nil {
			return Root{}, fmt.Errorf("take a state into the index: %w", err)
		}
	}
	root, err := b.finish()
	if err != nil {
		return Root{}, fmt.Errorf("take a state into the index: %w", err)
	}
	return root, nil
}

// A builder cuts sorted files into nodes. Where it cuts depends on nothing
// but the paths since the last cut of the level.
type builder struct {
	db     *DB
	last   string        // path
	levels []*nodeWriter // from the leaves up
	looked []encoded     // not looked up yet
	fresh  []encoded     // not written yet
	size   int           // of fresh, in bytes
}

type encoded struct {
	root Root
	body []byte
}

func (b *builder) add(f layout.File) error {
	leaf := b.level(0)
	switch {
	case f.Path == "" || f.Size < 0:
		return fmt.Errorf("file %q of %d bytes", f.Path, f.Size)
	case f.Path <= b.last:
		return fmt.Errorf("path %q comes after %q: not sorted", f.Path, b.last)
	}
	if err := leaf.addFile(f); err != nil {
		return err
	}
	b.last = f.Path
	if h := xxhash.Sum64String(f.Path); ends(leaf, h) {
		return b.cut(0, h)
	}
	return nil
}

// ends reports whether a node ends after its last entry, whose path has the
// hash given. Each level asks other bits, as those of the level below are zero.
func ends(w *nodeWriter, hash uint64) bool {
	switch {
	case w.count == maxEntries:
		return true
	case w.level == 0:
		return w.count >= leafLeast && hash&(1<<leafBits-1) == 0
	}
	hash = bits.RotateLeft64(hash, -leafBits-innerBits*(w.level-1))
	return w.count >= innerLeast && hash&(1<<innerBits-1) == 0
}

func (b *builder) level(n int) *nodeWriter {
	if n == len(b.levels) {
		w := &nodeWriter{level: n}
		w.reset()
		b.levels = append(b.levels, w)
	}
	return b.levels[n]
}

// cut ends the node of a level, and enters it into the level above, where it
// may end the next one.
func (b *builder) cut(level int, hash uint64) error {
	w := b.level(level)
	r := w.sum
	body := bytes.Clone(w.buf)
	r.root = Root(layout.DigestOf(body))
	w.reset()
	if err := b.keep(encoded{r.root, body}); err != nil {
		return err
	}
	above := b.level(level + 1)
	above.addRef(r)
	if ends(above, hash) {
		return b.cut(level+1, hash)
	}
	return nil
}

// finish ends what is open, upwards, until one node is above all.
func (b *builder) finish() (Root, error) {
	for level := 0; level < len(b.levels); level++ {
		w := b.levels[level]
		top := level == len(b.levels)-1
		switch {
		case w.count == 0:
			continue
		case top && level > 0 && w.count == 1:
			return b.onlyChild(w), b.flush()
		}
		if err := b.cut(level, xxhash.Sum64String(w.sum.last)); err != nil {
			return Root{}, err
		}
	}
	return Root{}, b.flush()
}

// onlyChild returns the node that the one entry of w names.
func (b *builder) onlyChild(w *nodeWriter) Root {
	n, _ := decodeNode(w.buf)
	return n.refs[0].root
}

func (b *builder) flush() error {
	if err := b.lookUp(); err != nil {
		return err
	}
	return b.write()
}

// keep takes a node. Nodes are written after those below them, so that what a
// node names is always there, wherever a run is killed.
func (b *builder) keep(e encoded) error {
	if b.looked = append(b.looked, e); len(b.looked) < lookupNodes {
		return nil
	}
	if err := b.lookUp(); err != nil || b.size < writeBytes {
		return err
	}
	return b.write()
}

// lookUp moves the nodes that the index lacks to fresh.
func (b *builder) lookUp() error {
	err := b.db.view(func(tx *bolt.Tx) error {
		numbers := tx.Bucket(bucketRoots)
		for _, e := range b.looked {
			if numbers.Get(e.root[:]) == nil {
				b.fresh = append(b.fresh, e)
				b.size += len(e.body)
			}
		}
		return nil
	})
	b.looked = b.looked[:0]
	return err
}

// write writes fresh. Nodes stand in the file in the order they were made, not
// in that of their digests: each digest would fall on a page of its own, and
// bbolt writes a page anew for every entry that is added to it.
func (b *builder) write() error {
	if len(b.fresh) == 0 {
		return nil
	}
	err := b.db.update(func(tx *bolt.Tx) error {
		tx.Bucket(bucketNodes).FillPercent = 1
		for _, e := range b.fresh {
			if err := putNode(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	b.fresh, b.size = b.fresh[:0], 0
	return err
}

func putNode(tx *bolt.Tx, e encoded) error {
	if tx.Bucket(bucketRoots).Get(e.root[:]) != nil {
		return nil
	}
	number, err := tx.Bucket(bucketNodes).NextSequence()
	if err != nil {
		return err
	}
	if err := put(tx, bucketNodes, numberKey(number), e.body); err != nil {
		return err
	}
	return put(tx, bucketRoots, e.root[:], numberKey(number))
}

// getNode returns an encoded node, which is valid until tx ends. One that is
// missing is a damage, as roots come from what the index itself said.
func getNode(tx *bolt.Tx, root Root) ([]byte, error) {
	number, err := get(tx, bucketRoots, root[:])
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(bucketRoots, root[:], errors.New("is missing"))
	}
	if err != nil {
		return nil, err
	}
	body, err := get(tx, bucketNodes, number)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged(bucketNodes, number, errors.New("is missing"))
	}
	return body, err
}
