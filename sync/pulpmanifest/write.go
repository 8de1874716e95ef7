package pulpmanifest

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"datestone/layout"
)

// Write writes files as a manifest, in their order, a line each that ends in
// a newline. A file whose path no manifest can hold (one that begins with #,
// or with white space) is an error.
func Write(w io.Writer, files iter.Seq2[layout.File, error]) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	for f, err := range files {
		if err == nil {
			err = writable(f)
		}
		if err != nil {
			return err
		}
		line = append(append(line[:0], f.Path...), ',')
		line = append(append(line, f.SHA256.String()...), ',')
		line = append(strconv.AppendInt(line, f.Size, 10), '\n')
		if _, err := buf.Write(line); err != nil {
			return err
		}
	}
	return buf.Flush()
}

func writable(f layout.File) error {
	if _, err := layout.CleanPath(f.Path); err != nil {
		return err
	}
	switch {
	case f.Path[0] == '#', strings.TrimSpace(f.Path) != f.Path, strings.HasPrefix(f.Path, byteOrderMark):
		return fmt.Errorf("path %q cannot stand in a manifest", f.Path)
	case f.Size < 0:
		return fmt.Errorf("path %q has the size %d", f.Path, f.Size)
	}
	return nil
}
