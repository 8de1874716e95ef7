package rpmmd

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mirrors is what a list of mirrors says.
type Mirrors struct {
	// URLs are those of the repository, with their last slash: the best first.
	URLs []string
	// Repomd has the checksums of the newest repomd.xml, and then of older ones
	// that mirrors may still have; empty where the list says none.
	Repomd []Checksum
}

const (
	maxMirrorLine = 4096 // as librepo has it
	repomdPath    = "repodata/repomd.xml"
)

// Mirrorlist reads a URL a line.
func Mirrorlist(body []byte) (Mirrors, error) {
	var m Mirrors
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxMirrorLine)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '<':
			return m, fmt.Errorf("line %d: %.50q: want a URL", n, line)
		default:
			m.add(line)
		}
	}
	if err := lines.Err(); err != nil {
		return m, err
	}
	if len(m.URLs) == 0 {
		return m, errors.New("names no mirror with http or https")
	}
	return m, nil
}

// add adds the URL of a repository, or of its repomd.xml; those of other
// protocols than http and https are for others.
func (m *Mirrors) add(s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, repomdPath), "/") + "/"
	if !slices.Contains(m.URLs, s) {
		m.URLs = append(m.URLs, s)
	}
}

// Metalink reads a Metalink 3 document for a repomd.xml.
func Metalink(body []byte) (Mirrors, error) {
	d := newDocument(bytes.NewReader(body))
	l := metalink{document: d}
	err := d.whole(func(e xml.StartElement) error {
		if e.Name.Local != "files" {
			return nil
		}
		return d.each(func(e xml.StartElement) error {
			if e.Name.Local != "file" || attribute(e, "name") != "repomd.xml" {
				return nil
			}
			return d.each(l.visit)
		})
	}, "metalink")
	if err != nil {
		return Mirrors{}, err
	}
	return l.mirrors()
}

// A metalink is one on its way.
type metalink struct {
	*document
	urls []preferred
	sums []Checksum
}

type preferred struct {
	url        string
	preference int
}

// visit reads what stands in the file, at any depth that matters.
func (l *metalink) visit(e xml.StartElement) error {
	switch e.Name.Local {
	case "verification":
		return l.verification()
	case "alternates", "alternate", "resources":
		return l.each(l.visit)
	case "url":
		text, err := l.text()
		preference, _ := strconv.Atoi(attribute(e, "preference"))
		l.urls = append(l.urls, preferred{text, preference})
		return err
	}
	return nil
}

// verification takes the strongest of several checksums of one file.
func (l *metalink) verification() error {
	var strongest Checksum
	err := l.each(func(e xml.StartElement) error {
		if e.Name.Local != "hash" {
			return nil
		}
		sum, err := l.checksum(e)
		if sum.strength() > strongest.strength() {
			strongest = sum
		}
		return err
	})
	if err == nil && !strongest.IsZero() {
		l.sums = append(l.sums, strongest)
	}
	return err
}

func (l *metalink) mirrors() (Mirrors, error) {
	slices.SortStableFunc(l.urls, func(a, b preferred) int { return b.preference - a.preference })
	m := Mirrors{Repomd: l.sums}
	for _, u := range l.urls {
		if strings.HasSuffix(u.url, "/"+repomdPath) {
			m.add(u.url)
		}
	}
	switch {
	case len(m.URLs) == 0:
		return m, errors.New("names no mirror of repomd.xml with http or https")
	case len(m.Repomd) == 0:
		return m, errors.New("has no checksum of repomd.xml")
	}
	return m, nil
}
