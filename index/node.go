package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"datestone/layout"
)

// errNode is a node that can't be read. What a node is made of:
//
//	node  = level, entry…           level 0 is a leaf
//	entry = shared, length, suffix  of the path, against the entry before
//	        size, SHA-256, first seen, length, upstream digest     in a leaf
//	        SHA-256, files, bytes                                  elsewhere
//
// Numbers are varints; "first seen" is in seconds, against the entry before.
var errNode = errors.New("is not a node of a state")

// A ref is an entry of an inner node: a node, the last path below it, and how
// many files and bytes are below it.
type ref struct {
	last  string
	root  Root
	files uint64
	bytes uint64
}

// A node is a decoded one; either files or refs is set.
type node struct {
	level int
	files []layout.File
	refs  []ref
}

// A nodeWriter encodes one node after the other.
type nodeWriter struct {
	level int
	buf   []byte
	count int // entries
	sum   ref // last, files and bytes of what is in the buffer
	seen  int64
	stamp layout.Stamp
}

func (w *nodeWriter) reset() {
	*w = nodeWriter{level: w.level, buf: append(w.buf[:0], byte(w.level))}
}

func (w *nodeWriter) addFile(f layout.File) error {
	seen := w.seen
	if f.FirstSeen != w.stamp || w.stamp == "" {
		if _, err := layout.ParseStamp(string(f.FirstSeen)); err != nil {
			return fmt.Errorf("first seen of %q: %w", f.Path, err)
		}
		seen = f.FirstSeen.Time().Unix()
	}
	w.addPath(f.Path)
	w.buf = binary.AppendUvarint(w.buf, uint64(f.Size))
	w.buf = append(w.buf, f.SHA256[:]...)
	w.buf = binary.AppendVarint(w.buf, seen-w.seen)
	w.buf = binary.AppendUvarint(w.buf, uint64(len(f.Upstream)))
	w.buf = append(w.buf, f.Upstream...)
	w.seen, w.stamp = seen, f.FirstSeen
	w.sum.files++
	w.sum.bytes += uint64(f.Size)
	return nil
}

func (w *nodeWriter) addRef(r ref) {
	w.addPath(r.last)
	w.buf = append(w.buf, r.root[:]...)
	w.buf = binary.AppendUvarint(w.buf, r.files)
	w.buf = binary.AppendUvarint(w.buf, r.bytes)
	w.sum.files += r.files
	w.sum.bytes += r.bytes
}

func (w *nodeWriter) addPath(p string) {
	n := 0
	for n < len(p) && n < len(w.sum.last) && p[n] == w.sum.last[n] {
		n++
	}
	w.buf = binary.AppendUvarint(w.buf, uint64(n))
	w.buf = binary.AppendUvarint(w.buf, uint64(len(p)-n))
	w.buf = append(w.buf, p[n:]...)
	w.sum.last = p
	w.count++
}

// decodeNode reads what a nodeWriter wrote. Nothing of it refers to b.
func decodeNode(b []byte) (node, error) {
	if len(b) < 2 {
		return node{}, errNode
	}
	n := node{level: int(b[0])}
	r := nodeReader{b: b[1:]}
	var last string
	for len(r.b) > 0 && !r.bad {
		p := r.path(last)
		if p <= last {
			return node{}, fmt.Errorf("%w: %q comes after %q", errNode, p, last)
		}
		last = p
		if n.level == 0 {
			n.files = append(n.files, r.file(p))
		} else {
			n.refs = append(n.refs, ref{last: p, root: Root(r.digest()), files: r.number(), bytes: r.number()})
		}
	}
	if r.bad {
		return node{}, errNode
	}
	return n, nil
}

// A nodeReader takes a node apart; bad is set when it ends too early.
type nodeReader struct {
	b     []byte
	bad   bool
	name  []byte // the last path
	seen  int64
	stamp layout.Stamp
}

func (r *nodeReader) path(last string) string {
	shared, length := r.number(), r.number()
	if shared > uint64(len(last)) {
		r.bad = true
		return ""
	}
	r.name = append(append(r.name[:0], last[:shared]...), r.take(length)...)
	return string(r.name)
}

func (r *nodeReader) file(path string) layout.File {
	f := layout.File{Path: path, Size: int64(r.number()), SHA256: r.digest()}
	delta, n := binary.Varint(r.b)
	r.skip(n)
	if delta != 0 || r.stamp == "" {
		r.seen += delta
		r.stamp = layout.StampOf(time.Unix(r.seen, 0))
	}
	f.FirstSeen = r.stamp
	f.Upstream = string(r.take(r.number()))
	return f
}

func (r *nodeReader) digest() (d layout.Digest) {
	copy(d[:], r.take(uint64(len(d))))
	return d
}

func (r *nodeReader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

// skip drops the n bytes of a varint; n <= 0 is what package binary says of
// one that is broken.
func (r *nodeReader) skip(n int) {
	if n <= 0 {
		r.bad, n = true, 0
	}
	r.b = r.b[n:]
}

func (r *nodeReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, n = true, 0
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}
