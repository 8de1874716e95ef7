package aptrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strconv"
	"strings"

	"datestone/layout"
)

// A PoolFile is a file that an index names.
type PoolFile struct {
	layout.File
	Stanza, Line int    // where its stanza begins
	Package      string // its name
	Version      string // as CompareVersions reads it
	Architecture string // "source" for sources
}

// Packages reads an index of binary packages and yields the file of each. The
// first stanza that has none is a *SyntaxError, and the end.
func Packages(r io.Reader) iter.Seq2[PoolFile, error] {
	return func(yield func(PoolFile, error) bool) {
		s := newStanzaReader(r, maxStanza)
		for {
			var p binaryStanza
			err := s.next(p.wants, p.take)
			if err == io.EOF {
				return
			}
			var f PoolFile
			if err == nil {
				f, err = p.file()
			}
			f.Stanza, f.Line, f.Package, f.Version, f.Architecture = s.stanza, s.begin, p.name, p.version, p.architecture
			if err != nil {
				err = s.of(p.name, err)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// A binaryStanza is what of a package's stanza is read.
type binaryStanza struct{ name, version, architecture, filename, size, sha256 string }

func (p *binaryStanza) field(name []byte) *string {
	switch string(name) {
	case "package":
		return &p.name
	case "version":
		return &p.version
	case "architecture":
		return &p.architecture
	case "filename":
		return &p.filename
	case "size":
		return &p.size
	case "sha256":
		return &p.sha256
	}
	return nil
}

func (p *binaryStanza) wants(field []byte) bool { return p.field(field) != nil }

func (p *binaryStanza) take(field []byte, first bool, value []byte) (err error) {
	if !first {
		return fmt.Errorf("field %q has more than one line", field)
	}
	to := p.field(field)
	*to, err = once(field, *to, value)
	return err
}

func (p *binaryStanza) file() (f PoolFile, err error) {
	switch {
	case p.filename == "":
		return f, errors.New("has no Filename")
	case p.sha256 == "":
		return f, errors.New("has no SHA256")
	}
	return poolFile(p.filename, p.size, p.sha256)
}

// Sources reads an index of source packages and yields the files of each. The
// first stanza that has none is a *SyntaxError, and the end.
func Sources(r io.Reader) iter.Seq2[PoolFile, error] {
	return func(yield func(PoolFile, error) bool) {
		s := newStanzaReader(r, maxStanza)
		for {
			var p sourceStanza
			err := s.next(p.wants, p.take)
			if err == io.EOF {
				return
			}
			if err == nil && len(p.files) == 0 {
				err = errors.New("has no Checksums-Sha256")
			}
			if err != nil {
				yield(PoolFile{}, s.of(p.name, err))
				return
			}
			for _, row := range p.files {
				f, err := poolFile(p.directory+"/"+row.name, row.size, row.sha256)
				f.Stanza, f.Line, f.Package, f.Version, f.Architecture = s.stanza, s.begin, p.name, p.version, sourceArchitecture
				if err != nil {
					err = s.of(p.name, err)
				}
				if !yield(f, err) || err != nil {
					return
				}
			}
		}
	}
}

// sourceArchitecture is that of all sources; what their stanzas have as theirs
// is what they can be built for.
const sourceArchitecture = "source"

// A sourceStanza is what of a source package's stanza is read.
type sourceStanza struct {
	name, version, directory string
	files                    []row
}

// A row is a line of a table of digests.
type row struct{ sha256, size, name string }

func (p *sourceStanza) wants(field []byte) bool {
	switch string(field) {
	case "package", "version", "directory", "checksums-sha256":
		return true
	}
	return false
}

func (p *sourceStanza) take(field []byte, first bool, value []byte) (err error) {
	switch f := string(field); {
	case f == "checksums-sha256" && len(value) == 0:
		return nil
	case f == "checksums-sha256":
		var r row
		r, err = parseRow(value)
		p.files = append(p.files, r)
	case !first:
		return fmt.Errorf("field %q has more than one line", field)
	case f == "package":
		p.name, err = once(field, p.name, value)
	case f == "version":
		p.version, err = once(field, p.version, value)
	default:
		p.directory, err = once(field, p.directory, value)
	}
	return err
}

// parseRow reads a digest, a size and a name.
func parseRow(line []byte) (row, error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 {
		return row{}, fmt.Errorf("%s is not a digest, a size and a name", quote(line))
	}
	return row{string(fields[0]), string(fields[1]), string(fields[2])}, nil
}

func poolFile(name, size, digest string) (f PoolFile, err error) {
	if f.Path, err = cleanPath(name); err != nil {
		return f, err
	}
	if f.Size, err = parseSize(size); err != nil {
		return f, fmt.Errorf("path %q: %w", f.Path, err)
	}
	if f.SHA256, err = layout.ParseDigest(digest); err != nil {
		return f, fmt.Errorf("path %q: %w", f.Path, err)
	}
	return f, nil
}

func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' {
		return 0, fmt.Errorf("%s is not a size", quote([]byte(s)))
	}
	return n, nil
}

// cleanPath returns the canonical form of a path below the repository. Flat
// repositories write "./x.deb", and some tools "pool//x.deb": apt asks for
// these as they are, and web servers answer with x.deb and pool/x.deb.
func cleanPath(p string) (string, error) {
	if p == "" || p[0] == '/' || p[len(p)-1] == '/' || len(p) > 2*layout.MaxPath {
		return layout.CleanPath(p)
	}
	for s := range strings.SplitSeq(p, "/") {
		if s == ".." {
			return "", fmt.Errorf("path %q: has a %q segment", p, s)
		}
	}
	return layout.CleanPath(path.Clean(p))
}
