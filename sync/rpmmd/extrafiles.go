package rpmmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// An ExtraFile is a file of a tree that is neither a package nor an image.
type ExtraFile struct {
	Path     string
	Size     int64
	Checksum Checksum // the strongest that is declared
}

// ExtraFiles reads the extra_files.json of a tree, in its order. The file of
// that name that stands beside a whole compose has other contents, and no data:
// it names no files here.
func ExtraFiles(body []byte) ([]ExtraFile, error) {
	var list struct {
		Data []struct {
			File      string            `json:"file"`
			Size      *int64            `json:"size"`
			Checksums map[string]string `json:"checksums"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var files []ExtraFile
	for _, d := range list.Data {
		f := ExtraFile{Path: d.File, Size: -1}
		if d.Size != nil {
			f.Size = max(*d.Size, -1)
		}
		var err error
		if f.Checksum, err = strongest(d.Checksums); err != nil {
			return nil, fmt.Errorf("file %.300q: %w", d.File, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func strongest(sums map[string]string) (best Checksum, err error) {
	for _, kind := range slices.Sorted(maps.Keys(sums)) {
		sum, err := ParseChecksum(kind, sums[kind])
		if err != nil {
			return Checksum{}, err
		}
		if sum.strength() > best.strength() {
			best = sum
		}
	}
	if best.IsZero() {
		err = errors.New("has no checksum")
	}
	return best, err
}
