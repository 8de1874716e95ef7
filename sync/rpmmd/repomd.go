package rpmmd

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A Location is where metadata says that a file is; see Resolve.
type Location struct {
	Base string // xml:base
	Href string
}

// Data is a file that repomd.xml names.
type Data struct {
	Type string // "primary", "filelists", …, or one that nobody here knows
	Location
	Checksum Checksum
	Size     int64 // -1: not declared
	// Open and OpenSize are those of the unpacked file; zero and -1 where they
	// are not declared.
	Open     Checksum
	OpenSize int64
}

// maxData is how many files a repomd.xml may name; a large one names 30.
const maxData = 1000

// Repomd reads repomd.xml and returns what it names, in its order.
func Repomd(r io.Reader) ([]Data, error) {
	var all []Data
	d := newDocument(r)
	err := d.whole(func(e xml.StartElement) error {
		if e.Name.Local != "data" {
			return nil
		}
		if len(all) == maxData {
			return fmt.Errorf("names more than %d files", maxData)
		}
		data, err := d.data(e)
		if err != nil {
			return fmt.Errorf("data %.100q: %w", data.Type, err)
		}
		all = append(all, data)
		return nil
	}, "repomd")
	return all, err
}

func (d *document) data(e xml.StartElement) (Data, error) {
	data := Data{Type: attribute(e, "type"), Size: -1, OpenSize: -1}
	err := d.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "location":
			data.Location = locationOf(e)
		case "checksum":
			data.Checksum, err = d.checksum(e)
		case "open-checksum":
			data.Open, err = d.checksum(e)
		case "size":
			data.Size, err = d.size()
		case "open-size":
			data.OpenSize, err = d.size()
		}
		return err
	})
	switch {
	case err != nil:
	case data.Href == "":
		err = errors.New("has no location")
	case data.Checksum.IsZero():
		err = fmt.Errorf("location %q: has no checksum", data.Href)
	}
	return data, err
}

func locationOf(e xml.StartElement) Location {
	return Location{Base: attribute(e, "base"), Href: attribute(e, "href")}
}

func (d *document) size() (int64, error) {
	text, err := d.text()
	if err != nil {
		return 0, err
	}
	return parseSize(text)
}

func parseSize(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%.100q is not a size", text)
	}
	return n, nil
}
