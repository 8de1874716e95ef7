package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

const rpmConfig = `
bucket: %q
public_url: https://snapshots.example.org/
repositories:
  - name: fedora
    base_path: fedora
    remote: {type: rpm, url: %q, keyring: %q}
    answer: %s
redirects: {targets: [nginx], out: redirects, refresh: 240h}
`

var rpmStamps = []layout.Stamp{"20250318T140338Z", "20250318T140442Z", "20250319T000000Z", "20250320T101112Z"}

var rpmNames = []string{"one", "two", "three", "four"}

// TestDNFGetsTheBytesOfThatDay lets the real dnf, which verifies all
// signatures, read a site behind a real nginx at exact IDs and between them.
func TestDNFGetsTheBytesOfThatDay(t *testing.T) {
	t.Parallel()
	for _, kind := range e2eStores[:2] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			u := newRPMUpstream(t)
			sites := map[string]*e2eSite{}
			for _, answer := range []string{layout.AnswerRedirect, layout.AnswerRewrite} {
				s := newE2ESite(t, kind, nil, "", "/")
				must(t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), fmt.Appendf(nil, rpmConfig, s.bucketURL, u.URL, u.key(), answer), 0o666))
				sites[answer] = s
			}
			for i, next := range u.states() {
				next()
				for _, s := range sites {
					checkRPMRun(t, s, i)
				}
			}
			for answer, s := range sites {
				t.Run(answer, func(t *testing.T) { readByDNF(t, s, u, kind.server == nil && answer == layout.AnswerRedirect) })
			}
		})
	}
}

// readByDNF reads all states, some of them at several times.
func readByDNF(t *testing.T, s *e2eSite, u *rpmUpstream, everything bool) {
	s.run(rpmStamps[3], "redirects", "render")
	edge := enginetest.Nginx(t, filepath.Join(s.dir, "redirects"), s.place())
	for i, name := range rpmNames {
		moments := []string{string(layout.StampOf(rpmStamps[i].Time().Add(time.Second))), string(rpmStamps[i]), string(rpmStamps[i][:8])}
		switch {
		case i == 3:
			moments = []string{"latest", string(rpmStamps[i])}
		case i != 2: // the only one that its day leads to
			moments = moments[:2]
		}
		if !everything {
			moments = moments[:1]
		}
		for _, moment := range moments {
			t.Run(name+" at "+moment, func(t *testing.T) {
				t.Parallel()
				newDNF(t, u, edge, moment).getsAll(u.copy[name])
			})
		}
	}
	t.Run("before the first", func(t *testing.T) {
		t.Parallel()
		newDNF(t, u, edge, "20250317").gets404()
	})
}

// checkRPMRun runs the program on a state, and looks at what it says.
func checkRPMRun(t *testing.T, s *e2eSite, i int) {
	t.Helper()
	code, _, said := s.try(rpmStamps[i], "run")
	if code != exitDone {
		t.Fatalf("state %s: exit code %d: %s", rpmNames[i], code, said)
	}
	if got, want := strings.Count(said, "replaced the content"), map[int]int{3: 1}[i]; got != want {
		t.Errorf("state %s: %d warnings of replaced content, want %d: %s", rpmNames[i], got, want, said)
	}
	if code, _, said := s.try(rpmStamps[i], "run"); code != exitDone || strings.Contains(said, "published") {
		t.Errorf("state %s again: exit code %d: %s", rpmNames[i], code, said)
	}
}

// A dnf is a client at one moment.
type dnf struct {
	t    *testing.T
	u    *rpmUpstream
	dir  string
	base string
	edge enginetest.Engine
}

const dnfRepo = `[snapshot]
name=snapshot
baseurl=%s
gpgkey=file://%s
gpgcheck=1
repo_gpgcheck=1
metadata_expire=never
`

func newDNF(t *testing.T, u *rpmUpstream, edge enginetest.Engine, moment string) *dnf {
	t.Helper()
	d := &dnf{t: t, u: u, dir: t.TempDir(), edge: edge, base: "/fedora/" + moment + "/"}
	t.Cleanup(d.stopAgents)
	for _, name := range []string{"root", "repos", "log", "home"} {
		must(t, os.Mkdir(filepath.Join(d.dir, name), 0o777))
	}
	must(t, os.WriteFile(filepath.Join(d.dir, "dnf.conf"), nil, 0o666))
	must(t, os.WriteFile(filepath.Join(d.dir, "repos", "x.repo"), fmt.Appendf(nil, dnfRepo, "http://"+edge.Addr+d.base, u.key()), 0o666))
	return d
}

// stopAgents ends what dnf leaves running of gpg, one for each of its keyrings.
func (d *dnf) stopAgents() {
	keyrings, err := filepath.Glob(filepath.Join(d.dir, "cache", "*", "pubring"))
	must(d.t, err)
	for _, k := range keyrings {
		runTool(d.t, filepath.Join(d.dir, "home"), d.dir, "gpgconf", "--homedir", k, "--kill", "all")
	}
}

// words are those of a call.
func (d *dnf) words(args ...string) []string {
	in := func(name string) string { return filepath.Join(d.dir, name) }
	return append([]string{"--assumeyes", "--config", in("dnf.conf"), "--installroot", in("root"), "--releasever=1", "--repo=snapshot",
		"--setopt=reposdir=" + in("repos"), "--setopt=cachedir=" + in("cache"), "--setopt=logdir=" + in("log"), "--setopt=persistdir=" + in("persist"),
		"--setopt=keepcache=0", "--setopt=retries=1"}, args...)
}

func (d *dnf) run(args ...string) {
	d.t.Helper()
	runTool(d.t, filepath.Join(d.dir, "home"), d.dir, "dnf", d.words(args...)...)
}

// getsAll wants all of a repository, byte for byte.
func (d *dnf) getsAll(want siteBytes) {
	d.t.Helper()
	runTool(d.t, filepath.Join(d.dir, "home"), d.dir, "rpm", "--root", filepath.Join(d.dir, "root"), "--import", d.u.key())
	d.run("makecache")
	d.run("download", "--destdir", filepath.Join(d.dir, "got"), "hello")
	d.run("reposync", "--gpgcheck", "--download-metadata", "--norepopath", "--download-path", filepath.Join(d.dir, "all"))
	all, err := readTree(filepath.Join(d.dir, "all"))
	must(d.t, err)
	want = maps.Clone(want)
	for _, p := range []string{".treeinfo", "boot.img"} { // which dnf does not ask for
		if body, ok := want[p]; ok {
			if res, got := e2eGet(d.t, e2ePlain, "http://"+d.edge.Addr+d.base+p); got != body {
				d.t.Errorf("%s: the edge says %s %q, want %q", p, res.Status, got, body)
			}
			delete(want, p)
		}
	}
	if diff := cmp.Diff(want, all); diff != "" {
		d.t.Errorf("want -, got +\n%s", diff)
	}
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
	said, err := tryTool(d.t, filepath.Join(d.dir, "home"), d.dir, "dnf", d.words("makecache")...)
	if err == nil || !strings.Contains(string(said), "Status code: 404") {
		d.t.Errorf("dnf makecache: %v, want a 404: %s", err, said)
	}
	res, body := e2eGet(d.t, e2ePlain, "http://"+d.edge.Addr+d.base+"repodata/repomd.xml")
	if cache := res.Header.Get("Cache-Control"); res.StatusCode != http.StatusNotFound || cache != "no-cache" {
		d.t.Errorf("the edge says %s, %q, %q; want a 404 that nobody keeps", res.Status, cache, body)
	}
}
