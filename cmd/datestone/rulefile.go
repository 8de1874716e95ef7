package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"datestone/redirects"
)

// writeRules brings the artifacts to their places below dir.
func writeRules(dir string, artifacts []redirects.Artifact) ([]written, error) {
	var all []written
	for _, a := range artifacts {
		path := filepath.Join(dir, filepath.FromSlash(a.Name))
		removeLeft(path)
		changed, err := replaceFile(path, a.Body)
		if err != nil {
			return all, fmt.Errorf("write rules: %w", err)
		}
		all = append(all, written{path, changed})
	}
	return all, nil
}

// leftAfter is the age at which a file that was not finished is one that a
// killed run left.
const leftAfter = time.Hour

// unfinished is how the files beside path are named that are to replace it.
func unfinished(path string) string { return "." + filepath.Base(path) + ".*" }

// removeLeft does what it can; what it can't remove is nobody's harm.
func removeLeft(path string) {
	left, _ := fs.Glob(os.DirFS(filepath.Dir(path)), unfinished(path))
	for _, name := range left {
		name = filepath.Join(filepath.Dir(path), name)
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > leftAfter {
			os.Remove(name)
		}
	}
}

// replaceFile makes body the content of the file at path, in one step: a
// server that reloads in between sees the old rules or the new ones. It
// reports whether that changed anything.
func replaceFile(path string, body []byte) (changed bool, err error) {
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, body):
		return false, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return false, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), unfinished(path))
	if err != nil {
		return false, err
	}
	defer os.Remove(f.Name()) // gone already, when all went well
	_, err = f.Write(body)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return false, err
	}
	return true, os.Rename(f.Name(), path)
}
