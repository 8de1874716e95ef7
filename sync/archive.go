package reposync

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

// archive adds the keyring to the state that it verified: years later it may be
// nowhere else. It is the one file of a checkpoint that is not upstream's.
func (s source) archive(state *State) error {
	if s.Keyring == "" {
		return nil
	}
	at, taken := find(state.Files, layout.KeyringPath)
	if taken {
		return fmt.Errorf("path %q: is where datestone keeps the keyring, and the remote has a file there", layout.KeyringPath)
	}
	keys, err := s.armoredKeyring()
	if err != nil {
		return err
	}
	f := layout.File{Path: layout.KeyringPath, Size: int64(len(keys)), SHA256: layout.DigestOf(keys)}
	state.Files = slices.Insert(state.Files, at, f)
	state.Bodies[f.Path] = keys
	state.Remote.Keyring = f.Path
	return nil
}

func (r Remote) armoredKeyring() ([]byte, error) {
	b, err := r.keyringBytes()
	if err == nil {
		b, err = aptrepo.Armored(b)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring %q: %w", r.Keyring, err)
	}
	return b, nil
}

// openKeyring opens the file that archive added, for a run that finishes what
// another one began.
func (s source) openKeyring(ctx context.Context, f layout.File) (*content, error) {
	keys, err := s.armoredKeyring()
	if err != nil {
		return nil, err
	}
	if layout.DigestOf(keys) != f.SHA256 {
		return nil, fmt.Errorf("keyring %q: is another than when the remote was read: %w", s.Keyring, ErrMoved)
	}
	return &content{ctx: ctx, file: f, body: io.NopCloser(bytes.NewReader(keys)), resume: noResume}, nil
}
