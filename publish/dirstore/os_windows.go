package dirstore

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// inode is left out of versions: a FileInfo has none.
func inode(fs.FileInfo) uint64 { return 0 }

func isNotDir(err error) bool {
	return errors.Is(err, windows.ERROR_DIRECTORY) || errors.Is(err, windows.ERROR_PATH_NOT_FOUND)
}

func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// cannotLink reports whether a copy may do what a hard link can't: NTFS takes
// 1,024 links to a file, FAT none.
func cannotLink(err error) bool {
	for _, e := range []error{windows.ERROR_TOO_MANY_LINKS, windows.ERROR_INVALID_FUNCTION, windows.ERROR_NOT_SUPPORTED, windows.ERROR_NOT_SAME_DEVICE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
