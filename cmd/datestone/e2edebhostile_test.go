package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAptUpstreamDisappoints wants nothing published of a repository that is
// not whole or not signed, and what is wrong named; and all of it when it is
// right again.
func TestAptUpstreamDisappoints(t *testing.T) {
	t.Parallel()
	findAptTools(t)
	states := makeDebStates(t)
	const (
		deb   = "pool/main/h/hello/hello_1.1_amd64.deb"
		dists = "dists/stable/"
		index = dists + "main/binary-amd64/"
	)
	for name, test := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"package missing":   {func(dir string) error { return os.Remove(filepath.Join(dir, deb)) }, "hello_1.1_amd64.deb: the server answered 404"},
		"package truncated": {func(dir string) error { return os.Truncate(filepath.Join(dir, deb), 100) }, "hello_1.1_amd64.deb\": has 100 bytes, the manifest says"},
		"package replaced":  {func(dir string) error { return flip(filepath.Join(dir, deb)) }, "hello_1.1_amd64.deb\": has the SHA-256"},
		"source replaced":   {func(dir string) error { return flip(filepath.Join(dir, "pool/main/h/hello/hello_1.1.tar.xz")) }, "hello_1.1.tar.xz\": has the SHA-256"},
		"index replaced": {func(dir string) error {
			must(t, os.RemoveAll(filepath.Join(dir, index, "by-hash")))
			return flip(filepath.Join(dir, index, "Packages.gz"))
		}, "Packages.gz\": has the SHA-256"},
		"indexes missing": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, index)) }, "main/binary-amd64/Packages is listed, but in none of its forms there"},
		"contents replaced": {func(dir string) error {
			must(t, os.RemoveAll(filepath.Join(dir, dists, "main/by-hash")))
			return flip(filepath.Join(dir, dists, "main/Contents-amd64.gz"))
		}, "Contents-amd64.gz\": has the SHA-256"},
		"Release changed": {func(dir string) error { return flip(filepath.Join(dir, dists, "InRelease")) }, `suite "stable": dists/stable/InRelease: `},
		"unsigned": {func(dir string) error {
			must(t, os.Remove(filepath.Join(dir, dists, "Release.gpg")))
			return os.Remove(filepath.Join(dir, dists, "InRelease"))
		}, "is not signed: there is neither InRelease nor Release.gpg"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := strings.ReplaceAll(name, " ", "-")
			dir := filepath.Join(states, damaged)
			must(t, os.CopyFS(dir, os.DirFS(filepath.Join(states, "two"))))
			must(t, test.damage(dir))
			newE2EDeb(t, e2eStores[0], states).survives(damaged, test.want)
		})
	}
}

// survives publishes a state, then sees a damaged one, and then that as it
// should be.
func (d *e2eDeb) survives(damaged, want string) {
	d.t.Helper()
	d.run("20250319T000000Z", "run")
	d.now.Store(damaged)
	code, out, said := d.try("20250320T000000Z", "run")
	if code != exitFailed || !strings.Contains(said, want) {
		d.t.Errorf("exit code %d: %s%s; want %s", code, out, said, want)
	}
	if listed := columns(d.run("20250320T000000Z", "list")); strings.Count(listed, " 1 checkpoint ") != 2 {
		d.t.Errorf("something was published: %s", listed)
	}
	d.now.Store("two")
	if out := d.run("20250320T120000Z", "run"); strings.Count(out, "published") != 2 {
		d.t.Errorf("when all is right again: %s", out)
	}
	const deb = "pool/main/h/hello/hello_1.1_amd64.deb"
	right, err := os.ReadFile(filepath.Join(d.states, "two", deb))
	must(d.t, err)
	for _, repo := range []string{"hop", "here"} {
		stand, err := filepath.Glob(filepath.Join(d.dir, "site", "deb", repo, "2025*", deb))
		must(d.t, err)
		if len(stand) != 1 {
			d.t.Errorf("%s: the package stands in %q, want it in one checkpoint", repo, stand)
		}
		for _, name := range stand {
			if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, right) {
				d.t.Errorf("%s: got %d bytes, %v; want the %d of upstream", name, len(got), err, len(right))
			}
		}
	}
}

// flip changes a byte in the middle of a file.
func flip(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(name, b, 0o644)
}
