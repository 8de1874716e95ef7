package aptrepo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	// maxLine is the longest line of a field that is read here. Other fields
	// (Provides, Depends) may have lines as long as their stanza.
	maxLine = 64 << 10
	// maxStanza is the longest stanza, in bytes: the longest of Debian's have
	// some hundred KB.
	maxStanza = 8 << 20
	// maxQuote is how much of a line an error shows.
	maxQuote = 100
)

// A SyntaxError says where metadata is wrong.
type SyntaxError struct {
	Stanza int    // counted from 1
	Name   string // of its package, where that is known
	Line   int    // of the whole file, counted from 1
	Err    error
}

func (e *SyntaxError) Error() string {
	if e.Name != "" {
		return fmt.Sprintf("stanza %d (%q), line %d: %v", e.Stanza, e.Name, e.Line, e.Err)
	}
	return fmt.Sprintf("stanza %d, line %d: %v", e.Stanza, e.Line, e.Err)
}

// Unwrap returns what is wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// A stanzaReader reads "Name: value" fields, whose value goes on in lines that
// begin with white space. An empty line parts stanzas.
type stanzaReader struct {
	r      *bufio.Reader
	limit  int // bytes of a stanza
	line   int // the one read last
	begin  int // the first one of the stanza
	stanza int
	field  []byte // the one whose lines are being read, in lower case
}

func newStanzaReader(r io.Reader, limit int) *stanzaReader {
	return &stanzaReader{r: bufio.NewReaderSize(r, maxLine), limit: limit}
}

// A lineFunc takes one line of a field: its name in lower case, whether it is
// the first of the field, and the value, without white space around it. What
// it is given is not its own.
type lineFunc func(field []byte, first bool, value []byte) error

// next reads one stanza and hands each of its lines to take; io.EOF when there
// is none. wanted says of which fields a line that is too long is an error;
// the others are passed over without their value.
//
// Errors are SyntaxErrors without a Name.
func (s *stanzaReader) next(wanted func(field []byte) bool, take lineFunc) error {
	size, fields := 0, 0
	s.field = s.field[:0]
	s.stanza++
	for {
		line, long, err := s.readLine(&size)
		if err == io.EOF && fields > 0 {
			return nil
		}
		if err == io.EOF {
			return err
		}
		if err != nil {
			return s.at(s.line, err)
		}
		if len(line) == 0 && !long {
			if fields > 0 {
				return nil
			}
			continue // another empty line
		}
		if fields++; fields == 1 {
			s.begin = s.line
		}
		if err := s.takeLine(line, long, wanted, take); err != nil {
			return s.at(s.line, err)
		}
	}
}

// readLine returns a line without its end and the white space before it, or
// its beginning when it is long. Its length is added to size.
func (s *stanzaReader) readLine(size *int) (line []byte, long bool, err error) {
	s.line++
	line, err = s.r.ReadSlice('\n')
	*size += len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		begin := bytes.Clone(line[:maxQuote])
		for errors.Is(err, bufio.ErrBufferFull) && *size <= s.limit {
			line, err = s.r.ReadSlice('\n')
			*size += len(line)
		}
		line, long = begin, true
	}
	switch {
	case *size > s.limit:
		return nil, false, fmt.Errorf("the stanza is longer than %d bytes", s.limit)
	case err == io.EOF && len(line) == 0:
		return nil, false, io.EOF
	case err != nil && err != io.EOF:
		return nil, false, err
	}
	return bytes.TrimRight(line, " \t\r\n"), long, nil
}

func (s *stanzaReader) takeLine(line []byte, long bool, wanted func([]byte) bool, take lineFunc) error {
	first, value := false, line
	if line[0] != ' ' && line[0] != '\t' {
		name, after, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isFieldName(name) {
			return fmt.Errorf("%s is no field", quote(line))
		}
		s.field = append(s.field[:0], bytes.ToLower(name)...)
		first, value = true, after
	} else if len(s.field) == 0 {
		return fmt.Errorf("%s goes on with a field that was not begun", quote(line))
	}
	if !wanted(s.field) {
		return nil
	}
	if long {
		return fmt.Errorf("field %q: a line is longer than %d bytes", s.field, maxLine)
	}
	return take(s.field, first, bytes.TrimSpace(value))
}

// isFieldName: deb822(5) has it printable, without space and colon, and not
// beginning with # or -.
func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(name) > 0 && name[0] != '#' && name[0] != '-'
}

func (s *stanzaReader) at(line int, err error) *SyntaxError {
	return &SyntaxError{Stanza: s.stanza, Line: line, Err: err}
}

// of makes an error about the stanza of a package, which names the stanza's
// first line where it names none.
func (s *stanzaReader) of(name string, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		syntax = s.at(s.begin, err)
	}
	syntax.Name = name
	return syntax
}

// once refuses a field that was read before.
func once(field []byte, is string, value []byte) (string, error) {
	if is != "" {
		return is, fmt.Errorf("field %q is there twice", field)
	}
	return string(value), nil
}

func quote(b []byte) string {
	if len(b) > maxQuote {
		return strconv.Quote(string(b[:maxQuote])) + "…"
	}
	return strconv.Quote(string(b))
}
