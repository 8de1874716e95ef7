package rpmmd

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxToken = 4 << 20 // bytes of a tag, or of text between two
	maxDepth = 64
)

// A document is XML that is read token by token.
type document struct {
	*xml.Decoder
	source *budget
	depth  int
}

func newDocument(r io.Reader) *document {
	b := &budget{r: r, left: maxToken}
	return &document{Decoder: xml.NewDecoder(bufio.NewReaderSize(b, 64<<10)), source: b}
}

// A budget ends a token that would take all memory.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes without a tag", maxToken)
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// next returns the next start, end or text. A document type is refused: it is
// where entities are defined that others are made of.
func (d *document) next() (xml.Token, error) {
	for {
		d.source.left = maxToken
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t.(type) {
		case xml.Directive:
			return nil, errors.New("has a document type, and could define entities")
		case xml.StartElement:
			if d.depth++; d.depth > maxDepth {
				return nil, fmt.Errorf("more than %d elements in one another", maxDepth)
			}
			return t, nil
		case xml.EndElement:
			d.depth--
			return t, nil
		case xml.CharData:
			return t, nil
		}
	}
}

// root reads up to the first element, which must have one of the names.
func (d *document) root(names ...string) error {
	for {
		t, err := d.next()
		if err == io.EOF {
			return errors.New("is empty")
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			for _, name := range names {
				if t.Name.Local == name {
					return nil
				}
			}
			return fmt.Errorf("is <%.100s>, want <%s>", t.Name.Local, strings.Join(names, "> or <"))
		case xml.CharData:
			if text := strings.TrimSpace(string(t)); text != "" && text != "\ufeff" {
				return fmt.Errorf("begins with %.50q, want <%s>", text, names[0])
			}
		}
	}
}

// each calls visit for each element in the current one, until its end. What
// visit leaves of an element is skipped.
func (d *document) each(visit func(xml.StartElement) error) error {
	inside := d.depth
	for {
		t, err := d.next()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := visit(t); err != nil {
				return err
			}
			if err := d.leave(inside); err != nil {
				return err
			}
		case xml.EndElement:
			if d.depth < inside {
				return nil
			}
		}
	}
}

// leave reads on until no more than depth elements are open.
func (d *document) leave(depth int) error {
	for d.depth > depth {
		if _, err := d.next(); err != nil {
			return err
		}
	}
	return nil
}

// text returns the text of the current element, and leaves it.
func (d *document) text() (string, error) {
	var b strings.Builder
	for inside := d.depth; d.depth >= inside; {
		t, err := d.next()
		if err != nil {
			return "", err
		}
		if c, ok := t.(xml.CharData); ok {
			if b.Write(c); b.Len() > maxToken {
				return "", fmt.Errorf("an element has more than %d bytes of text", maxToken)
			}
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// end reads what comes after the root: nothing.
func (d *document) end() error {
	for {
		t, err := d.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c, ok := t.(xml.CharData); !ok || strings.TrimSpace(string(c)) != "" {
			return errors.New("goes on after its end")
		}
	}
}

// at says where an error is.
func (d *document) at(err error) error {
	var syntax *xml.SyntaxError
	if err == nil || errors.As(err, &syntax) { // which has the line
		return err
	}
	line, _ := d.InputPos()
	return fmt.Errorf("line %d: %w", line, err)
}

// whole reads a document with that root: visit is called for each element in
// it.
func (d *document) whole(visit func(xml.StartElement) error, names ...string) error {
	err := d.root(names...)
	if err == nil {
		err = d.each(visit)
	}
	if err == nil {
		err = d.end()
	}
	return d.at(err)
}

// attribute returns that of the local name; base is "xml:base".
func attribute(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// checksum reads the current element as one.
func (d *document) checksum(e xml.StartElement) (Checksum, error) {
	digits, err := d.text()
	if err != nil {
		return Checksum{}, err
	}
	return ParseChecksum(attribute(e, "type"), digits)
}
