package aptrepo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"datestone/layout"
)

// A Release is what of a Release file decides what there is.
type Release struct {
	Suite, Codename string
	Origin, Label   string
	Components      []string // "main"; those of security archives "updates/main"
	Architectures   []string // "all" may be missing though there are indexes of it
	// Clients refuse a Release after ValidUntil. Both times may be zero.
	Date, ValidUntil time.Time
	ByHash           bool    // Acquire-By-Hash
	Entries          []Entry // sorted by path
}

// An Entry is a file that a Release lists. That it is listed does not mean that
// it is there: archives list the plain forms of indexes they have compressed.
type Entry struct {
	Path   string // below the directory of the Release
	Size   int64
	SHA256 layout.Digest
	SHA512 string // lower-case hexadecimal, or none
}

// Strongest returns the type and digest under which apt asks for the entry in
// by-hash directories.
func (e Entry) Strongest() (kind, digest string) {
	if e.SHA512 != "" {
		return "SHA512", e.SHA512
	}
	return "SHA256", e.SHA256.String()
}

// Find returns the entry of a path.
func (r *Release) Find(path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(r.Entries, path, func(e Entry, p string) int { return strings.Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return r.Entries[i], true
}

// ParseRelease reads the text of a Release file, which must be one stanza. It
// must list SHA-256: what has only MD5 and SHA-1 apt does not trust.
func ParseRelease(text []byte) (*Release, error) {
	p := releaseParser{entries: map[string]*Entry{}}
	s := newStanzaReader(bytes.NewReader(text), len(text))
	err := s.next(p.wants, p.take)
	if err == io.EOF {
		return nil, errors.New("is empty")
	}
	if err != nil {
		return nil, err
	}
	err = s.next(p.wants, func([]byte, bool, []byte) error { return nil })
	if err == nil {
		err = s.at(s.begin, errors.New("a second stanza; a Release is one"))
	}
	if err != io.EOF {
		return nil, err
	}
	return p.finish()
}

type releaseParser struct {
	release Release

	byHash, date, validUntil string

	entries map[string]*Entry
	sha256  bool
}

func (p *releaseParser) wants(field []byte) bool {
	switch string(field) {
	case "sha256", "sha512":
		return true
	}
	return p.field(field) != nil || string(field) == "components" || string(field) == "architectures"
}

// field returns where the value of a field of one line goes.
func (p *releaseParser) field(name []byte) *string {
	switch string(name) {
	case "suite":
		return &p.release.Suite
	case "codename":
		return &p.release.Codename
	case "origin":
		return &p.release.Origin
	case "label":
		return &p.release.Label
	case "date":
		return &p.date
	case "valid-until":
		return &p.validUntil
	case "acquire-by-hash":
		return &p.byHash
	}
	return nil
}

func (p *releaseParser) take(field []byte, first bool, value []byte) (err error) {
	switch name := string(field); {
	case name == "sha256" || name == "sha512":
		if len(value) == 0 {
			return nil
		}
		p.sha256 = p.sha256 || name == "sha256"
		return p.entry(name, value)
	case !first:
		return fmt.Errorf("field %q has more than one line", field)
	case name == "components":
		p.release.Components = append(p.release.Components, strings.Fields(string(value))...)
	case name == "architectures":
		p.release.Architectures = append(p.release.Architectures, strings.Fields(string(value))...)
	default:
		to := p.field(field)
		*to, err = once(field, *to, value)
	}
	return err
}

// entry takes a line of a table of digests.
func (p *releaseParser) entry(kind string, line []byte) error {
	r, err := parseRow(line)
	if err != nil {
		return err
	}
	size, err := parseSize(r.size)
	if err != nil {
		return err
	}
	path, err := cleanPath(r.name)
	if err != nil {
		return err
	}
	e := p.entries[path]
	if e == nil {
		e = &Entry{Path: path, Size: size}
		p.entries[path] = e
	}
	if e.Size != size {
		return fmt.Errorf("path %q has the size %d, and %d", path, e.Size, size)
	}
	if kind == "sha256" {
		return e.setSHA256(r.sha256)
	}
	return e.setSHA512(r.sha256)
}

func (e *Entry) setSHA256(text string) error {
	d, err := layout.ParseDigest(text)
	if err == nil && !e.SHA256.IsZero() && e.SHA256 != d {
		err = errors.New("it has two digests")
	}
	if err != nil {
		return fmt.Errorf("path %q: %w", e.Path, err)
	}
	e.SHA256 = d
	return nil
}

func (e *Entry) setSHA512(text string) error {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 64 {
		return fmt.Errorf("path %q: %s is not a SHA-512", e.Path, quote([]byte(text)))
	}
	text = hex.EncodeToString(b)
	if e.SHA512 != "" && e.SHA512 != text {
		return fmt.Errorf("path %q: it has two digests", e.Path)
	}
	e.SHA512 = text
	return nil
}

// finish sorts the entries. Not of them are Release files themselves, which
// apt-ftparchive lists as it finds them, half written.
func (p *releaseParser) finish() (*Release, error) {
	r := &p.release
	switch strings.ToLower(p.byHash) {
	case "yes", "true", "1":
		r.ByHash = true
	}
	var err error
	if r.Date, err = parseDate("Date", p.date); err != nil {
		return nil, err
	}
	if r.ValidUntil, err = parseDate("Valid-Until", p.validUntil); err != nil {
		return nil, err
	}
	for path, e := range p.entries {
		switch {
		case path == "Release" || path == "InRelease" || path == "Release.gpg":
		case e.SHA256.IsZero():
			return nil, fmt.Errorf("path %q has no SHA256", path)
		default:
			r.Entries = append(r.Entries, *e)
		}
	}
	if len(r.Entries) == 0 && !p.sha256 {
		return nil, errors.New("lists no SHA256; weaker digests prove nothing")
	}
	slices.SortFunc(r.Entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

// parseDate reads what RFC 1123 and apt call a date; none is the zero time.
func parseDate(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	numeric := text
	for _, zone := range []string{" UTC", " GMT", " Z"} {
		if before, ok := strings.CutSuffix(text, zone); ok {
			numeric = before + " +0000"
		}
	}
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05 -0700", numeric)
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return time.Time{}, fmt.Errorf("%s: %s is no date", field, quote([]byte(text)))
	}
	return t.UTC(), nil
}
