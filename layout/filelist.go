package layout

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
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
// a list to w, and returns its name.
func WriteFileList(w io.Writer, files iter.Seq2[File, error]) (FileList, error) {
	sum := sha256.New()
	buf := bufio.NewWriterSize(io.MultiWriter(sum, w), 1<<16)
	buf.WriteString(fileListHead)
	var list FileList
	var line []byte
	for f, err := range Sorted(files) {
		if err != nil {
			return FileList{}, err
		}
		line = appendFile(line[:0], f)
		if _, err := buf.Write(line); err != nil {
			return FileList{}, err
		}
		list.Files++
		list.Bytes += f.Size
	}
	if err := buf.Flush(); err != nil {
		return FileList{}, err
	}
	sum.Sum(list.SHA256[:0])
	return list, nil
}

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
	return Sorted(func(yield func(File, error) bool) {
		buf := bufio.NewReaderSize(r, 1<<16)
		for n := 1; ; n++ {
			line, err := buf.ReadString('\n')
			if err == io.EOF && line == "" && n > 1 {
				return
			}
			f, err := parseFile(line, n, err)
			if n == 1 && err == nil {
				continue
			}
			if err != nil {
				err = fmt.Errorf("file list, line %d: %w", n, err)
			}
			if !yield(f, err) || err != nil {
				return
			}
		}
	})
}

// parseFile reads line n; readErr is what reading it ended with.
func parseFile(line string, n int, readErr error) (File, error) {
	switch {
	case errors.Is(readErr, io.EOF):
		return File{}, io.ErrUnexpectedEOF
	case readErr != nil:
		return File{}, readErr
	case n == 1 && line != fileListHead:
		return File{}, fmt.Errorf("not a file list of version 1")
	case n == 1:
		return File{}, nil
	}
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
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
	f.Path = fields[4]
	if string(appendFile(nil, f)) != strings.Join(fields, "\t")+"\n" {
		return f, errors.New("is not written as datestone writes it")
	}
	return f, nil
}
