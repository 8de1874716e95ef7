package reposync

import (
	"fmt"
	"maps"
	"slices"

	"datestone/layout"
)

// Closed holds the files of a state against what its metadata names, which it
// reads once more, by itself: Release → indexes → pool, repomd.xml → data →
// packages, manifest → files. All of it has to be there with its size and
// digest, but for as many packages as the state says are left out.
//
// Read returns no other state: one that lost a file on its way through filters,
// merging and sorting would become a checkpoint that no client can use, and
// that nothing changes any more. Nobody is asked for it; it costs what parsing
// costs.
func (s *State) Closed(r Remote) error {
	c := &closure{state: s, absent: map[uint64]bool{}}
	for _, p := range slices.Sorted(maps.Keys(s.Bodies)) {
		body := s.Bodies[p]
		if err := c.wants("what was read", layout.File{Path: p, Size: int64(len(body)), SHA256: layout.DigestOf(body)}); err != nil {
			return err
		}
	}
	for _, p := range slices.Sorted(maps.Keys(s.Listed)) {
		if err := c.wants("the metadata", layout.File{Path: p, Size: -1}); err != nil {
			return err
		}
	}
	if err := formats[r.Type].closed(r, c); err != nil {
		return err
	}
	return c.count()
}

// A closure is a check of a state on its way.
type closure struct {
	state *State
	// absent are the packages, by their ids, of which a file is not there; first
	// is the error for the first of them.
	absent map[uint64]bool
	first  error
}

// wants is an error unless the state has a file as it is declared at a place,
// where size may be -1 and one of two digests is enough.
func (c *closure) wants(where string, f layout.File) error {
	at, ok := find(c.state.Files, f.Path)
	if !ok {
		return fmt.Errorf("%s names %q, which is not in the file list", where, f.Path)
	}
	g := c.state.Files[at]
	if f.Size >= 0 && f.Size != g.Size || !f.SHA256.IsZero() && f.SHA256 != g.SHA256 || f.Upstream != "" && f.Upstream != g.Upstream {
		return fmt.Errorf("%s names %q with other content than the file list: %s; %s", where, f.Path, claimed(f), claimed(g))
	}
	return nil
}

// wantsPackage is wants for a file that may be left out with its package.
func (c *closure) wantsPackage(where string, id uint64, f layout.File) error {
	err := c.wants(where, f)
	if _, there := find(c.state.Files, f.Path); err == nil || there {
		return err
	}
	if c.first == nil {
		c.first = err
	}
	c.absent[id] = true
	return nil
}

// count wants no more packages absent than are left out.
func (c *closure) count() error {
	out := c.state.Remote.LeftOut
	switch {
	case len(c.absent) == 0:
		return nil
	case out == nil:
		return c.first
	case len(c.absent) > out.Packages:
		return fmt.Errorf("%d packages are not in the file list, and %d are left out; the first: %w", len(c.absent), out.Packages, c.first)
	}
	return nil
}
