package pulpmanifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"

	"datestone/layout"
)

const (
	// maxLine is the longest line, in bytes: a path of layout.MaxPath, digest
	// and size fit many times, so does a licence in a comment.
	maxLine = 1 << 16
	// maxQuote is how much of a field an error shows.
	maxQuote = 100

	byteOrderMark = "\ufeff"
	form          = "a line is path,sha256,size"
)

// An Entry is one line that names a file.
type Entry struct {
	Line int // counted from 1, blank lines and comments included
	layout.File
}

// A SyntaxError says which line of a manifest is wrong.
type SyntaxError struct {
	Line int
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads a manifest, line by line, and yields its entries as they come.
// The first line that is not one is a *SyntaxError, and the end. What only
// shows when all lines are known (one path twice) is left to Files.
func Parse(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		buf := bufio.NewReaderSize(r, maxLine)
		entries := 0
		for n := 1; ; n++ {
			line, readErr := buf.ReadSlice('\n')
			if readErr == io.EOF && len(line) == 0 {
				return
			}
			f, skip, err := parseLine(line, n, readErr)
			if skip {
				continue
			}
			if err != nil && entries == 0 {
				err = foreign(line, err)
			}
			if err != nil {
				err = &SyntaxError{Line: n, Err: err}
			}
			entries++
			if !yield(Entry{n, f}, err) || err != nil {
				return
			}
		}
	}
}

// parseLine reads line n; readErr is what reading it ended with, io.EOF being
// a last line without a newline.
func parseLine(line []byte, n int, readErr error) (f layout.File, skip bool, err error) {
	switch {
	case errors.Is(readErr, bufio.ErrBufferFull):
		return f, false, fmt.Errorf("is longer than %d bytes", maxLine)
	case readErr != nil && readErr != io.EOF:
		return f, false, readErr
	case n == 1 && bytes.HasPrefix(line, []byte(byteOrderMark)):
		return f, false, errors.New("begins with a byte order mark; write the manifest without one")
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] == '#' {
		return f, true, nil
	}
	f, err = parseFields(line)
	return f, false, err
}

// foreign recognises, from the first line that should have named a file, what
// servers send in place of a manifest.
func foreign(line []byte, err error) error {
	switch line = bytes.TrimSpace(line); {
	case bytes.HasPrefix(line, []byte("<")):
		return errors.New("this is HTML, not a manifest; is the URL that of the manifest itself?")
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return errors.New("this is compressed (gzip), not a manifest")
	}
	return err
}

// parseFields splits from the right: all but the last two commas are the path's.
func parseFields(line []byte) (f layout.File, err error) {
	last := bytes.LastIndexByte(line, ',')
	if last < 0 {
		return f, fmt.Errorf("has 1 field; %s", form)
	}
	middle := bytes.LastIndexByte(line[:last], ',')
	if middle < 0 {
		return f, fmt.Errorf("has 2 fields; %s", form)
	}
	if f.SHA256, err = parseDigest(bytes.TrimSpace(line[middle+1 : last])); err != nil {
		return layout.File{}, err
	}
	if f.Size, err = parseSize(bytes.TrimSpace(line[last+1:])); err != nil {
		return layout.File{}, err
	}
	if f.Path, err = parsePath(bytes.TrimSpace(line[:middle])); err != nil {
		return layout.File{}, err
	}
	return f, nil
}

func parsePath(b []byte) (string, error) {
	if len(b) > layout.MaxPath {
		return "", fmt.Errorf("path %s has %d bytes, the limit is %d", quote(b), len(b), layout.MaxPath)
	}
	return layout.CleanPath(string(b))
}

func parseDigest(b []byte) (layout.Digest, error) {
	if len(b) != 64 {
		return layout.Digest{}, fmt.Errorf("%s is not a SHA-256: %d characters instead of 64; %s", quote(b), len(b), form)
	}
	return layout.ParseDigest(string(b))
}

func parseSize(b []byte) (int64, error) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%s is not a size: only digits are; %s", quote(b), form)
		}
	}
	if len(b) == 0 {
		return 0, fmt.Errorf("has no size; %s", form)
	}
	size, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the size %s is more than %d", quote(b), int64(math.MaxInt64))
	}
	return size, nil
}

func quote(b []byte) string {
	if len(b) > maxQuote {
		return strconv.Quote(string(b[:maxQuote])) + "…"
	}
	return strconv.Quote(string(b))
}
