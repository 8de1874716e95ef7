package rpmmd

import (
	"fmt"
	"net/url"
	"strings"

	"datestone/layout"
)

// Resolve returns the path below root, whose path ends in a slash, of the file
// that a location names. One that is not below it is refused, and so is one
// that has no canonical path.
//
// As clients do, an href is taken as it stands, not as percent-encoded, unless
// it is a URL of its own.
func Resolve(root *url.URL, l Location) (string, error) {
	p, err := below(root, l)
	if err == nil {
		p, err = withoutDots(p)
	}
	if err == nil {
		_, err = layout.CleanPath(p)
	}
	switch {
	case err == nil:
		return p, nil
	case l.Base != "":
		return "", fmt.Errorf("location %.300q with xml:base %.300q: %w", l.Href, shown(l.Base), err)
	}
	return "", fmt.Errorf("location %.300q: %w", shown(l.Href), err)
}

// Decoded returns what a path comes to when it is percent-decoded, and false
// where that is nothing else, or no path of as many segments.
func Decoded(p string) (string, bool) {
	decoded, err := url.PathUnescape(p)
	if err != nil || decoded == p || strings.Count(decoded, "/") != strings.Count(p, "/") {
		return "", false
	}
	_, err = layout.CleanPath(decoded)
	return decoded, err == nil
}

// below returns the path below root with its dots.
func below(root *url.URL, l Location) (string, error) {
	switch {
	case strings.Contains(l.Href, "://"):
		return under(root, l.Href)
	case strings.HasPrefix(l.Href, "/"):
		return "", fmt.Errorf("is absolute")
	case l.Base == "":
		return l.Href, nil
	}
	base, err := under(root, strings.TrimSuffix(l.Base, "/")+"/")
	return base + l.Href, err
}

// under returns the path of a URL below root.
func under(root *url.URL, reference string) (string, error) {
	u, err := root.Parse(reference)
	if err != nil {
		return "", fmt.Errorf("is not a URL")
	}
	p, ok := strings.CutPrefix(u.Path, root.Path)
	switch {
	case !strings.EqualFold(u.Host, root.Host) || u.Scheme != root.Scheme || u.Opaque != "":
		return "", fmt.Errorf("is on another host than the remote's URL")
	case !ok || root.Path == "":
		return "", errOutside
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("has a query or fragment")
	}
	return p, nil
}

var errOutside = fmt.Errorf("leads out of the remote's URL")

// withoutDots takes "." and ".." segments out, as clients do before they ask.
func withoutDots(p string) (string, error) {
	if !strings.Contains(p, "./") && !strings.HasSuffix(p, ".") {
		return p, nil
	}
	var kept []string
	for s := range strings.SplitSeq(p, "/") {
		switch {
		case s == ".":
		case s != "..":
			kept = append(kept, s)
		case len(kept) == 0:
			return "", errOutside
		default:
			kept = kept[:len(kept)-1]
		}
	}
	return strings.Join(kept, "/"), nil
}

// shown returns a URL without what may be secret in it.
func shown(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return s
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
