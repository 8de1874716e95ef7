package reposync

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"

	"datestone/layout"
	"datestone/sync/pulpmanifest"
)

// Additive returns the state to publish in additive mode: the files of s, and
// of before, the newest state published, what s no longer has. Upstream's
// manifest, which no longer is right, gives way to one made here, sorted, at
// manifestPath.
//
// A file of before that is now a directory of s, or lies below what now is a
// file, has been replaced and goes. Both sequences are sorted; s is not
// changed.
func Additive(before iter.Seq2[layout.File, error], s *State, manifestPath string) (*State, error) {
	if _, err := layout.CleanPath(manifestPath); err != nil {
		return nil, err
	}
	upstream := make([]layout.File, 0, len(s.Files))
	for _, f := range s.Files {
		if _, metadata := s.Bodies[f.Path]; metadata {
			continue
		}
		if overlap(f.Path, manifestPath) {
			return nil, fmt.Errorf("path %q stands in the way of the manifest %q", f.Path, manifestPath)
		}
		upstream = append(upstream, f)
	}
	files, err := keepGone(before, upstream, manifestPath)
	if err != nil {
		return nil, err
	}
	var manifest bytes.Buffer
	if err := pulpmanifest.Write(&manifest, layout.Files(files)); err != nil {
		return nil, err
	}
	own := layout.File{Path: manifestPath, Size: int64(manifest.Len()), SHA256: layout.DigestOf(manifest.Bytes())}
	return &State{Files: insert(files, own), Bodies: map[string][]byte{manifestPath: manifest.Bytes()}, Remote: s.Remote}, nil
}

// keepGone merges what of before still can stand into the files of upstream.
func keepGone(before iter.Seq2[layout.File, error], upstream []layout.File, manifestPath string) ([]layout.File, error) {
	files := make([]layout.File, 0, len(upstream)+1)
	rest := upstream
	for old, err := range layout.Sorted(before) {
		if err != nil {
			return nil, err
		}
		for len(rest) > 0 && rest[0].Path <= old.Path {
			files, rest = append(files, rest[0]), rest[1:]
		}
		if len(files) > 0 && files[len(files)-1].Path == old.Path {
			continue
		}
		if !overlap(old.Path, manifestPath) && !replaced(old.Path, upstream) {
			old.FirstSeen = ""
			files = append(files, old)
		}
	}
	return append(files, rest...), nil
}

// replaced reports whether one of files, which are sorted, is the directory of
// p, or has p as its directory.
func replaced(p string, files []layout.File) bool {
	for i := range len(p) {
		if p[i] == '/' && has(files, p[:i]) {
			return true
		}
	}
	at, _ := find(files, p+"/")
	return at < len(files) && strings.HasPrefix(files[at].Path, p+"/")
}

func has(files []layout.File, p string) bool {
	_, ok := find(files, p)
	return ok
}

func find(files []layout.File, p string) (int, bool) {
	return slices.BinarySearchFunc(files, p, func(f layout.File, p string) int { return strings.Compare(f.Path, p) })
}

// overlap reports whether a is b, or one the other's directory.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}
