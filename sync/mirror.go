package reposync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"

	"datestone/layout"
	"datestone/sync/rpmmd"
)

const (
	// maxMirrors is how many of a list are tried.
	maxMirrors = 5
	maxList    = 10 << 20 // bytes
)

// list returns the URL of the list of mirrors, or nothing.
func (r Remote) list() string {
	if r.Metalink != "" {
		return r.Metalink
	}
	return r.Mirrorlist
}

// validateRPM says what is wrong with the fields of an rpm remote.
func (r Remote) validateRPM() error {
	places := slices.DeleteFunc([]string{r.URL, r.Mirrorlist, r.Metalink}, func(s string) bool { return s == "" })
	switch {
	case len(places) != 1:
		return errors.New("remote: an rpm remote has one of url, mirrorlist and metalink")
	case r.AllowExpiredKeys && r.Keyring == "":
		return errors.New("remote: allow_expired_keys needs a keyring")
	case len(r.Suites)+len(r.Components)+len(r.Architectures) > 0:
		return fmt.Errorf("remote: suites, components and architectures are for the type %q only", typeDeb)
	}
	return nil
}

// A mirror is where a list leads to; none where there is no list, or where the
// list itself is read.
type mirror struct {
	at    string
	entry []rpmmd.Checksum // of its repomd.xml; empty: not known
}

func (m mirror) mirrored() bool { return m.at != "" }

// locate returns where to read.
func (m mirror) locate(r Remote) (location, error) {
	if m.mirrored() {
		r = Remote{Type: r.Type, URL: m.at}
	}
	return r.locate()
}

// remote returns the remote without what is meant for the host of the list
// alone, where the mirror is another.
func (m mirror) remote(r Remote) Remote {
	if !m.mirrored() {
		return r
	}
	list, listErr := url.Parse(r.list())
	u, err := url.Parse(m.at)
	if listErr != nil || err != nil || !sameHost(list, u) {
		r.Headers, r.Username, r.Password = nil, "", ""
	}
	return r
}

// readMirrors reads the first mirror of the list that is whole, and stays with
// it until the next read. One that has an older repomd.xml than the metalink's
// newest counts only where none has that.
func (c *Client) readMirrors(ctx context.Context, r Remote, known layout.Remote, before iter.Seq2[layout.File, error]) (*State, error) {
	m, err := c.mirrorsOf(ctx, r)
	if err != nil {
		return nil, err
	}
	entries := [][]rpmmd.Checksum{nil}
	if len(m.Repomd) > 0 {
		entries = [][]rpmmd.Checksum{m.Repomd[:1], m.Repomd[1:]}
	}
	failed := fmt.Errorf("no mirror of %s", r)
	for i, entry := range entries {
		if i > 0 && len(entry) == 0 {
			break
		}
		for _, u := range m.URLs[:min(len(m.URLs), maxMirrors)] {
			state, err := c.read(ctx, r, mirror{u, entry}, known, before)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err == nil || errors.Is(err, ErrNotModified) {
				c.stayWith(r, u)
				return state, err
			}
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return nil, failed
}

func (c *Client) stayWith(r Remote, mirror string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mirrors[r.list()] = mirror
}

// openMirror opens the remote at the mirror that was read; where none was, at
// the first of the list.
func (c *Client) openMirror(ctx context.Context, r Remote) (source, error) {
	if r.list() == "" {
		return c.open(r, mirror{})
	}
	c.mu.Lock()
	at := c.mirrors[r.list()]
	c.mu.Unlock()
	if at == "" {
		m, err := c.mirrorsOf(ctx, r)
		if err != nil {
			return source{}, err
		}
		at = m.URLs[0]
		c.stayWith(r, at)
	}
	return c.open(r, mirror{at: at})
}

// mirrorsOf reads the list.
func (c *Client) mirrorsOf(ctx context.Context, r Remote) (rpmmd.Mirrors, error) {
	s, err := c.open(r, mirror{})
	if err != nil {
		return rpmmd.Mirrors{}, err
	}
	defer s.Close()
	body, _, err := s.get(ctx, s.name, layout.Validators{}, maxList)
	if err != nil {
		return rpmmd.Mirrors{}, newScrubber(r, s.location).err(err)
	}
	read, kind := rpmmd.Mirrorlist, "mirrorlist"
	if r.Metalink != "" {
		read, kind = rpmmd.Metalink, "metalink"
	}
	m, err := read(body)
	if err == nil {
		m.URLs = slices.DeleteFunc(m.URLs, func(u string) bool { return !r.usable(s.location, u) })
		if len(m.URLs) == 0 {
			err = errors.New("names no mirror with https, and nothing that proves what comes from others: a metalink, or a keyring")
		}
	}
	if err != nil {
		return rpmmd.Mirrors{}, newScrubber(r, s.location).err(fmt.Errorf("%s %s: %w", kind, r, err))
	}
	return m, nil
}

// usable reports whether a mirror may be read. A list that came by https is not
// answered by what anyone on the way could have written.
func (r Remote) usable(list location, mirror string) bool {
	u, err := url.Parse(mirror)
	return err == nil && !isLinkLocal(u.Hostname()) &&
		(u.Scheme == "https" || list.url.Scheme != "https" || r.Metalink != "" || r.Keyring != "")
}
