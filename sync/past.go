package reposync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"time"

	"datestone/layout"
)

// A Past makes of a remote the remote as it was at one time.
type Past struct {
	// At is that time: signatures are judged as of then, as keys expire.
	At time.Time
	// Tree has the files, where they are not at the remote's URL.
	Tree Tree
	// Beyond says that content which the tree lacks may still be at the
	// remote's URL.
	Beyond bool
}

// A Tree has the files of a past state.
type Tree interface {
	// Open opens a file and says how many bytes it has, -1 where that is not
	// known. size is what the metadata says of it, -1 where it says nothing.
	// A missing file is fs.ErrNotExist. Open tries as often as is worth it.
	Open(ctx context.Context, path string, size int64) (body io.ReadCloser, length int64, err error)
}

// alone reports whether there is a tree and nothing beyond it.
func (p *Past) alone() bool { return p != nil && p.Tree != nil && !p.Beyond }

// openPast sets what is different in a remote's past.
func (s *source) openPast() {
	if s.Past == nil {
		return
	}
	at := s.Past.At
	s.now = func() time.Time { return at }
	if s.Past.Tree != nil && s.Past.Beyond {
		s.origin = tree{s.Past.Tree, s.origin}
	}
}

// A tree is the origin that a Tree makes.
type tree struct {
	Tree
	beyond origin // nil: there is nothing but the tree
}

func (t tree) Close() error {
	if t.beyond == nil {
		return nil
	}
	return t.beyond.Close()
}

func (t tree) get(ctx context.Context, path string, _ layout.Validators, limit int64) ([]byte, layout.Validators, error) {
	body, length, err := t.Open(ctx, path, -1)
	if err != nil {
		return nil, layout.Validators{}, err
	}
	defer body.Close()
	b, err := readAll(body, length, limit)
	if err != nil {
		err = fmt.Errorf("read %q: %w", path, err)
	}
	return b, layout.Validators{}, err
}

func (t tree) stat(ctx context.Context, path string) (int64, error) {
	body, length, err := t.Open(ctx, path, -1)
	if err != nil {
		return 0, err
	}
	return length, body.Close()
}

func (t tree) open(ctx context.Context, f layout.File) (*content, error) {
	body, length, err := t.Open(ctx, f.Path, f.Size)
	switch {
	case errors.Is(err, fs.ErrNotExist) && t.beyond != nil:
		return t.beyond.open(ctx, f)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %w", err, ErrMoved)
	case err != nil:
		return nil, err
	case length >= 0 && length != f.Size:
		body.Close()
		return nil, &DigestError{Path: f.Path, Want: f.SHA256, WantSize: f.Size, GotSize: length}
	}
	return &content{ctx: ctx, file: f, body: body, resume: noResume}, nil
}

// Document reads what is at the remote's URL itself, whatever it is: a list, or
// an index page; at most limit bytes. Type and Past do not matter.
func (c *Client) Document(ctx context.Context, r Remote, limit int64) ([]byte, error) {
	u, err := url.Parse(r.URL)
	if err != nil { // whose text may have the password
		return nil, errors.New("is not a URL; are special characters percent-encoded?")
	}
	if u.Scheme == "file" {
		return documentFile(ctx, r, limit)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%s: write http://host/… or https://host/…", shown(u))
	}
	l := location{url: u, user: u.User}
	u.User = nil
	s, err := c.openSite(r, l)
	if err != nil {
		return nil, err
	}
	body, _, err := s.get(ctx, l.name, layout.Validators{}, limit)
	return body, err
}

func documentFile(ctx context.Context, r Remote, limit int64) ([]byte, error) {
	r.Type, r.Past = typeFile, nil
	l, err := r.locate()
	if err != nil {
		return nil, err
	}
	d, err := openDirectory(l)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	body, _, err := d.get(ctx, l.name, layout.Validators{}, limit)
	return body, err
}

// Leads returns the paths of metadata that may lead to all the rest, in the
// order in which they are looked for: what upstream writes last.
func (r Remote) Leads() []string {
	var paths []string
	switch r.Type {
	case typeRPM:
		return []string{repomdPath}
	case typeDeb:
		suites, _ := r.suites() // what can't be read, Validate says
		for _, s := range suites {
			paths = append(paths, s.dir+"InRelease", s.dir+"Release")
		}
	case typeFile:
		if l, err := r.locate(); err == nil {
			paths = append(paths, l.name)
		}
	}
	return paths
}

// Unreachable reports whether Read or Fetch ended because the remote did not
// answer, or asked to be left alone: what it has may be as good as ever.
func Unreachable(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code >= 500 || status.code == http.StatusTooManyRequests || status.code == http.StatusRequestTimeout
	}
	var dial *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dial) || errors.As(err, &dns) || errors.Is(err, errStalled)
}
