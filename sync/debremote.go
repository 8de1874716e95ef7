package reposync

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

const (
	typeDeb    = "deb"
	archSource = "source"
	archAll    = "all"
	// maxKeyring is far above what distributions have, in bytes.
	maxKeyring = 16 << 20
)

// A debSuite is a directory with a Release file.
type debSuite struct {
	name string
	flat bool
	// dir is where the Release is, below the URL, with its last slash; empty at
	// the URL itself.
	dir string
}

// parseSuite reads a suite as sources.list has it: one that ends in a slash is
// a directory by itself, without components.
func parseSuite(name string) (debSuite, error) {
	s := debSuite{name: name, flat: strings.HasSuffix(name, "/"), dir: "dists/" + name + "/"}
	if s.flat {
		s.dir = strings.TrimLeft(path.Clean("/"+name)+"/", "/")
	}
	if name == "/" || name == "./" {
		return s, nil
	}
	clean := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if _, err := layout.CleanPath(clean); err != nil {
		return s, fmt.Errorf("suite %q: %w", name, err)
	}
	return s, nil
}

func (r Remote) suites() ([]debSuite, error) {
	var suites []debSuite
	for i, name := range r.Suites {
		s, err := parseSuite(name)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(suites[:i], func(t debSuite) bool { return t.dir == s.dir }) {
			return nil, fmt.Errorf("suite %q: is there twice", name)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// validateDeb says what is wrong with the fields of a deb remote.
func (r Remote) validateDeb() error {
	suites, err := r.suites()
	flat := !slices.ContainsFunc(suites, func(s debSuite) bool { return !s.flat })
	switch {
	case err != nil:
		return err
	case len(suites) == 0:
		return errors.New("remote: a deb remote needs suites")
	case r.Keyring == "":
		return errors.New("remote: a deb remote needs a keyring, the file of the keys that sign it")
	case flat && len(r.Components)+len(r.Architectures) > 0:
		return errors.New("remote: suites that end in a slash are flat: they have no components and architectures")
	case !flat && len(r.Components) == 0:
		return errors.New("remote: a deb remote needs components")
	case !flat && len(r.Architectures) == 0:
		return errors.New(`remote: a deb remote needs architectures; "source" is one of them`)
	}
	if err := names("component", r.Components, true); err != nil {
		return err
	}
	return names("architecture", r.Architectures, false)
}

func names(what string, list []string, slash bool) error {
	for i, name := range list {
		_, err := layout.CleanPath(name)
		if err != nil || strings.ContainsAny(name, " \t") || !slash && strings.Contains(name, "/") {
			return fmt.Errorf("%s %q: is no name of one", what, name)
		}
		if slices.Contains(list[:i], name) {
			return fmt.Errorf("%s %q: is there twice", what, name)
		}
	}
	return nil
}

// CheckKeyring says what is wrong with the file of the keyring.
func (r Remote) CheckKeyring() error {
	_, err := r.keyring()
	return err
}

func (r Remote) keyring() (aptrepo.Keyring, error) {
	b, err := r.keyringBytes()
	var k aptrepo.Keyring
	if err == nil {
		k, err = aptrepo.ParseKeyring(b)
	}
	if err != nil {
		return k, fmt.Errorf("keyring %q: %w", r.Keyring, err)
	}
	k.AllowExpired = r.AllowExpiredKeys
	return k, nil
}

func (r Remote) keyringBytes() ([]byte, error) {
	info, err := os.Stat(r.Keyring) // opening a pipe would wait for its writer
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	if err != nil {
		return nil, err
	}
	f, err := os.Open(r.Keyring)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyring+1))
	if err == nil && len(b) > maxKeyring {
		err = fmt.Errorf("is larger than %d bytes", maxKeyring)
	}
	return b, err
}
