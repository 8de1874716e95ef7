package aptrepo

import (
	"bytes"
	"io"
	"path"
)

// Patches reads the Index of a directory of patches (Packages.diff/Index) and
// returns the files to download, with paths below that directory.
func Patches(index []byte) ([]PoolFile, error) {
	var files []PoolFile
	s := newStanzaReader(bytes.NewReader(index), len(index))
	wanted := func(field []byte) bool { return string(field) == "sha256-download" }
	for {
		err := s.next(wanted, func(_ []byte, _ bool, value []byte) error {
			if len(value) == 0 {
				return nil
			}
			r, err := parseRow(value)
			if err != nil {
				return err
			}
			f, err := poolFile(path.Base(r.name), r.size, r.sha256)
			files = append(files, f)
			return err
		})
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
