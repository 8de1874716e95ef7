package layout

import (
	"fmt"
	"iter"
	"strings"
)

// A File is one file of a state.
type File struct {
	Path   string // canonical, see CleanPath
	Size   int64  // bytes
	SHA256 Digest
	// Upstream is the digest that the remote itself declares, where that is
	// another one: "sha512:<hex>". Empty where it is the SHA-256.
	Upstream string
	// FirstSeen is the checkpoint since which this path has had this content
	// without a gap, of those that there were when it was decided; none before.
	FirstSeen Stamp
}

// SameContent reports whether a and b are the same bytes at the same path.
// When they were first seen is not compared.
func (f File) SameContent(g File) bool {
	return f.Path == g.Path && f.Size == g.Size && f.SHA256 == g.SHA256 && f.Upstream == g.Upstream
}

// Sorted passes files through and ends with an error when they are not
// strictly ascending by path, when a path is not canonical, or when one file
// would be the directory of another.
func Sorted(files iter.Seq2[File, error]) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		var order orderCheck
		for f, err := range files {
			if err == nil {
				err = order.next(f.Path)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// orderCheck holds the last path, and the stack of earlier files whose names
// begin it: only those can turn out to be directories of what follows.
type orderCheck struct {
	last  string
	above []string
}

func (o *orderCheck) next(p string) error {
	if _, err := CleanPath(p); err != nil {
		return err
	}
	switch {
	case p == o.last:
		return fmt.Errorf("path %q is there twice", p)
	case p < o.last:
		return fmt.Errorf("path %q comes after %q: not sorted", p, o.last)
	}
	for n := len(o.above); n > 0 && !strings.HasPrefix(p, o.above[n-1]); n = len(o.above) {
		o.above = o.above[:n-1]
	}
	for _, a := range o.above {
		if p[len(a)] == '/' {
			return fmt.Errorf("path %q is a file, and a directory of %q", a, p)
		}
	}
	o.above = append(o.above, p)
	o.last = p
	return nil
}

// FirstSeen gives each file of a new state the stamp since which it has been
// there: that of the same content at the same path in the state before, else
// id. Both sequences are sorted.
func FirstSeen(before, files iter.Seq2[File, error], id Stamp) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		next, stop := iter.Pull2(before)
		defer stop()
		old, err, ok := next()
		for f, ferr := range files {
			for ok && err == nil && ferr == nil && old.Path < f.Path {
				old, err, ok = next()
			}
			if ferr == nil && err != nil {
				ferr = err
			}
			f.FirstSeen = id
			if ok && old.SameContent(f) {
				f.FirstSeen = old.FirstSeen
			}
			if !yield(f, ferr) || ferr != nil {
				return
			}
		}
	}
}

// Same reports whether two sorted sequences are the same state: the same
// content at the same paths. When it was first seen is not compared.
func Same(a, b iter.Seq2[File, error]) (bool, error) {
	next, stop := iter.Pull2(b)
	defer stop()
	for f, err := range a {
		if err != nil {
			return false, err
		}
		g, err, ok := next()
		if err != nil {
			return false, err
		}
		if !ok || !f.SameContent(g) {
			return false, nil
		}
	}
	_, err, more := next()
	return !more, err
}

// Files returns a sequence of what is in memory.
func Files(files []File) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		for _, f := range files {
			if !yield(f, nil) {
				return
			}
		}
	}
}
