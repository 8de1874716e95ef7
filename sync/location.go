package reposync

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"datestone/layout"
)

// A location is a remote's URL, taken apart.
type location struct {
	url  *url.URL // without user and password
	user *url.Userinfo
	name string // of the manifest; empty for a URL that is a directory's
	// dir is the directory of the metadata: on disk for file:, else as it stands
	// in URLs, percent-encoded, with its last slash.
	dir string
}

func (l location) local() bool { return l.url.Scheme == "file" }

// locate reads the remote's URL. Its errors never show it.
func (r Remote) locate() (location, error) {
	listed := r.list() != ""
	u, err := url.Parse(cmp.Or(r.list(), r.URL))
	if err != nil { // whose text may have the password
		return location{}, errors.New("remote URL: is not a URL; are special characters in user and password percent-encoded?")
	}
	l := location{url: u, user: u.User}
	u.User = nil
	named := r.Type == typeFile || listed
	if !named && u.Opaque == "" && !strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("/")
		l.url = u
	}
	switch {
	case u.Scheme == "file":
		err = l.locateFile(named)
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "":
		err = l.locateHTTP()
	default: // not shown: without a scheme, user and password may stand anywhere
		return location{}, errors.New("remote URL: write http://host/path/NAME, https://host/path/NAME or file:path/NAME, NAME being that of the manifest or directory")
	}
	if err == nil && u.Fragment != "" {
		err = errors.New("has a fragment; write # as %23")
	}
	if err == nil && named && !listed {
		err = checkName(l.name)
	}
	if err != nil {
		return location{}, fmt.Errorf("remote URL %s: %w", shown(u), err)
	}
	return l, nil
}

func (l *location) locateHTTP() (err error) {
	p := l.url.EscapedPath()
	slash := strings.LastIndexByte(p, '/') + 1
	l.dir = p[:slash]
	l.name, err = url.PathUnescape(p[slash:])
	return err
}

// locateFile takes file:///absolute/path and file:path/below/the/working/directory.
func (l *location) locateFile(named bool) (err error) {
	p := l.url.Path
	if l.url.Opaque != "" {
		if p, err = url.PathUnescape(l.url.Opaque); err != nil {
			return errors.New("is not percent-encoded right")
		}
	}
	switch {
	case l.url.Host != "" && l.url.Host != "localhost":
		return errors.New("names a host; write file:///path or file:path")
	case l.user != nil, l.url.RawQuery != "":
		return errors.New("a file has no user and no query; write ? as %3F")
	case len(p) > 3 && p[2] == ':' && filepath.VolumeName(p[1:]) != "": // file:///C:/dir
		p = p[1:]
	}
	l.dir = filepath.FromSlash(p)
	if named && !strings.HasSuffix(p, "/") {
		l.name, l.dir = path.Base(p), filepath.FromSlash(path.Dir(p))
	}
	return nil
}

func checkName(name string) error {
	if name == "" || strings.Contains(name, "/") {
		return errors.New("does not end in the manifest's name, as in .../PULP_MANIFEST")
	}
	if _, err := layout.CleanPath(name); err != nil {
		return fmt.Errorf("the manifest's name: %w", err)
	}
	return nil
}

// file returns the URL of a file beside the manifest. The query stays: it may
// be what gives access.
func (l location) file(p string) *url.URL {
	if p == l.name { // as it was configured
		return l.url
	}
	u := *l.url
	u.RawPath = l.dir + layout.URLPath(p)[1:]
	u.Path = l.url.Path[:len(l.url.Path)-len(l.name)] + p
	return &u
}

// shown returns what of a URL may be shown: no user, password, query.
func shown(u *url.URL) string {
	v := *u
	if v.Scheme != "file" {
		v.Opaque = ""
	}
	v.User, v.RawQuery, v.ForceQuery, v.Fragment, v.RawFragment = nil, "", false, "", ""
	return v.String()
}
