package rpmmd

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A TreeFile is a file that treeinfo names; its size does not stand there.
type TreeFile struct {
	Path     string
	Checksum Checksum // zero: not declared
}

// Treeinfo reads .treeinfo and returns the files it names, images and all that
// have a checksum, sorted by path. Metadata of repositories, which may stand
// there with the checksum of the day on which the tree was made, is left out.
func Treeinfo(body []byte) ([]TreeFile, error) {
	files, section, known := map[string]Checksum{}, "", false
	lines := bufio.NewScanner(bytes.NewReader(body))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			section = line[1 : len(line)-1]
			known = known || section == "general" || section == "tree"
			continue
		}
		if err := treeLine(files, section, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("has no section [general] or [tree]")
	}
	var sorted []TreeFile
	for _, p := range slices.Sorted(maps.Keys(files)) {
		sorted = append(sorted, TreeFile{p, files[p]})
	}
	return sorted, nil
}

// treeLine takes the file that a line names.
func treeLine(files map[string]Checksum, section, line string) error {
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		key, value, ok = strings.Cut(line, ":")
	}
	if !ok {
		return fmt.Errorf("%.100q is not a key with a value", line)
	}
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	switch {
	case section == "checksums":
		kind, digits, _ := strings.Cut(value, ":")
		sum, err := ParseChecksum(kind, digits)
		if err != nil {
			return fmt.Errorf("checksum of %.300q: %w", key, err)
		}
		if key != "repodata/repomd.xml" && !strings.HasSuffix(key, "/repodata/repomd.xml") {
			files[key] = sum
		}
	case value != "" && (section == "stage2" || strings.HasPrefix(section, "images-")):
		files[value] = cmp.Or(files[value], Checksum{})
	}
	return nil
}
