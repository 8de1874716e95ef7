package index

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sort"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// Files returns the files of a state, sorted.
func (db *DB) Files(root Root) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		c, err := db.cursor(root)
		for ; err == nil && !c.done(); err = c.step() {
			if c.level() < 0 && !yield(*c.file(), nil) {
				return
			}
		}
		if err != nil {
			yield(layout.File{}, err)
		}
	}
}

// Find returns one file of a state, or fs.ErrNotExist.
func (db *DB) Find(root Root, path string) (layout.File, error) {
	for root != (Root{}) {
		n, err := db.node(root)
		if err != nil {
			return layout.File{}, err
		}
		if n.level == 0 {
			i := sort.Search(len(n.files), func(i int) bool { return n.files[i].Path >= path })
			if i < len(n.files) && n.files[i].Path == path {
				return n.files[i], nil
			}
			break
		}
		i := sort.Search(len(n.refs), func(i int) bool { return n.refs[i].last >= path })
		if i == len(n.refs) {
			break
		}
		root = n.refs[i].root
	}
	return layout.File{}, fmt.Errorf("file %q: %w", path, fs.ErrNotExist)
}

// A Change is a path at which two states differ; the side that lacks it is the
// zero File. Files that differ in FirstSeen only are no change.
type Change struct{ Old, New layout.File }

// Diff returns the changes from a to b, sorted by path. It reads only nodes
// that differ.
func (db *DB) Diff(a, b Root) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if a == b {
			return
		}
		d, err := db.newDiffer(a, b)
		for err == nil && !(d.old.done() && d.new.done()) {
			var c Change
			if c, err = d.next(); err == nil && c != (Change{}) && !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(Change{}, err)
		}
	}
}

// A differ walks two trees at once.
type differ struct{ old, new *cursor }

func (db *DB) newDiffer(a, b Root) (d differ, err error) {
	if d.old, err = db.cursor(a); err != nil {
		return d, err
	}
	d.new, err = db.cursor(b)
	return d, err
}

// next moves at least one of the cursors, and returns the change that it
// passed, if any. Subtrees that are the same on both sides are passed over.
func (d differ) next() (c Change, err error) {
	switch {
	case d.new.done() || !d.old.done() && d.old.last() <= d.new.passed:
		return d.alone(d.old, func(f layout.File) Change { return Change{Old: f} })
	case d.old.done() || d.new.last() <= d.old.passed:
		return d.alone(d.new, func(f layout.File) Change { return Change{New: f} })
	case d.old.level() > d.new.level():
		return c, d.old.step()
	case d.new.level() > d.old.level():
		return c, d.new.step()
	case d.old.level() < 0:
		return d.compare()
	case d.old.root() == d.new.root():
		d.old.pass()
		d.new.pass()
		return c, nil
	}
	return c, errors.Join(d.old.step(), d.new.step())
}

// alone steps over what has no counterpart on the other side.
func (d differ) alone(side *cursor, change func(layout.File) Change) (c Change, err error) {
	if side.level() < 0 {
		c = change(*side.file())
	}
	return c, side.step()
}

// compare steps over the smaller of two files, or over both.
func (d differ) compare() (c Change, err error) {
	old, fresh := d.old.file(), d.new.file()
	if old.Path <= fresh.Path {
		c.Old = *old
		d.old.pass()
	}
	if fresh.Path <= old.Path {
		c.New = *fresh
		d.new.pass()
	}
	if c.Old.SameContent(c.New) {
		return Change{}, nil
	}
	return c, nil
}

// A cursor stands before an element of a tree: a file, or a node with all that
// is below it.
type cursor struct {
	db     *DB
	frames []frame // from the root down
	passed string  // the last path that lies behind
}

type frame struct {
	node
	at int
}

func (f *frame) size() int { return len(f.files) + len(f.refs) }

// cursor returns one that stands before the whole tree.
func (db *DB) cursor(root Root) (*cursor, error) {
	c := &cursor{db: db}
	if root == (Root{}) {
		return c, nil
	}
	n, err := db.node(root)
	if err != nil {
		return nil, err
	}
	c.frames = append(c.frames, frame{node: n})
	return c, nil
}

func (c *cursor) done() bool { return len(c.frames) == 0 }

func (c *cursor) top() *frame { return &c.frames[len(c.frames)-1] }

// level is that of the element: -1 for a file.
func (c *cursor) level() int { return c.top().level - 1 }

func (c *cursor) file() *layout.File { return &c.top().files[c.top().at] }

func (c *cursor) root() Root { return c.top().refs[c.top().at].root }

// last is the last path of the element.
func (c *cursor) last() string {
	if c.level() < 0 {
		return c.file().Path
	}
	return c.top().refs[c.top().at].last
}

// pass goes on to the element after this one.
func (c *cursor) pass() {
	c.passed = c.last()
	for c.top().at++; c.top().at == c.top().size(); c.top().at++ {
		if c.frames = c.frames[:len(c.frames)-1]; c.done() {
			return
		}
	}
}

// step goes down into a node, and past a file.
func (c *cursor) step() error {
	if c.level() < 0 {
		c.pass()
		return nil
	}
	n, err := c.db.node(c.root())
	if err != nil {
		return err
	}
	if n.level != c.level() {
		return damaged(bucketRoots, c.top().refs[c.top().at].root[:], errNode)
	}
	c.frames = append(c.frames, frame{node: n})
	return nil
}

// node reads a node in a transaction of its own.
func (db *DB) node(root Root) (n node, err error) {
	db.reads.Add(1)
	err = db.view(func(tx *bolt.Tx) error {
		b, err := getNode(tx, root)
		if err != nil {
			return err
		}
		if n, err = decodeNode(b); err != nil {
			return damaged(bucketRoots, root[:], err)
		}
		return nil
	})
	return n, err
}
