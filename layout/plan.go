package layout

import "iter"

// A Plan is a checkpoint to be: pure knowledge of what goes where. Files may
// be walked several times; each walk is sorted and has FirstSeen.
type Plan struct {
	Base       string
	PublicPath string
	ID         Stamp
	// Source is for the page of the checkpoint, which says how to read it.
	Source Source
	Files  iter.Seq2[File, error]
}

// A Step puts one file in its place.
type Step struct {
	File   File
	Object Object
	// From is the key in the bucket that has these bytes already; empty when
	// they must come from the remote.
	From string
}

// Steps returns a step for each file, in order of path. held says in which key
// a content stands; an empty key means that the bucket lacks it.
func (p Plan) Steps(held func(File) (key string, err error)) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for f, err := range p.Files {
			s := Step{File: f, Object: p.Object(f)}
			if err == nil {
				s.From, err = held(f)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// Object returns the object that file f of the plan becomes.
func (p Plan) Object(f File) Object {
	key := Key(p.Base, p.ID, f.Path)
	return Object{Key: key, Size: f.Size, SHA256: f.SHA256, Header: HeaderFor(Content, key)}
}

// Keys returns all keys of the checkpoint, files and pages: what must stand
// before it is committed, and what goes when its claim is dropped.
func (p Plan) Keys() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for f, err := range p.Files {
			if !yield(Key(p.Base, p.ID, f.Path), err) || err != nil {
				return
			}
		}
		for page, err := range p.Pages() {
			if !yield(page.Key, err) || err != nil {
				return
			}
		}
	}
}
