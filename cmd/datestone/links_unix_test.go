//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// links returns how many names a file has.
func links(t *testing.T, name string) int {
	t.Helper()
	fi, err := os.Stat(name)
	must(t, err)
	return int(fi.Sys().(*syscall.Stat_t).Nlink)
}
