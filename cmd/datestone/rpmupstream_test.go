package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// An rpmUpstream is a signed repository in several states, made by the real
// tools and served by a web server: a header says which site asks, and which
// state it sees. Its gpg thinks that it is some day before the first
// checkpoint.
type rpmUpstream struct {
	*httptest.Server
	t      testing.TB
	dir    string               // has home, key.asc, repo, which grows, and states
	states map[string]siteBytes // by name
	mu     sync.Mutex
	asked  map[string][]string // paths, by site
}

// rpmNames are those of the states, each made from the one before.
var rpmNames = []string{"one", "two", "three", "four"}

func newRPMUpstream(t testing.TB) *rpmUpstream {
	t.Helper()
	for _, tool := range []string{"nginx", "rpmbuild", "rpmsign", "createrepo_c", "modifyrepo_c", "gpg", "gpgconf", "rpm", "dnf"} {
		enginetest.Find(t, tool)
	}
	dir, err := os.MkdirTemp("", "rpm") // short: gpg's agent has a socket below
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := &rpmUpstream{t: t, dir: dir, states: map[string]siteBytes{}, asked: map[string][]string{}}
	must(t, os.MkdirAll(filepath.Join(u.dir, "home", "keys"), 0o700))
	must(t, os.MkdirAll(u.repo(), 0o777))
	t.Cleanup(func() { u.tool("gpgconf", "--kill", "all") })
	for _, name := range []string{"First", "Second"} {
		u.gpg("--quick-generate-key", name+" <"+name+"@example.org>", "rsa2048", "sign", "never")
		u.gpg("--output", u.key(name), "--armor", "--export", name)
	}
	u.gpg("--output", u.key("both"), "--armor", "--export")
	u.make()
	u.Server = httptest.NewServer(u)
	t.Cleanup(u.Close)
	return u
}

func (u *rpmUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	site, state, _ := strings.Cut(r.Header.Get("X-State"), "/")
	u.mu.Lock()
	u.asked[site] = append(u.asked[site], r.URL.Path)
	u.mu.Unlock()
	w.Header().Set("ETag", strconv.Quote(state)) // all states were made within a few seconds
	http.FileServer(http.Dir(filepath.Join(u.dir, "states", state))).ServeHTTP(w, r)
}

// packagesAsked returns how many packages a site asked for since the last call.
func (u *rpmUpstream) packagesAsked(site string) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, p := range u.asked[site] {
		if strings.HasSuffix(p, ".rpm") {
			n++
		}
	}
	u.asked[site] = nil
	return n
}

func (u *rpmUpstream) repo() string           { return filepath.Join(u.dir, "repo") }
func (u *rpmUpstream) key(name string) string { return filepath.Join(u.dir, name+".asc") }

// tool runs a program of upstream.
func (u *rpmUpstream) tool(name string, args ...string) {
	u.t.Helper()
	runTool(u.t, filepath.Join(u.dir, "home"), u.dir, name, args...)
}

// runTool runs a program in a directory, with a home of its own. The keys are
// not where gpg looks for them by itself: its agents would share a socket.
func runTool(t testing.TB, home, dir, name string, args ...string) {
	t.Helper()
	if said, err := tryTool(t, home, dir, name, args...); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, said)
	}
}

// tryTool is runTool for what may fail.
func tryTool(t testing.TB, home, dir, name string, args ...string) (said []byte, err error) {
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
	u.tool("rpmsign", "--define", "_gpg_name First", "--define", "__gpg "+enginetest.Find(u.t, "gpg"),
		"--define", "_gpg_sign_cmd_extra_args "+strings.Join(gpgFlags[:5], " "), "--addsign", filepath.Join(u.repo(), name+"-"+version+".rpm"))
}

// publish makes the metadata, and keeps what the repository then has as a
// state.
func (u *rpmUpstream) publish(state, key string, flags ...string) {
	u.t.Helper()
	must(u.t, os.RemoveAll(filepath.Join(u.repo(), "repodata")))
	u.tool("createrepo_c", append([]string{"--quiet", u.repo()}, flags...)...)
	must(u.t, os.WriteFile(filepath.Join(u.dir, "custom.yaml"), []byte("of: "+state+"\n"), 0o666))
	u.tool("modifyrepo_c", "--mdtype=custom", "--no-compress", filepath.Join(u.dir, "custom.yaml"), filepath.Join(u.repo(), "repodata"))
	u.gpg("--local-user", key, "--armor", "--detach-sign", filepath.Join(u.repo(), "repodata", "repomd.xml"))
	at := filepath.Join(u.dir, "states", state)
	must(u.t, os.CopyFS(at, os.DirFS(u.repo())))
	files, err := readTree(at)
	must(u.t, err)
	u.states[state] = files
}

// make makes the states.
func (u *rpmUpstream) make() {
	u.t.Helper()
	// With side files in zchunk form.
	u.build("hello", "1", "hello")
	u.build("world", "1", "world")
	u.publish("one", "First", "--zck")

	// A new version; another digest, another compression.
	u.build("hello", "2", "hello again")
	u.publish("two", "First", "--checksum=sha512", "--general-compress-type=xz")

	// A removed package; metadata under names that stay, in yet another form; a
	// tree.
	must(u.t, os.Remove(filepath.Join(u.repo(), "world-1.rpm")))
	tree := "[general]\nfamily = X\n[checksums]\nboot.img = sha256:" + layout.DigestOf([]byte("boots")).String() + "\n[stage2]\nmainimage = boot.img\n"
	must(u.t, os.WriteFile(filepath.Join(u.repo(), ".treeinfo"), []byte(tree), 0o666))
	must(u.t, os.WriteFile(filepath.Join(u.repo(), "boot.img"), []byte("boots"), 0o666))
	u.publish("three", "First", "--checksum=sha512", "--simple-md-filenames", "--general-compress-type=bz2")

	// Other bytes under one name; another key.
	u.build("hello", "2", "hello, replaced")
	u.publish("four", "Second", "--simple-md-filenames")
}
