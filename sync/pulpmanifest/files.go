package pulpmanifest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"datestone/layout"
)

// minLine is the length of the shortest line that names a file: a,<64>,0 and
// the newline.
const minLine = 1 + 1 + 64 + 1 + 1 + 1

// Files reads a whole manifest and returns its files, sorted by path. The
// manifest stands beside them under name, so a line that takes its place is
// an error, as is one path twice, and a file that is a directory of another:
// the *SyntaxError names both lines.
func Files(body []byte, name string) ([]layout.File, error) {
	files := make([]layout.File, 0, min(bytes.Count(body, []byte("\n")), len(body)/minLine)+1)
	for e, err := range Parse(bytes.NewReader(body)) {
		if err == nil && isAbove(e.Path, name) {
			err = &SyntaxError{e.Line, fmt.Errorf("path %q is that of the manifest itself", e.Path)}
		}
		if err == nil && isAbove(name, e.Path) {
			err = &SyntaxError{e.Line, fmt.Errorf("path %q makes a directory of the manifest itself", e.Path)}
		}
		if err != nil {
			return nil, err
		}
		files = append(files, e.File)
	}
	slices.SortFunc(files, func(a, b layout.File) int { return strings.Compare(a.Path, b.Path) })
	return files, clashes(body, files)
}

// isAbove reports whether p is q, or a directory above it.
func isAbove(p, q string) bool {
	return strings.HasPrefix(q, p) && (len(p) == len(q) || q[len(p)] == '/')
}

// clashes looks for two of the sorted files that cannot both be. Line numbers
// are not kept for all files but looked up again when there is an error.
func clashes(body []byte, files []layout.File) error {
	var above []string // files whose names begin those that follow
	for _, f := range files {
		for n := len(above); n > 0 && !strings.HasPrefix(f.Path, above[n-1]); n = len(above) {
			above = above[:n-1]
		}
		for _, a := range above {
			if isAbove(a, f.Path) {
				return clash(body, a, f.Path)
			}
		}
		above = append(above, f.Path)
	}
	return nil
}

// clash returns the error for two files of which a is b, or above it.
func clash(body []byte, a, b string) error {
	var first, second Entry
	for e := range Parse(bytes.NewReader(body)) {
		switch {
		case e.Path != a && e.Path != b:
		case first.Line == 0:
			first = e
		case second.Line == 0 && (a == b || e.Path != first.Path):
			second = e
		}
	}
	switch {
	case a == b:
		return &SyntaxError{second.Line, fmt.Errorf("path %q stands in line %d already", a, first.Line)}
	case first.Path == a:
		return &SyntaxError{second.Line, fmt.Errorf("path %q makes a directory of %q, a file in line %d", b, a, first.Line)}
	default:
		return &SyntaxError{second.Line, fmt.Errorf("path %q is a file, and a directory of %q in line %d", a, b, first.Line)}
	}
}
