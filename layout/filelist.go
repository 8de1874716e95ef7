package layout

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"
)

// fileListHead is the first line of every file list: the format, version 1.
const fileListHead = "# datestone files 1: sha256, size, first seen, upstream digest, path\n"

// A FileList names a list of the files of one state, by its content. The list
// is text, a file a line, tab between the fields, sorted by path
// (docs/formats.md, section 3), so that
//
//	zstd -dc X.files.zst | sha256sum
//
// is X, and a checkpoint can be checked with awk and sha256sum.
type FileList struct {
	SHA256 Digest `json:"sha256"` // of the plain text
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"` // of all files together
}

// WriteFileList writes the files, which must be Sorted and have FirstSeen, as
// a list to w, and returns its name. A file that ReadFileList would refuse is
// an error.
func WriteFileList(w io.Writer, files iter.Seq2[File, error]) (FileList, error) {
	sum := sha256.New()
	buf := bufio.NewWriterSize(io.MultiWriter(sum, w), 1<<16)
	buf.WriteString(fileListHead)
	var list FileList
	var line []byte
	for f, err := range Sorted(files) {
		if err == nil {
			err = checkFile(f)
		}
		if err == nil {
			err = list.add(f)
		}
		if err != nil {
			return FileList{}, err
		}
		line = appendFile(line[:0], f)
		if _, err := buf.Write(line); err != nil {
			return FileList{}, err
		}
	}
	if err := buf.Flush(); err != nil {
		return FileList{}, err
	}
	sum.Sum(list.SHA256[:0])
	return list, nil
}

// checkFile refuses a file that a line can't have.
func checkFile(f File) error {
	if f.Size < 0 {
		return fmt.Errorf("path %q has a size of %d", f.Path, f.Size)
	}
	if _, err := ParseStamp(string(f.FirstSeen)); err != nil {
		return fmt.Errorf("path %q, first seen: %w", f.Path, err)
	}
	if err := checkUpstream(f.Upstream); err != nil {
		return fmt.Errorf("path %q: %w", f.Path, err)
	}
	return nil
}

// add counts f.
func (l *FileList) add(f File) error {
	if f.Size > math.MaxInt64-l.Bytes {
		return fmt.Errorf("path %q: its %d bytes and the %d before are more than 64 bits hold", f.Path, f.Size, l.Bytes)
	}
	l.Files++
	l.Bytes += f.Size
	return nil
}

// checkUpstream refuses what would not be one field of a line.
func checkUpstream(s string) error {
	if len(s) > maxUpstream {
		return fmt.Errorf("upstream digest of %d bytes, the limit is %d", len(s), maxUpstream)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s == "-" {
			return fmt.Errorf("%q is no upstream digest", s)
		}
	}
	return nil
}

const (
	// maxUpstream has room for "sha512:" and its digits.
	maxUpstream = 200
	// maxLine has room for all fields at their limits.
	maxLine = 2048
)

func appendFile(b []byte, f File) []byte {
	b = append(b, f.SHA256.String()...)
	b = append(b, '\t')
	b = strconv.AppendInt(b, f.Size, 10)
	b = append(b, '\t')
	b = append(b, f.FirstSeen...)
	b = append(b, '\t')
	if f.Upstream == "" {
		b = append(b, '-')
	}
	b = append(b, f.Upstream...)
	b = append(b, '\t')
	b = append(b, f.Path...)
	return append(b, '\n')
}

// ReadFileList reads a list. What WriteFileList would not write is an error
// that names the line; the sequence ends there.
func ReadFileList(r io.Reader) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		lines := lineReader{r: bufio.NewReaderSize(r, maxLine)}
		err := lines.head()
		var order orderCheck
		var list FileList
		for err == nil {
			var f File
			if f, err = lines.file(); err == nil {
				err = order.next(f.Path)
			}
			if err == nil {
				err = list.add(f)
			}
			if err == nil && !yield(f, nil) {
				return
			}
		}
		if err != io.EOF {
			yield(File{}, fmt.Errorf("file list, line %d: %w", lines.n, err))
		}
	}
}

// A lineReader reads the lines of a file list and counts them.
type lineReader struct {
	r *bufio.Reader
	n int // the line read last
}

// next returns a line without its end; io.EOF where there are no more.
func (l *lineReader) next() (string, error) {
	l.n++
	line, err := l.r.ReadSlice('\n')
	switch {
	case err == nil:
		return string(line[:len(line)-1]), nil
	case errors.Is(err, bufio.ErrBufferFull):
		return "", fmt.Errorf("is longer than %d bytes", maxLine)
	case err == io.EOF && len(line) > 0:
		return "", io.ErrUnexpectedEOF
	}
	return "", err
}

func (l *lineReader) head() error {
	line, err := l.next()
	switch {
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err == nil && line+"\n" != fileListHead:
		return errors.New("not a file list of version 1")
	}
	return err
}

func (l *lineReader) file() (File, error) {
	line, err := l.next()
	if err != nil {
		return File{}, err
	}
	fields := strings.Split(line, "\t")
	if len(fields) != 5 {
		return File{}, fmt.Errorf("%d fields instead of 5", len(fields))
	}
	return parseFields(fields)
}

func parseFields(fields []string) (f File, err error) {
	if f.SHA256, err = ParseDigest(fields[0]); err != nil {
		return f, err
	}
	if f.Size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || f.Size < 0 {
		return f, fmt.Errorf("%q is not a size", fields[1])
	}
	if f.FirstSeen, err = ParseStamp(fields[2]); err != nil {
		return f, err
	}
	if f.Upstream = fields[3]; f.Upstream == "-" {
		f.Upstream = ""
	}
	if err = checkUpstream(f.Upstream); err != nil {
		return f, err
	}
	f.Path = fields[4]
	if string(appendFile(nil, f)) != strings.Join(fields, "\t")+"\n" {
		return f, errors.New("is not written as datestone writes it")
	}
	return f, nil
}
