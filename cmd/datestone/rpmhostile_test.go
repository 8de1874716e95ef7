package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRPMUpstreamDisappoints wants nothing published of a repository that is
// not whole or not signed, and what is wrong named; and all of it when it is
// right again.
func TestRPMUpstreamDisappoints(t *testing.T) {
	t.Parallel()
	u := newRPMUpstream(t)
	for name, test := range map[string]struct {
		state  string // in two checksums are SHA-512, in four SHA-256
		damage func(dir string) error
		want   string
	}{
		"package missing":         {"four", func(dir string) error { return os.Remove(filepath.Join(dir, "hello-2.rpm")) }, "hello-2.rpm: the server answered 404"},
		"package truncated":       {"four", func(dir string) error { return os.Truncate(filepath.Join(dir, "hello-2.rpm"), 100) }, `"hello-2.rpm": has 100 bytes`},
		"package replaced":        {"four", func(dir string) error { return flip(filepath.Join(dir, "hello-2.rpm")) }, `"hello-2.rpm": has the SHA-256`},
		"package missing, 512":    {"two", func(dir string) error { return os.Remove(filepath.Join(dir, "hello-2.rpm")) }, "hello-2.rpm: the server answered 404"},
		"package truncated, 512":  {"two", func(dir string) error { return os.Truncate(filepath.Join(dir, "hello-2.rpm"), 100) }, `"hello-2.rpm": has 100 bytes`},
		"package replaced, 512":   {"two", func(dir string) error { return flip(filepath.Join(dir, "hello-2.rpm")) }, `"hello-2.rpm": has the sha512`},
		"primary replaced":        {"four", func(dir string) error { return flip(filepath.Join(dir, "repodata/primary.xml.gz")) }, `"repodata/primary.xml.gz": has the sha256`},
		"other metadata replaced": {"four", func(dir string) error { return flip(filepath.Join(dir, "repodata/other.xml.gz")) }, `other.xml.gz": has the SHA-256`},
		"other metadata missing":  {"four", func(dir string) error { return os.Remove(filepath.Join(dir, "repodata/filelists.xml.gz")) }, "filelists.xml.gz: the server answered 404"},
		"image replaced":          {"four", func(dir string) error { return flip(filepath.Join(dir, "boot.img")) }, `"boot.img": has the SHA-256`},
		"signature of another":    {"four", func(dir string) error { return flip(filepath.Join(dir, "repodata/repomd.xml")) }, "repodata/repomd.xml.asc: the signature of key"},
		"unsigned":                {"four", func(dir string) error { return os.Remove(filepath.Join(dir, "repodata/repomd.xml.asc")) }, "repodata/repomd.xml is not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := strings.ReplaceAll(name, " ", "-")
			dir := filepath.Join(u.dir, "states", damaged)
			must(t, os.CopyFS(dir, os.DirFS(filepath.Join(u.dir, "states", test.state))))
			must(t, test.damage(dir))
			newRPMSite(t, e2eStores[0], u).survives(damaged, test.state, test.want)
		})
	}
}

// survives publishes a state, then sees a damaged one, and then that as it
// should be.
func (s *rpmSite) survives(damaged, state, want string) {
	s.t.Helper()
	s.at("one", rpmStamps[0])
	code, _, said := s.at(damaged, rpmStamps[1])
	if code != exitFailed || !strings.Contains(said, want) {
		s.t.Errorf("exit code %d: %s; want %s", code, said, want)
	}
	if listed := s.run(rpmStamps[1], "list"); strings.Contains(listed, string(rpmStamps[1])) {
		s.t.Errorf("something was published: %s", listed)
	}
	code, reports, said := s.at(state, rpmStamps[2])
	if code != exitDone || len(reports) != 2 {
		s.t.Fatalf("when all is right again: exit code %d, %+v: %s", code, reports, said)
	}
	for _, r := range reports {
		dir := filepath.Join(s.dir, "site", "rpm", r.Repository, string(r.Checkpoint))
		for p, body := range s.u.states[state] {
			if got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(p))); err != nil || string(got) != body {
				s.t.Errorf("%s: %s has %d bytes, %v; want the %d of upstream", r.Repository, p, len(got), err, len(body))
			}
		}
	}
}
