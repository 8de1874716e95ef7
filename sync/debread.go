package reposync

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

const (
	// maxRelease is the limit of apt itself, in bytes.
	maxRelease = 10 << 20
	// maxUnpacked is how long an index may be when unpacked: twenty times those
	// of the largest distributions.
	maxUnpacked = 2 << 30
	// parsers is how many indexes are unpacked at once: each may need a window
	// of many megabytes.
	parsers = 2
)

// A debReader reads suites once.
type debReader struct {
	source
	keys       aptrepo.Keyring
	parsing    chan struct{} // has a place for each index that is being unpacked
	mu         sync.Mutex
	bodies     map[string][]byte            // by path
	metadata   map[string]layout.File       // by path; those in bodies too
	clash      string                       // a path of metadata with two contents
	listed     map[string]bool              // paths of metadata that is not in bodies
	validators map[string]layout.Validators // of the files that lead to the others
	releases   []layout.Release             // one for each suite
	indexes    []*debIndex
	filter     *filter
	// hides says that the remote forbids what it does not have.
	hides     bool
	askedOnce sync.Once
}

// A debIndex is an index of packages, in the form that is read.
type debIndex struct {
	path  string
	of    string        // ofPackages or ofSources
	plain aptrepo.Entry // its plain form
	exact bool          // whether the Release lists plain
	files []layout.File
}

func newDebReader(s source, keys aptrepo.Keyring) *debReader {
	return &debReader{source: s, keys: keys, parsing: make(chan struct{}, parsers), bodies: map[string][]byte{},
		metadata: map[string]layout.File{}, listed: map[string]bool{}, validators: map[string]layout.Validators{},
		filter: newFilter(s.Remote, aptrepo.CompareVersions)}
}

func (d *debReader) read(ctx context.Context, suites []debSuite) error {
	for _, s := range suites {
		if err := d.readSuite(ctx, s); err != nil {
			return fmt.Errorf("suite %q: %w", s.name, err)
		}
	}
	return nil
}

func (d *debReader) readSuite(ctx context.Context, s debSuite) error {
	release, text, err := d.release(ctx, s)
	if err != nil {
		return err
	}
	sel, err := newSelection(d.Remote, s, release)
	if err != nil {
		return err
	}
	d.releases = append(d.releases, dated(s, release))
	indexes, others := sel.split()
	if len(indexes) == 0 {
		return errors.New("its Release lists no Packages and no Sources")
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(d.Parallel, defaultParallel))
	if _, inline := d.validators[s.dir+"InRelease"]; inline {
		group.Go(func() error { return d.besides(ctx, s, text) })
	}
	for _, x := range indexes {
		group.Go(func() error { return d.readIndex(ctx, sel, x) })
	}
	for _, e := range others {
		group.Go(func() error { return d.readOther(ctx, sel, e) })
	}
	return group.Wait()
}

// release reads the Release of a suite, and returns also the text of it that a
// trusted key signed: in the InRelease, or where there is none, the Release.
func (d *debReader) release(ctx context.Context, s debSuite) (release *aptrepo.Release, text []byte, err error) {
	clearSigned, v, err := getKnown(ctx, d, s.dir+"InRelease", layout.Validators{}, maxRelease)
	switch {
	case err == nil:
		if text, err = d.keys.ClearSigned(clearSigned, d.now()); err != nil {
			return nil, nil, fmt.Errorf("%sInRelease: %w", s.dir, err)
		}
		d.keep(s.dir+"InRelease", clearSigned)
		d.validators[s.dir+"InRelease"] = v
	case d.isMissing(ctx, err):
		text, err = d.detached(ctx, s)
	}
	if err != nil {
		return nil, nil, err
	}
	if release, err = aptrepo.ParseRelease(text); err != nil {
		return nil, nil, fmt.Errorf("%sRelease: %w", s.dir, err)
	}
	return release, text, nil
}

// dated is what the log says of a Release, its times above all.
func dated(s debSuite, release *aptrepo.Release) layout.Release {
	r := layout.Release{Suite: s.name, Origin: release.Origin, Label: release.Label}
	if !release.Date.IsZero() {
		r.Date = layout.StampOf(release.Date)
	}
	if !release.ValidUntil.IsZero() {
		r.ValidUntil = layout.StampOf(release.ValidUntil)
	}
	return r
}

// detached reads a Release and the signature beside it.
func (d *debReader) detached(ctx context.Context, s debSuite) ([]byte, error) {
	text, v, err := getKnown(ctx, d, s.dir+"Release", layout.Validators{}, maxRelease)
	if err != nil {
		return nil, err
	}
	signature, sv, err := getKnown(ctx, d, s.dir+"Release.gpg", layout.Validators{}, maxRelease)
	if d.isMissing(ctx, err) {
		return nil, fmt.Errorf("is not signed: there is neither InRelease nor Release.gpg: %w", err)
	}
	if err != nil {
		return nil, err
	}
	d.validators[s.dir+"Release"], d.validators[s.dir+"Release.gpg"] = v, sv
	if err := d.keys.Detached(text, signature, d.now()); err != nil {
		return nil, &tornError{fmt.Errorf("%sRelease.gpg: %w", s.dir, err)}
	}
	d.keep(s.dir+"Release", text)
	d.keep(s.dir+"Release.gpg", signature)
	return text, nil
}

// besides takes in the Release and Release.gpg that stand beside an InRelease
// for old clients. They are left out where they are not the same, which a
// client that reads the InRelease never notices.
func (d *debReader) besides(ctx context.Context, s debSuite, signed []byte) error {
	var bodies [2][]byte
	names := [2]string{"Release", "Release.gpg"}
	defer d.ahead.ask(ctx, maxRelease, s.dir+names[0], s.dir+names[1])()
	for i, name := range names {
		body, _, err := d.get(ctx, s.dir+name, layout.Validators{}, maxRelease)
		if d.isMissing(ctx, err) {
			return nil
		}
		if err != nil {
			return err
		}
		bodies[i] = body
	}
	err := d.keys.Detached(bodies[0], bodies[1], d.now())
	if err == nil && !bytes.Equal(lines(bodies[0]), lines(signed)) {
		err = errors.New("is not the text of the InRelease")
	}
	if err != nil {
		d.log.WarnContext(ctx, "Release and Release.gpg are left out, the InRelease is right", "remote", d.Remote, "suite", s.name, "error", err)
		return nil
	}
	for i, name := range names {
		d.keep(s.dir+name, bodies[i])
	}
	return nil
}

// isMissing is that of the package, and more: S3 forbids what is not there,
// where it may not be listed. A remote is known for that by what it says of a
// file that can't be.
func (d *debReader) isMissing(ctx context.Context, err error) bool {
	if !isForbidden(err) {
		return isMissing(err)
	}
	d.askedOnce.Do(func() {
		_, err := d.stat(ctx, "dists/"+layout.DigestOf([]byte("there is no such file")).String())
		d.hides = isForbidden(err)
	})
	return d.hides
}

// lines makes two spellings of a text equal that signatures do not tell apart:
// ends of lines, and white space before them.
func lines(text []byte) []byte {
	var b bytes.Buffer
	for line := range bytes.Lines(bytes.TrimRight(text, "\r\n")) {
		b.Write(bytes.TrimRight(line, " \t\r\n"))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// keep takes in a file of metadata that was read.
func (d *debReader) keep(p string, body []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bodies[p] = body
	d.add(layout.File{Path: p, Size: int64(len(body)), SHA256: layout.DigestOf(body)})
}

// add takes in a file of metadata, under the lock.
func (d *debReader) add(f layout.File) {
	if is, ok := d.metadata[f.Path]; ok && is != f {
		d.clash = f.Path
	}
	d.metadata[f.Path] = f
}

// list takes in files of metadata that are for Fetch.
func (d *debReader) list(size int64, sum layout.Digest, paths ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range paths {
		d.listed[p] = true
		d.add(layout.File{Path: p, Size: size, SHA256: sum})
	}
}

// readOther takes in a file that the Release lists and upstream has.
func (d *debReader) readOther(ctx context.Context, sel *selection, e aptrepo.Entry) error {
	there, err := d.has(ctx, sel, e)
	if err != nil || !there {
		return err
	}
	p := sel.suite.dir + e.Path
	d.list(e.Size, e.SHA256, append(sel.byHash(e), p)...)
	if strings.HasSuffix(e.Path, ".diff/Index") {
		return d.readPatches(ctx, sel, e)
	}
	return nil
}

// has reports whether upstream has a file that its Release lists: most list the
// plain forms of what they have compressed.
func (d *debReader) has(ctx context.Context, sel *selection, e aptrepo.Entry) (bool, error) {
	p := sel.suite.dir + e.Path
	size, err := d.stat(ctx, p)
	if d.isMissing(ctx, err) {
		return false, nil
	}
	if err != nil || size == e.Size || size < 0 {
		return err == nil, err
	}
	if sel.release.ByHash { // which is why it exists: the name may be the next one's already
		if again, err := d.stat(ctx, sel.byHash(e)[0]); err == nil && again == e.Size {
			return true, nil
		}
	}
	return false, &DigestError{Path: p, Want: e.SHA256, WantSize: e.Size, GotSize: size}
}

// readPatches takes in the patches that an Index of them names. None of those
// is listed by the Release.
func (d *debReader) readPatches(ctx context.Context, sel *selection, e aptrepo.Entry) error {
	p := sel.suite.dir + e.Path
	body, err := d.body(ctx, sel, e)
	if err != nil {
		return err
	}
	d.keep(p, body)
	patches, err := aptrepo.Patches(body)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	for _, f := range patches {
		at := path.Join(path.Dir(p), f.Path)
		size, err := d.stat(ctx, at)
		if d.isMissing(ctx, err) {
			continue // it was too old to be kept; clients take the whole index then
		}
		if err != nil {
			return err
		}
		if size >= 0 && size != f.Size {
			return &DigestError{Path: at, Want: f.SHA256, WantSize: f.Size, GotSize: size}
		}
		d.list(f.Size, f.SHA256, at)
	}
	return nil
}
