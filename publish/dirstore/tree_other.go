//go:build !unix

package dirstore

import "os"

// A tree is an os.Root. Windows does not remove a directory that is open, so
// none is kept open.
type tree struct{ *os.Root }

func newTree(root *os.Root) *tree { return &tree{root} }
