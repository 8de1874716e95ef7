package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// rpmStamps are when the states were published.
var rpmStamps = []layout.Stamp{"20250318T140338Z", "20250318T140442Z", "20250319T000000Z", "20250320T101112Z"}

// An rpmSite follows an rpmUpstream with two repositories: at rpm/hop clients
// are redirected, at rpm/here answered.
type rpmSite struct {
	*e2eSite
	u    *rpmUpstream
	rest string // of what the configuration says of redirects
}

func newRPMSite(t *testing.T, kind e2eStore, u *rpmUpstream) *rpmSite {
	t.Helper()
	return &rpmSite{e2eSite: newE2ESite(t, kind, nil, "", "/"), u: u}
}

// at runs the program when upstream has a state.
func (s *rpmSite) at(state string, now layout.Stamp) (code int, reports []report, said string) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "bucket: %q\npublic_url: https://snapshots.example.org/\nrepositories:\n", s.bucketURL)
	for name, answer := range map[string]string{"hop": layout.AnswerRedirect, "here": layout.AnswerRewrite} {
		fmt.Fprintf(&b, "  - {name: %[1]s, base_path: rpm/%[1]s, answer: %s, remote: {type: rpm, url: %q, keyring: %q, headers: {X-State: %q}}}\n",
			name, answer, s.u.URL, s.u.key("both"), s.site()+"/"+state)
	}
	fmt.Fprintf(&b, "redirects: {targets: [nginx], out: redirects, refresh: 240h%s}\n", s.rest)
	must(s.t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(b.String()), 0o666))
	code, out, said := s.try(now, "run", "--json")
	for line := range strings.Lines(out) {
		var r report
		must(s.t, json.Unmarshal([]byte(line), &r))
		reports = append(reports, r)
	}
	return code, reports, said
}

// site is the name under which upstream knows this site.
func (s *rpmSite) site() string { return url.PathEscape(strings.ReplaceAll(s.t.Name(), "/", " ")) }

// publish makes a checkpoint of each state.
func (s *rpmSite) publish() {
	s.t.Helper()
	for i, state := range rpmNames {
		if i == 2 { // as on a new machine: what is known stands in the bucket
			must(s.t, os.Remove(filepath.Join(s.dir, "datestone.db")))
		}
		code, reports, said := s.at(state, rpmStamps[i])
		if code != exitDone || len(reports) != 2 {
			s.t.Fatalf("state %s: exit code %d: %s", state, code, said)
		}
		for _, r := range reports {
			if want := map[string]int{"four": 1}[state]; r.Result != "published" || r.Checkpoint != rpmStamps[i] || r.Replaced != want {
				s.t.Errorf("state %s: got %+v, want it published as %s with %d replaced", state, r, rpmStamps[i], want)
			}
		}
		// For two repositories, of which one may take content from the other. In two
		// and three a package's checksum is a SHA-512: nothing is asked for twice, and
		// of three nothing was unknown.
		if got, most := s.u.packagesAsked(s.site()), map[string]int{"one": 4, "two": 6, "three": 0, "four": 2}[state]; got > most {
			s.t.Errorf("state %s: %d packages were asked for, want %d at most", state, got, most)
		}
		if _, reports, said := s.at(state, rpmStamps[i]); len(reports) != 2 || reports[0].Result != "unchanged" || reports[1].Result != "unchanged" {
			s.t.Errorf("state %s, once more: %+v: %s", state, reports, said)
		}
	}
}

// TestDNFGetsTheBytesOfThatDay lets the real dnf, which verifies all
// signatures, read a site behind a real nginx at exact IDs and between them.
func TestDNFGetsTheBytesOfThatDay(t *testing.T) {
	t.Parallel()
	u := newRPMUpstream(t)
	for _, kind := range e2eStores[:2] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newRPMSite(t, kind, u)
			s.publish()
			edge := enginetest.Nginx(t, filepath.Join(s.dir, "redirects"), s.place())
			for when, state := range map[string]string{
				"20250318T140338Z": "one", "20250318T140441Z": "one", "20250318T140442Z": "two", "20250318T235959Z": "two",
				"20250319": "three", "20250320T101112Z": "four", "latest": "four",
			} {
				for _, base := range []string{"/rpm/hop/", "/rpm/here/"} {
					everything := kind.server == nil && base == "/rpm/hop/"
					if !everything && when[len(when)-1] == 'Z' && when != "20250318T140441Z" {
						continue // that edges agree is for their tests
					}
					t.Run(base+when, func(t *testing.T) {
						t.Parallel()
						d := newDNF(t, u, edge.Addr, base+when+"/")
						d.getsAll(u.states[state])
						if everything {
							d.getsOne(u.states[state])
						}
					})
				}
			}
			t.Run("before the first", func(t *testing.T) {
				t.Parallel()
				newDNF(t, u, edge.Addr, "/rpm/hop/20250317/").gets404()
			})
			t.Run("with the old key", func(t *testing.T) {
				t.Parallel()
				d := newDNF(t, u, edge.Addr, "/rpm/hop/20250320T101112Z/")
				d.trust("First")
				if said, err := d.try("makecache"); err == nil || !strings.Contains(said, "signature verification error") {
					t.Errorf("got %v: %s; want the new signature refused", err, said)
				}
			})
		})
	}
}

// TestDNFWhilePublishing publishes checkpoint after checkpoint while dnf works
// from times that have passed, and from latest, where a run that crosses a
// publication may fail once.
func TestDNFWhilePublishing(t *testing.T) {
	t.Parallel()
	u := newRPMUpstream(t)
	s := newRPMSite(t, e2eStores[0], u)
	s.publish()
	edge := enginetest.Nginx(t, filepath.Join(s.dir, "redirects"), s.place())
	reload, err := json.Marshal(edge.Reload)
	must(t, err)
	s.rest = fmt.Sprintf(", exec: %s", reload)
	var publishing sync.Mutex
	done := make(chan struct{})
	defer func() { <-done }()
	go func() {
		defer close(done)
		for i := range 4 {
			publishing.Lock()
			code, _, said := s.at(rpmNames[i%len(rpmNames)], layout.StampOf(layout.Stamp("20250501T000000Z").Time().Add(time.Duration(i)*time.Hour)))
			publishing.Unlock()
			if code != exitDone {
				t.Errorf("run %d: exit code %d: %s", i, code, said)
			}
			time.Sleep(300 * time.Millisecond)
		}
	}()
	for working := true; working; {
		select {
		case <-done:
			working = false
		default:
		}
		for _, base := range []string{"/rpm/hop/", "/rpm/here/"} {
			newDNF(t, u, edge.Addr, base+"20250318T140441Z/").getsOne(u.states["one"])
			d := newDNF(t, u, edge.Addr, base+"latest/")
			if _, err := d.try("download", "hello"); err != nil {
				publishing.Lock()
				d.run("download", "hello")
				publishing.Unlock()
			}
		}
	}
}

// A dnf is a client at one moment.
type dnf struct {
	t    *testing.T
	u    *rpmUpstream
	dir  string
	base string // URL
	repo string
	more []string // flags
}

const dnfRepo = `[snapshot]
name=snapshot
baseurl=%s
gpgkey=file://%s
gpgcheck=1
repo_gpgcheck=1
metadata_expire=never
`

func newDNF(t *testing.T, u *rpmUpstream, addr, base string) *dnf {
	t.Helper()
	d := &dnf{t: t, u: u, dir: t.TempDir(), base: "http://" + addr + base, repo: "snapshot"}
	t.Cleanup(d.stopAgents)
	for _, name := range []string{"root", "repos", "log", "home"} {
		must(t, os.Mkdir(filepath.Join(d.dir, name), 0o777))
	}
	must(t, os.WriteFile(filepath.Join(d.dir, "dnf.conf"), nil, 0o666))
	d.trust("both")
	return d
}

// trust configures the repository with keys.
func (d *dnf) trust(keys string) {
	d.t.Helper()
	must(d.t, os.WriteFile(filepath.Join(d.dir, "repos", "x.repo"), fmt.Appendf(nil, dnfRepo, d.base, d.u.key(keys)), 0o666))
}

// stopAgents ends what dnf leaves running of gpg, one for each of its keyrings.
func (d *dnf) stopAgents() {
	keyrings, err := filepath.Glob(filepath.Join(d.dir, "cache", "*", "pubring"))
	must(d.t, err)
	for _, k := range keyrings {
		d.tool("gpgconf", "--homedir", k, "--kill", "all")
	}
}

func (d *dnf) tool(name string, args ...string) {
	d.t.Helper()
	runTool(d.t, filepath.Join(d.dir, "home"), d.dir, name, args...)
}

// words are those of a call.
func (d *dnf) words(args ...string) []string {
	in := func(name string) string { return filepath.Join(d.dir, name) }
	return append([]string{"--assumeyes", "--config", in("dnf.conf"), "--installroot", in("root"), "--releasever=1", "--repo=" + d.repo,
		"--setopt=reposdir=" + in("repos"), "--setopt=cachedir=" + in("cache"), "--setopt=logdir=" + in("log"), "--setopt=persistdir=" + in("persist"),
		"--setopt=keepcache=0", "--setopt=retries=1"}, append(d.more[:len(d.more):len(d.more)], args...)...)
}

func (d *dnf) run(args ...string) {
	d.t.Helper()
	d.tool("dnf", d.words(args...)...)
}

func (d *dnf) try(args ...string) (string, error) {
	d.t.Helper()
	said, err := tryTool(d.t, filepath.Join(d.dir, "home"), d.dir, "dnf", d.words(args...)...)
	return string(said), err
}

// getsAll wants all of a repository, byte for byte.
func (d *dnf) getsAll(want siteBytes) {
	d.t.Helper()
	d.tool("rpm", "--root", filepath.Join(d.dir, "root"), "--import", d.u.key("First"))
	d.run("reposync", "--gpgcheck", "--download-metadata", "--norepopath", "--download-path", filepath.Join(d.dir, "all"))
	all, err := readTree(filepath.Join(d.dir, "all"))
	must(d.t, err)
	want = maps.Clone(want)
	for _, p := range []string{".treeinfo", "boot.img"} { // which dnf does not ask for
		if body, ok := want[p]; ok {
			if res, got := e2eGet(d.t, e2ePlain, d.base+p); got != body {
				d.t.Errorf("%s: the edge says %s %q, want %q", p, res.Status, got, body)
			}
			delete(want, p)
		}
	}
	if diff := cmp.Diff(want, all); diff != "" {
		d.t.Errorf("want -, got +\n%s", diff)
	}
}

// getsOne wants the newest package of that day.
func (d *dnf) getsOne(want siteBytes) {
	d.t.Helper()
	d.run("makecache")
	d.run("download", "--destdir", filepath.Join(d.dir, "got"), "hello")
	got, err := readTree(filepath.Join(d.dir, "got"))
	must(d.t, err)
	newest := "hello-2.rpm"
	if want[newest] == "" {
		newest = "hello-1.rpm"
	}
	if len(got) != 1 || got[newest] != want[newest] {
		d.t.Errorf("downloaded %d files, want %s of that day", len(got), newest)
	}
}

// gets404 wants a clean failure.
func (d *dnf) gets404() {
	d.t.Helper()
	if said, err := d.try("makecache"); err == nil || !strings.Contains(said, "Status code: 404") {
		d.t.Errorf("dnf makecache: %v, want a 404: %s", err, said)
	}
	res, body := e2eGet(d.t, e2ePlain, d.base+"repodata/repomd.xml")
	if cache := res.Header.Get("Cache-Control"); res.StatusCode != http.StatusNotFound || cache != "no-cache" {
		d.t.Errorf("the edge says %s, %q, %q; want a 404 that nobody keeps", res.Status, cache, body)
	}
}
