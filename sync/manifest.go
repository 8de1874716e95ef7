package reposync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"datestone/layout"
	"datestone/sync/pulpmanifest"
)

// manifestFormat is that of "file" remotes: a PULP_MANIFEST, and the files it
// names.
type manifestFormat struct{}

func (manifestFormat) read(ctx context.Context, s source, known layout.Remote) (*State, error) {
	body, v, err := getKnown(ctx, s, s.name, known.Validators, s.maxManifest)
	if err != nil {
		return nil, err
	}
	files, err := pulpmanifest.Files(body, s.name)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", s.Remote, err)
	}
	described := s.Described()
	described.Validators = v
	return &State{
		Files:  insert(files, layout.File{Path: s.name, Size: int64(len(body)), SHA256: layout.DigestOf(body)}),
		Bodies: map[string][]byte{s.name: body},
		Remote: described,
	}, nil
}

func (manifestFormat) moved(ctx context.Context, s source, state *State) (bool, error) {
	_, _, err := getKnown(ctx, s, s.name, state.Remote.Validators, s.maxManifest)
	if errors.Is(err, ErrNotModified) {
		return false, nil
	}
	return err == nil, err
}

func (manifestFormat) closed(_ Remote, c *closure) error {
	for p, body := range c.state.Bodies { // there is one
		files, err := pulpmanifest.Files(body, p)
		if err != nil {
			return fmt.Errorf("manifest %q: %w", p, err)
		}
		for _, f := range files {
			if err := c.wants(p, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func insert(files []layout.File, f layout.File) []layout.File {
	at, _ := find(files, f.Path)
	return slices.Insert(files, at, f)
}
