package reposync

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

// rpmFormat is that of "rpm" remotes: repodata/repomd.xml, the metadata it
// names, the packages that those name, and treeinfo with its images.
type rpmFormat struct{}

const (
	typeRPM         = "rpm"
	repomdPath      = "repodata/repomd.xml"
	repomdSignature = repomdPath + ".asc"
	repomdKey       = repomdPath + ".key"
	// maxRepomd is above what any repository has by a factor of a thousand.
	maxRepomd = 10 << 20
)

// treeinfos are the names of treeinfo; a tree may have both.
var treeinfos = []string{".treeinfo", "treeinfo"}

func (rpmFormat) read(ctx context.Context, s source, known layout.Remote) (*State, error) {
	if len(known.Validators.Files) > 0 {
		moved, err := filesMoved(ctx, s, known.Validators)
		if err == nil && !moved {
			err = unmoved(ctx, s)
		}
		if err != nil {
			return nil, err
		}
	}
	var r *rpmReader
	err := inOnePiece(ctx, s, func() (map[string]layout.Validators, error) {
		r = newRPMReader(s)
		return r.validators, r.read(ctx)
	})
	if err != nil {
		return nil, err
	}
	return r.state(), nil
}

// unmoved returns ErrNotModified, unless a metalink knows that the mirror lags
// behind.
func unmoved(ctx context.Context, s source) error {
	if len(s.entry) > 0 {
		if _, err := newRPMReader(s).repomd(ctx); err != nil {
			return err
		}
	}
	return ErrNotModified
}

func (rpmFormat) moved(ctx context.Context, s source, state *State) (bool, error) {
	return filesMoved(ctx, s, state.Remote.Validators)
}

// An rpmReader reads the metadata once.
type rpmReader struct {
	source
	files      []layout.File // of which some have no SHA-256 before complete
	bodies     map[string][]byte
	listed     map[string]bool              // paths of metadata that is not in bodies
	validators map[string]layout.Validators // of the files that lead to the others
	filter     *filter
	left       *layout.LeftOut
	isTree     bool // it has a treeinfo
}

func newRPMReader(s source) *rpmReader {
	return &rpmReader{source: s, filter: newFilter(s.Remote, rpmmd.CompareVersions), bodies: map[string][]byte{}, listed: map[string]bool{}, validators: map[string]layout.Validators{}}
}

func (r *rpmReader) state() *State {
	described := r.Described()
	described.Validators.Files, described.LeftOut = r.validators, r.left
	return &State{Files: r.files, Bodies: r.bodies, Listed: r.listed, Remote: described, root: r.url}
}

func (r *rpmReader) read(ctx context.Context) error {
	defer r.ahead.ask(ctx, maxRepomd, slices.Concat([]string{repomdSignature, repomdKey}, treeinfos)...)()
	repomd, err := r.repomd(ctx)
	if err == nil {
		err = r.signature(ctx, repomd)
	}
	if err != nil {
		return err
	}
	data, err := rpmmd.Repomd(bytes.NewReader(repomd))
	if err != nil {
		return fmt.Errorf("%s: %w", repomdPath, err)
	}
	if err := r.readData(ctx, data); err != nil {
		return err
	}
	if r.left, err = r.leftOut(ctx, r.filter); err != nil {
		return err
	}
	if err := r.tree(ctx); err != nil {
		return err
	}
	return r.complete(ctx)
}

// repomd reads repomd.xml and holds it against what a metalink says of it.
func (r *rpmReader) repomd(ctx context.Context) ([]byte, error) {
	body, err := r.lead(ctx, repomdPath, func([]byte) bool { return true })
	if err != nil {
		return nil, err
	}
	if len(r.entry) > 0 && !slices.ContainsFunc(r.entry, func(c rpmmd.Checksum) bool { return c.Is(sumOf(c, body)) }) {
		return nil, fmt.Errorf("%s of the mirror %s is not the one that the metalink names: its %s is %x",
			repomdPath, shown(r.url), r.entry[0].Type, sumOf(r.entry[0], body))
	}
	return body, nil
}

func sumOf(c rpmmd.Checksum, body []byte) []byte {
	h := c.Hash()
	h.Write(body)
	return h.Sum(nil)
}

// lead reads a file that leads to others, or proves one that does. One that is
// not what it must be is none.
func (r *rpmReader) lead(ctx context.Context, path string, is func([]byte) bool) ([]byte, error) {
	body, v, err := getKnown(ctx, r, path, layout.Validators{}, maxRepomd)
	if err != nil || !is(body) {
		return nil, err
	}
	if r.mirrored() { // another mirror next time, where these mean nothing
		v.ETag, v.LastModified = "", ""
	}
	r.validators[path] = v
	r.keep(path, body)
	return body, nil
}

// keep takes in a file whose content is at hand.
func (r *rpmReader) keep(path string, body []byte) {
	r.bodies[path] = body
	r.files = append(r.files, layout.File{Path: path, Size: int64(len(body)), SHA256: layout.DigestOf(body)})
}

// optional is lead for a file that need not be there. S3 says 403 for those, to
// whoever may not list.
func (r *rpmReader) optional(ctx context.Context, path string, is func([]byte) bool) ([]byte, error) {
	body, err := r.lead(ctx, path, is)
	if isMissing(err) || isForbidden(err) {
		return nil, nil
	}
	return body, err
}

// isArmor and isText tell what was asked for from the page that some servers
// show in place of what is missing.
func isArmor(b []byte) bool { return bytes.Contains(b, []byte("-----BEGIN PGP ")) }
func isText(b []byte) bool  { return !bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")) }

// signature takes in what proves repomd.xml, and lets the keyring judge it
// where there is one.
func (r *rpmReader) signature(ctx context.Context, repomd []byte) error {
	signature, err := r.optional(ctx, repomdSignature, isArmor)
	if err == nil {
		_, err = r.optional(ctx, repomdKey, isArmor)
	}
	if err != nil || r.Keyring == "" {
		return err
	}
	keys, err := r.keyring()
	switch {
	case err != nil:
		return err
	case signature == nil:
		return fmt.Errorf("%s is not signed: there is no %s, and a keyring is configured", repomdPath, repomdSignature)
	}
	if err := keys.Detached(repomd, signature, r.now()); err != nil {
		return &tornError{fmt.Errorf("%s: %w", repomdSignature, err)}
	}
	return nil
}
