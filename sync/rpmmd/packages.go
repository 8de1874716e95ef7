package rpmmd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Package is a file that primary.xml or prestodelta.xml names.
type Package struct {
	Location
	Checksum Checksum
	Size     int64
	// Name, Arch and Version are those of the package; of a delta, those of the
	// package that it leads to. See CompareVersions.
	Name, Arch, Version string
}

// errStop ends a walk whose caller has enough.
var errStop = errors.New("stop")

// Packages reads the packages of primary.xml, in its order. After an error,
// which names the line, the sequence ends; without one the document was read to
// its end.
func Packages(r io.Reader) iter.Seq2[Package, error] {
	return func(yield func(Package, error) bool) {
		d := newDocument(r)
		walk(yield, d.whole(func(e xml.StartElement) error {
			if e.Name.Local != "package" {
				return nil
			}
			return handOn(yield, d.packageOf)
		}, "metadata"))
	}
}

// Deltas reads the delta packages of prestodelta.xml or deltainfo.xml, as
// Packages does.
func Deltas(r io.Reader) iter.Seq2[Package, error] {
	return func(yield func(Package, error) bool) {
		d := newDocument(r)
		walk(yield, d.whole(func(to xml.StartElement) error {
			return d.each(func(e xml.StartElement) error {
				if e.Name.Local != "delta" {
					return nil
				}
				return handOn(yield, func() (Package, error) { return d.deltaOf(to) })
			})
		}, "prestodelta", "deltainfo"))
	}
}

func handOn(yield func(Package, error) bool, read func() (Package, error)) error {
	p, err := read()
	if err == nil && !yield(p, nil) {
		err = errStop
	}
	return err
}

func walk(yield func(Package, error) bool, err error) {
	if err != nil && !errors.Is(err, errStop) {
		yield(Package{}, err)
	}
}

func (d *document) packageOf() (Package, error) {
	p := Package{Size: -1}
	err := d.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "location":
			p.Location = locationOf(e)
		case "checksum":
			p.Checksum, err = d.checksum(e)
		case "size":
			if size := attribute(e, "package"); size != "" {
				p.Size, err = parseSize(size)
			}
		case "name":
			p.Name, err = d.text()
		case "arch":
			p.Arch, err = d.text()
		case "version":
			p.Version = versionOf(e, "ver", "rel")
		}
		return err
	})
	return p, p.checked("package", err)
}

func (d *document) deltaOf(to xml.StartElement) (Package, error) {
	p := Package{Size: -1, Name: attribute(to, "name"), Arch: attribute(to, "arch"), Version: versionOf(to, "version", "release")}
	err := d.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "filename":
			p.Href, err = d.text()
		case "checksum":
			p.Checksum, err = d.checksum(e)
		case "size":
			p.Size, err = d.size()
		}
		return err
	})
	return p, p.checked("delta", err)
}

// checked says what a package lacks.
func (p Package) checked(what string, err error) error {
	switch {
	case err != nil && p.Href == "":
		return err
	case err != nil:
		return fmt.Errorf("%s %.300q: %w", what, p.Href, err)
	case p.Href == "":
		return fmt.Errorf("a %s has no location", what)
	case p.Checksum.IsZero():
		return fmt.Errorf("%s %.300q: has no checksum", what, p.Href)
	case p.Size < 0:
		return fmt.Errorf("%s %.300q: has no size", what, p.Href)
	}
	return nil
}
