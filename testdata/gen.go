//go:build ignore

// Command gen makes the repositories under testdata/repos, always the same
// bytes: three states of a small PULP_MANIFEST repository, in which content is
// new, changes under its name, and disappears.
//
//	go run testdata/gen.go
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// states are, by name and path, the letter that fills each file.
var states = map[string]map[string]byte{
	"one":   {"1.iso": 'a', "2.iso": 'b', "3.iso": 'c'},
	"two":   {"1.iso": 'a', "2.iso": 'B', "docs/read me+more~1.txt": 'd'},
	"three": {"1.iso": 'a', "docs/read me+more~1.txt": 'd'},
}

const size = 1024

func main() {
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if err := write(filepath.Join("testdata", "repos", "file", name), states[name]); err != nil {
			log.Fatal(err)
		}
	}
}

func write(dir string, files map[string]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	var manifest bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(files)) {
		body := bytes.Repeat([]byte{files[path]}, size)
		fmt.Fprintf(&manifest, "%s,%x,%d\n", path, sha256.Sum256(body), len(body))
		if err := writeFile(filepath.Join(dir, path), body); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(dir, "PULP_MANIFEST"), manifest.Bytes())
}

func writeFile(name string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, body, 0o644)
}
