package layout

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// A Place is a key at which an object of a checkpoint stands.
type Place struct {
	Key string
	// File is the file that stands there; nil for a page that datestone draws.
	File *File
}

// Places returns all keys of the checkpoint, files and pages, in order of key,
// as a store lists them. What is held in memory is the directories that are
// open.
func (p Plan) Places() iter.Seq2[Place, error] {
	return func(yield func(Place, error) bool) {
		prefix := CheckpointPrefix(p.Base, p.ID)
		pages := pendingPages{waiting: []string{indexPage}}
		for f, err := range p.Files {
			if err != nil {
				yield(Place{}, err)
				return
			}
			pages.open(f.Path)
			for page := range pages.before(f.Path) {
				if !yield(Place{Key: prefix + page}, nil) {
					return
				}
			}
			if !yield(Place{Key: prefix + f.Path, File: &f}, nil) {
				return
			}
		}
		for _, page := range pages.waiting {
			if !yield(Place{Key: prefix + page}, nil) {
				return
			}
		}
	}
}

// pendingPages are the pages of directories that the files have entered, and
// whose place in the order they have not passed yet.
type pendingPages struct {
	dir     string   // of the last file, with a slash at its end
	waiting []string // paths, ascending
}

// open enters the directories that begin with the file.
func (p *pendingPages) open(path string) {
	for i := range len(path) {
		if dir := path[:i+1]; path[i] == '/' && !strings.HasPrefix(p.dir, dir) {
			p.waiting = append(p.waiting, dir+indexPage)
		}
	}
	p.dir = path[:strings.LastIndexByte(path, '/')+1]
	slices.Sort(p.waiting)
}

// before takes out the pages whose place is before the file. One that the
// remote has itself is none of ours.
func (p *pendingPages) before(path string) iter.Seq[string] {
	n, own := slices.BinarySearch(p.waiting, path)
	passed := slices.Clone(p.waiting[:n])
	if own {
		n++
	}
	p.waiting = slices.Delete(p.waiting, 0, n)
	return slices.Values(passed)
}

// PageRows returns the rows of a page, which depend on nothing but what it
// lists: its first pre. The rest of a page depends on the public URL too, and
// on the style of the datestone that drew it.
func PageRows(body []byte) (rows []byte, ok bool) {
	_, rows, ok = bytes.Cut(body, []byte("<pre>"))
	if ok {
		rows, _, ok = bytes.Cut(rows, []byte("</pre>"))
	}
	return rows, ok
}
