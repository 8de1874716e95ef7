package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// An rpmUpstream is a signed repository, made by the real tools and served by a
// web server. Its gpg thinks that it is the day before the first checkpoint.
type rpmUpstream struct {
	*httptest.Server
	t    *testing.T
	dir  string // has home, the keys, and repo, which is served
	copy map[string]siteBytes
}

// rpmTools are the programs of upstream and of its clients.
var rpmTools = []string{"rpmbuild", "rpmsign", "createrepo_c", "modifyrepo_c", "gpg", "gpgconf", "rpm", "dnf"}

func newRPMUpstream(t *testing.T) *rpmUpstream {
	t.Helper()
	for _, tool := range rpmTools {
		enginetest.Find(t, tool)
	}
	dir, err := os.MkdirTemp("", "rpm") // short: gpg's agent has a socket below
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := &rpmUpstream{t: t, dir: dir, copy: map[string]siteBytes{}}
	must(t, os.MkdirAll(filepath.Join(u.dir, "home", "keys"), 0o700))
	must(t, os.MkdirAll(u.repo(), 0o777))
	t.Cleanup(func() { u.tool("gpgconf", "--kill", "all") })
	u.gpg("--quick-generate-key", "Upstream <upstream@example.org>", "rsa2048", "sign", "never")
	u.gpg("--output", u.key(), "--armor", "--export")
	u.Server = httptest.NewServer(http.FileServer(http.Dir(u.repo())))
	t.Cleanup(u.Close)
	return u
}

func (u *rpmUpstream) repo() string { return filepath.Join(u.dir, "repo") }
func (u *rpmUpstream) key() string  { return filepath.Join(u.dir, "key.asc") }

// tool runs a program of upstream.
func (u *rpmUpstream) tool(name string, args ...string) {
	u.t.Helper()
	runTool(u.t, filepath.Join(u.dir, "home"), u.dir, name, args...)
}

// runTool runs a program in a directory, with a home of its own. The keys are
// not where gpg looks for them by itself: its agents would share a socket.
func runTool(t *testing.T, home, dir, name string, args ...string) {
	t.Helper()
	if said, err := tryTool(t, home, dir, name, args...); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, said)
	}
}

// tryTool is runTool for what may fail.
func tryTool(t *testing.T, home, dir, name string, args ...string) (said []byte, err error) {
	t.Helper()
	cmd := exec.Command(enginetest.Find(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "GNUPGHOME="+filepath.Join(home, "keys"), "LC_ALL=C.UTF-8", "SOURCE_DATE_EPOCH=1740000000")
	return cmd.CombinedOutput()
}

var gpgFlags = []string{"--batch", "--yes", "--quiet", "--faked-system-time", "20250301T000000", "--pinentry-mode", "loopback", "--passphrase", ""}

func (u *rpmUpstream) gpg(args ...string) {
	u.t.Helper()
	u.tool("gpg", append(gpgFlags[:len(gpgFlags):len(gpgFlags)], args...)...)
}

const rpmSpec = `Name: %s
Version: %s
Release: 1
Summary: Says something
License: MIT
BuildArch: noarch
%%description
Says something.
%%install
mkdir -p %%{buildroot}/usr/share/%[1]s
echo %[3]s > %%{buildroot}/usr/share/%[1]s/text
%%files
/usr/share/%[1]s/text
`

// build puts a signed package into the repository.
func (u *rpmUpstream) build(name, version, text string) {
	u.t.Helper()
	spec := filepath.Join(u.dir, "package.spec")
	must(u.t, os.WriteFile(spec, fmt.Appendf(nil, rpmSpec, name, version, text), 0o666))
	u.tool("rpmbuild", "-bb", "--quiet", "--define", "_topdir "+filepath.Join(u.dir, "build"), "--define", "_rpmdir "+u.repo(),
		"--define", "_rpmfilename %{NAME}-%{VERSION}.rpm", "--define", "_buildhost build.example.org", spec)
	u.tool("rpmsign", "--define", "_gpg_name Upstream", "--define", "__gpg "+enginetest.Find(u.t, "gpg"),
		"--define", "_gpg_sign_cmd_extra_args "+strings.Join(gpgFlags[:5], " "), "--addsign", filepath.Join(u.repo(), name+"-"+version+".rpm"))
}

// publish makes the metadata, and remembers what the repository then has under
// a name.
func (u *rpmUpstream) publish(name string, flags ...string) {
	u.t.Helper()
	must(u.t, os.RemoveAll(filepath.Join(u.repo(), "repodata")))
	u.tool("createrepo_c", append([]string{"--quiet", u.repo()}, flags...)...)
	must(u.t, os.WriteFile(filepath.Join(u.dir, "custom.yaml"), []byte("of: "+name+"\n"), 0o666))
	u.tool("modifyrepo_c", "--mdtype=custom", "--no-compress", filepath.Join(u.dir, "custom.yaml"), filepath.Join(u.repo(), "repodata"))
	u.gpg("--armor", "--detach-sign", filepath.Join(u.repo(), "repodata", "repomd.xml"))
	files, err := readTree(u.repo())
	must(u.t, err)
	u.copy[name] = files
}

// states are those of the tests, each made from the one before.
func (u *rpmUpstream) states() []func() {
	return []func(){
		func() {
			u.build("hello", "1", "hello")
			u.build("world", "1", "world")
			u.publish("one")
		},
		func() { // a new version; other digests, another compression
			u.build("hello", "2", "hello again")
			u.publish("two", "--checksum=sha512", "--general-compress-type=xz")
		},
		func() { // a removed package; metadata under names that stay, a tree
			must(u.t, os.Remove(filepath.Join(u.repo(), "world-1.rpm")))
			tree := "[general]\nfamily = X\n[checksums]\nboot.img = sha256:" + layout.DigestOf([]byte("boots")).String() + "\n[stage2]\nmainimage = boot.img\n"
			must(u.t, os.WriteFile(filepath.Join(u.repo(), ".treeinfo"), []byte(tree), 0o666))
			must(u.t, os.WriteFile(filepath.Join(u.repo(), "boot.img"), []byte("boots"), 0o666))
			u.publish("three", "--simple-md-filenames")
		},
		func() { // other bytes under one name
			u.build("hello", "2", "hello, replaced")
			u.publish("four", "--simple-md-filenames")
		},
	}
}
