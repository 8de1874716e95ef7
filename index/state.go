package index

import (
	"bytes"
	"fmt"
	"iter"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// A Root is the identity of a state: equal roots are equal sequences of files.
// The zero Root is the empty state.
type Root layout.Digest

func (r Root) String() string { return layout.Digest(r).String() }

const (
	// leafBits and innerBits say how many bits of the hash of a path must be
	// zero for a node to end there: about 16 files in a leaf, 64 nodes in an
	// inner one.
	leafBits  = 4
	innerBits = 6
	// maxEntries ends a node that no hash ends, so that paths chosen to that
	// end make no huge one.
	maxEntries = 128

	// A look-up of so many nodes is one transaction; so is a write of so many
	// bytes. Pages that one write frees are there for the next, which keeps
	// the file small; fewer writes would wait less often for the disk.
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
	if h := xxhash.Sum64String(f.Path); leaf.count == maxEntries || ends(h, 0) {
		return b.cut(0, h)
	}
	return nil
}

// ends reports whether the hash of a path ends a node of the level. Each level
// asks other bits, as those of the level below are zero.
func ends(hash uint64, level int) bool {
	if level == 0 {
		return hash&(1<<leafBits-1) == 0
	}
	return bits.RotateLeft64(hash, -leafBits-innerBits*(level-1))&(1<<innerBits-1) == 0
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
// may end the next one. An inner node has two entries at least, or a series of
// chosen paths would build levels without end.
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
	if above.count == maxEntries || above.count > 1 && ends(hash, level+1) {
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
		nodes := tx.Bucket(bucketNodes)
		for _, e := range b.looked {
			if raw := nodes.Get(e.root[:]); raw != nil && bytes.Equal(raw[min(guardSize, len(raw)):], e.body) {
				continue
			}
			b.fresh = append(b.fresh, e)
			b.size += len(e.body)
		}
		return nil
	})
	b.looked = b.looked[:0]
	return err
}

// write writes fresh in the order of keys, which touches each page once.
func (b *builder) write() error {
	if len(b.fresh) == 0 {
		return nil
	}
	slices.SortFunc(b.fresh, func(x, y encoded) int { return bytes.Compare(x.root[:], y.root[:]) })
	err := b.db.update(func(tx *bolt.Tx) error {
		for _, e := range b.fresh {
			if err := put(tx, bucketNodes, e.root[:], e.body); err != nil {
				return err
			}
		}
		return nil
	})
	b.fresh, b.size = b.fresh[:0], 0
	return err
}
