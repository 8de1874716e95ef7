package layout

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxPath is the longest path of a file, in bytes. S3 takes keys of 1,024
	// bytes; what is left is for prefix, base path and ID.
	MaxPath = 800
	// maxSegment is what common file systems take for one name, in bytes.
	maxSegment = 255
)

// CleanPath returns p if it is the canonical relative path of a file, and an
// error that says what is wrong otherwise. It never repairs: a path that two
// spellings reach would be published twice. All paths from outside go through
// it. Refused are absolute paths, empty, "." and ".." segments, a trailing
// slash, backslashes, control characters and line separators, bytes that are
// not UTF-8, more than MaxPath bytes, and a directory named index.html, whose
// place the page of its parent takes.
func CleanPath(p string) (string, error) {
	if err := checkText(p); err != nil {
		return "", fmt.Errorf("path %q: %w", p, err)
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if err := checkSegment(s, i == len(segments)-1); err != nil {
			return "", fmt.Errorf("path %q: %w", p, err)
		}
	}
	return p, nil
}

func checkText(p string) error {
	switch {
	case p == "":
		return fmt.Errorf("is empty")
	case len(p) > MaxPath:
		return fmt.Errorf("has %d bytes, the limit is %d", len(p), MaxPath)
	case !utf8.ValidString(p):
		return fmt.Errorf("is not UTF-8")
	case p[0] == '/':
		return fmt.Errorf("is absolute")
	}
	for _, r := range p {
		if r == '\\' || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("has the character %U", r)
		}
	}
	return nil
}

func checkSegment(s string, last bool) error {
	switch {
	case s == "":
		return fmt.Errorf("has an empty segment")
	case s == "." || s == "..":
		return fmt.Errorf("has a %q segment", s)
	case len(s) > maxSegment:
		return fmt.Errorf("has a segment of %d bytes, the limit is %d", len(s), maxSegment)
	case s == indexPage && !last:
		return fmt.Errorf("has a directory named %s", indexPage)
	}
	return nil
}

// CleanBasePath returns p if it can be the base path of a repository: one or
// more segments of letters, digits and "._-", none of which begins with a dot
// or has the form of an ID or a date.
func CleanBasePath(p string) (string, error) {
	for s := range strings.SplitSeq(p, "/") {
		switch {
		case s == "" || s[0] == '.' || strings.Trim(s, urlSafe) != "":
			return "", fmt.Errorf("base path %q: a segment is letters, digits, %q, and does not begin with a dot", p, "._-")
		case HasMomentForm(s):
			return "", fmt.Errorf("base path %q: the segment %q looks like a timestamp", p, s)
		case s == indexPage || s == RepositoriesKey || s == StatusKey:
			return "", fmt.Errorf("base path %q: %q is a page of the site", p, s)
		}
	}
	if len(p) > maxBase {
		return "", fmt.Errorf("base path %q has %d bytes, the limit is %d", p, len(p), maxBase)
	}
	return p, nil
}

const (
	urlSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	maxBase = 100
)

// Overlap reports whether one base path is the other or lies below it.
func Overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// PublicPath returns the path under which the site stands, from its URL:
// "/" or "/mirror/", always with both slashes.
func PublicPath(publicURL string) (string, error) {
	u, err := url.Parse(publicURL)
	if err != nil { // whose text may have a password
		return "", errors.New("public URL: is no URL: write https://host/ or https://host/path/")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsAny(publicURL, "?#") {
		return "", fmt.Errorf("public URL %q: write https://host/ or https://host/path/", u.Redacted())
	}
	p := strings.Trim(u.Path, "/")
	if p == "" {
		return "/", nil
	}
	if _, err := CleanBasePath(p); err != nil {
		return "", fmt.Errorf("public URL %q: %w", publicURL, err)
	}
	return "/" + p + "/", nil
}

// URLPath returns the path under which a client asks for key.
//
// S3 reads a literal "+" in a URL path as a space, and apt names are full of
// them (libstdc++6_12.2.0-14+deb12u1_amd64.deb), so "+" is always escaped.
func URLPath(key string) string {
	u := url.URL{Path: "/" + key}
	return strings.ReplaceAll(u.EscapedPath(), "+", "%2B")
}
