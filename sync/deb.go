package reposync

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

// debFormat is that of "deb" remotes: suites of an apt repository, their
// indexes, and the packages that those name.
type debFormat struct{}

func (debFormat) read(ctx context.Context, s source, known layout.Remote) (*State, error) {
	if len(known.Validators.Files) > 0 {
		moved, err := filesMoved(ctx, s, known.Validators)
		if err != nil {
			return nil, err
		}
		if !moved {
			return nil, ErrNotModified
		}
	}
	keys, err := s.keyring()
	if err != nil {
		return nil, err
	}
	suites, err := s.suites()
	if err != nil {
		return nil, err
	}
	var d *debReader
	err = inOnePiece(ctx, s, func() (map[string]layout.Validators, error) {
		d = newDebReader(s, keys)
		return d.validators, d.read(ctx, suites)
	})
	if err != nil {
		return nil, err
	}
	return d.state(ctx)
}

func (debFormat) moved(ctx context.Context, s source, state *State) (bool, error) {
	return filesMoved(ctx, s, state.Remote.Validators)
}

// IsByHash recognises a second path of an index of apt, at which it stands by
// its digest.
func IsByHash(path string) bool { return strings.Contains("/"+path, "/by-hash/") }

// elsewhere returns where content of an index stands when its name has other
// content already.
func (debFormat) elsewhere(f layout.File) string {
	return path.Join(path.Dir(f.Path), "by-hash", "SHA256", f.SHA256.String())
}

// state puts together what was read.
func (d *debReader) state(ctx context.Context) (*State, error) {
	files, err := d.pool()
	if err != nil {
		return nil, err
	}
	described := d.Described()
	if described.LeftOut, err = d.leftOut(ctx, d.filter); err != nil {
		return nil, err
	}
	files, err = d.withMetadata(files)
	if err != nil {
		return nil, err
	}
	described.Validators.Files, described.Releases = d.validators, d.releases
	return &State{Files: files, Bodies: d.bodies, Listed: d.listed, Remote: described}, nil
}

// pool returns the files that the indexes name, sorted, each once.
func (d *debReader) pool() ([]layout.File, error) {
	var files []layout.File
	for _, x := range d.indexes {
		files = append(files, x.files...)
	}
	slices.SortFunc(files, byPath)
	for i := 1; i < len(files); i++ {
		if files[i].Path == files[i-1].Path && files[i] != files[i-1] {
			return nil, d.contradiction(files[i].Path)
		}
	}
	return slices.Compact(files), nil
}

// contradiction says which stanzas claim one path with different content. Where
// a file was named is not kept for all of them, but looked up again.
func (d *debReader) contradiction(p string) error {
	type claim struct {
		layout.File
		where string
	}
	var claims []claim
	for _, x := range d.indexes {
		_ = d.parse(x, func(f aptrepo.PoolFile) {
			if f.Path == p && !slices.ContainsFunc(claims, func(c claim) bool { return c.File == f.File }) {
				claims = append(claims, claim{f.File, fmt.Sprintf("%s, stanza %d (%q): %d bytes, SHA-256 %s", x.path, f.Stanza, f.Package, f.Size, f.SHA256)})
			}
		})
	}
	if len(claims) < 2 {
		return fmt.Errorf("path %q is claimed with different content", p)
	}
	return fmt.Errorf("path %q is claimed with different content: %s; %s", p, claims[0].where, claims[1].where)
}

// withMetadata adds the metadata to the files of the pool.
func (d *debReader) withMetadata(pool []layout.File) ([]layout.File, error) {
	if d.clash != "" {
		return nil, fmt.Errorf("path %q is metadata with different content", d.clash)
	}
	var more []layout.File
	for p, f := range d.metadata {
		if at, ok := find(pool, p); ok && pool[at] != f {
			return nil, fmt.Errorf("path %q is claimed by a package, and is metadata", p)
		} else if !ok {
			more = append(more, f)
		}
	}
	all := append(pool, more...)
	slices.SortFunc(all, byPath)
	for _, err := range layout.Sorted(layout.Files(all)) {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func byPath(a, b layout.File) int { return strings.Compare(a.Path, b.Path) }
