package history

import (
	"context"
	"io"
)

// A Tree has the files of one state, where they are not simply below a
// directory or URL.
type Tree interface {
	// Open opens a file and says how many bytes it has, -1 where that is not
	// known. size is what the metadata says of it, -1 where it says nothing.
	// A missing file is fs.ErrNotExist.
	Open(ctx context.Context, path string, size int64) (body io.ReadCloser, length int64, err error)
}
