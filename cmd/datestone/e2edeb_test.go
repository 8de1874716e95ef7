package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// The moments of the apt story: each state is published at one.
var e2eDebStates = []struct {
	state string
	id    layout.Stamp
}{
	{"one", "20250319T000000Z"}, {"two", "20250320T000000Z"}, {"three", "20250321T000000Z"}, {"four", "20250322T000000Z"},
}

const e2eDebConfig = `
bucket: %q
public_url: https://snapshots.example.org/
repositories:
  - {name: hop, base_path: deb/hop, remote: %[2]s, channels: {prod: {delay: 0h}}}
  - {name: here, base_path: deb/here, answer: rewrite, remote: %[2]s}
redirects: {targets: [nginx], out: redirects, refresh: 240h%[3]s}
`

// An e2eDeb is a signed apt repository, made by Debian's tools, in several
// states, and the site that followed them.
type e2eDeb struct {
	*e2eSite
	states   string       // directory
	upstream string       // URL
	now      atomic.Value // name of the state that the server shows
	remote   string       // as the configuration has it
	pace     time.Duration
	edge     enginetest.Engine
}

// TestAptInstalls lets the real apt-get update, install and fetch sources from
// every kind of time, behind a real nginx, with signatures verified.
func TestAptInstalls(t *testing.T) {
	t.Parallel()
	findAptTools(t)
	states := makeDebStates(t)
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			d := newE2EDeb(t, kind, states)
			d.publish()
			d.edge = enginetest.Nginx(t, filepath.Join(d.dir, "redirects"), d.place())
			for _, base := range []string{"deb/hop", "deb/here"} {
				t.Run(base, func(t *testing.T) {
					t.Parallel()
					d.fromEveryTime(t, base)
				})
			}
		})
	}
}

func findAptTools(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"nginx", "apt-get", "apt-ftparchive", "dpkg-deb", "dpkg-source", "gpg", "gpgv"} {
		enginetest.Find(t, tool)
	}
}

// TestAptWhilePublishing publishes checkpoint after checkpoint while apt-get
// works from times that have passed, and from latest, where a run that crosses
// a publication may fail once.
func TestAptWhilePublishing(t *testing.T) {
	t.Parallel()
	findAptTools(t)
	d := newE2EDeb(t, e2eStores[0], makeDebStates(t))
	d.pace = 1100 * time.Millisecond // for apt asks by Last-Modified, in seconds, as IDs are
	d.publish()
	d.edge = enginetest.Nginx(t, filepath.Join(d.dir, "redirects"), d.place())
	reload, err := json.Marshal(d.edge.Reload)
	must(t, err)
	d.configure(fmt.Sprintf(", exec: %s", reload))
	var publishing sync.Mutex
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 6 {
			time.Sleep(d.pace)
			publishing.Lock()
			d.now.Store(e2eDebStates[i%len(e2eDebStates)].state)
			now := layout.StampOf(layout.Stamp("20250501T000000Z").Time().Add(time.Duration(i) * time.Hour))
			code, out, said := d.try(now, "run")
			publishing.Unlock()
			if code != exitDone || strings.Count(out, "published") != 2 {
				t.Errorf("run %d: exit code %d: %s%s", i, code, out, said)
			}
		}
	}()
	rounds := 0
	for working := true; working; rounds++ {
		select {
		case <-done:
			working = false
		default:
		}
		for _, base := range []string{"deb/hop", "deb/here"} {
			d.install(t, base+"/20250319T000000Z", "one", nil)
			d.install(t, base+"/20250320T120000Z", "two", nil)
			d.install(t, base+"/latest", "", &publishing)
		}
	}
	<-done
	if rounds < 2 {
		t.Errorf("only %d rounds while it was published", rounds)
	}
}

// install updates and downloads packages from a place, and wants them to be
// those of the state. With a lock it may fail once, and then tries again while
// nobody publishes.
func (d *e2eDeb) install(t *testing.T, place, state string, publishing *sync.Mutex) {
	t.Helper()
	a := newApt(t, d, "http://"+d.edge.Addr+"/"+place)
	work := func() (string, error) {
		out, err := a.run("update")
		if err == nil {
			out, err = a.run("install", "--download-only", "--yes", "same")
		}
		return out, err
	}
	out, err := work()
	if err != nil && publishing != nil {
		publishing.Lock()
		out, err = work()
		publishing.Unlock()
	}
	if err != nil {
		t.Errorf("%s: %v: %s", place, err, out)
	} else if state != "" {
		a.holds(filepath.Join(a.root, "archives"), state, "pool/main/s/same/same_1.0_amd64.deb")
	}
}

// makeDebStates makes the states of the repository.
func makeDebStates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script, err := filepath.Abs(filepath.Join("..", "..", "testdata", "repos", "deb", "make.sh"))
	must(t, err)
	if out, err := exec.CommandContext(t.Context(), script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func newE2EDeb(t *testing.T, kind e2eStore, states string) *e2eDeb {
	t.Helper()
	d := &e2eDeb{e2eSite: newE2ESite(t, kind, nil, "", "/"), states: states}
	d.now.Store("one")
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		state := d.now.Load().(string)
		w.Header().Set("ETag", strconv.Quote(state)) // all states were made within the same second or two
		http.FileServer(http.Dir(filepath.Join(d.states, state))).ServeHTTP(w, q)
	}))
	t.Cleanup(upstream.Close)
	d.upstream = upstream.URL
	d.remote = fmt.Sprintf("{type: deb, url: %q, suites: [stable, flat/], components: [main], architectures: [amd64, source], keyring: %q}",
		upstream.URL, filepath.Join(d.states, "keys.gpg"))
	d.configure("")
	return d
}

// configure writes the configuration, with the rest of what redirects say.
func (d *e2eDeb) configure(rest string) {
	d.t.Helper()
	must(d.t, os.WriteFile(filepath.Join(d.dir, "datestone.yaml"), fmt.Appendf(nil, e2eDebConfig, d.bucketURL, d.remote, rest), 0o666))
}

// publish makes a checkpoint of each state, and holds what was done.
func (d *e2eDeb) publish() {
	d.t.Helper()
	for _, s := range e2eDebStates {
		time.Sleep(d.pace)
		d.now.Store(s.state)
		for line := range strings.Lines(d.run(s.id, "run", "--json")) {
			var r report
			must(d.t, json.Unmarshal([]byte(line), &r))
			replaced := 0
			if s.state == "three" {
				replaced = 1
			}
			if r.Result != "published" || r.Checkpoint != s.id || r.Replaced != replaced {
				d.t.Errorf("state %s: got %+v, want it published as %s with %d replaced", s.state, r, s.id, replaced)
			}
		}
		if out := d.run(s.id, "run"); strings.Count(out, "unchanged") != 2 {
			d.t.Errorf("state %s, once more: %s", s.state, out)
		}
	}
	d.run("20250324T000000Z", "run")
	d.run("20250423T000000Z", "run") // final_until
}

// fromEveryTime lets apt-get work from exact IDs, times between and aliases.
func (d *e2eDeb) fromEveryTime(t *testing.T, base string) {
	for when, state := range map[string]string{
		"20250319T000000Z": "one", "20250319T120000Z": "one", "20250320": "two", "20250320T235959Z": "two",
		"20250321T000000Z": "three", "20250321T130000Z": "three", "20250322T000000Z": "four", "20250401T000000Z": "four", "latest": "four",
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			a := newApt(t, d, "http://"+d.edge.Addr+"/"+base+"/"+when)
			a.must("update")
			version := map[bool]string{true: "1.0", false: "1.1"}[state == "one"]
			a.must("install", "--download-only", "--yes", "hello", "same", "g++-flat+x")
			a.holds(filepath.Join(a.root, "archives"), state, "pool/main/h/hello/hello_"+version+"_amd64.deb", "pool/main/s/same/same_1.0_amd64.deb")
			a.must("source", "hello="+version)
			a.holds(a.root, state, "pool/main/h/hello/hello_"+version+".dsc", "pool/main/h/hello/hello_"+version+".tar.xz")
			if _, err := os.Stat(filepath.Join(a.root, "hello-"+version, "debian", "control")); err != nil {
				t.Errorf("the source was not unpacked: %v", err)
			}
			if out, err := a.run("install", "--download-only", "--yes", "gone"); (err == nil) != (state == "one") {
				t.Errorf("gone, in state %s: %v: %s", state, err, out)
			}
		})
	}
	t.Run("before the first", func(t *testing.T) {
		t.Parallel()
		a := newApt(t, d, "http://"+d.edge.Addr+"/"+base+"/20250318T235959Z")
		out, err := a.run("update")
		if err == nil || !strings.Contains(out, "404  Not Found") || !strings.Contains(out, "does not have a Release file") {
			t.Errorf("got %v: %s; want 404 and no Release file", err, out)
		}
	})
	t.Run("with the old keys", func(t *testing.T) {
		t.Parallel()
		a := newApt(t, d, "http://"+d.edge.Addr+"/"+base+"/20250322T000000Z")
		a.trust("old.gpg")
		if out, err := a.run("update"); err == nil || !strings.Contains(out, "NO_PUBKEY") {
			t.Errorf("got %v: %s; want the new signature refused", err, out)
		}
	})
}

// An apt is apt-get with directories of its own.
type apt struct {
	t      *testing.T
	deb    *e2eDeb
	root   string
	url    string
	config string
}

const aptConfig = `
Dir "%[1]s";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "%[1]s/state";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Cache::archives "%[1]s/archives";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "0";
`

func newApt(t *testing.T, d *e2eDeb, url string) *apt {
	t.Helper()
	a := &apt{t: t, deb: d, root: t.TempDir(), url: url}
	for _, dir := range []string{"state/lists/partial", "archives/partial", "cache"} {
		must(t, os.MkdirAll(filepath.Join(a.root, dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(a.root, "status"), nil, 0o644))
	a.config = filepath.Join(a.root, "apt.conf")
	must(t, os.WriteFile(a.config, fmt.Appendf(nil, aptConfig, a.root), 0o644))
	a.trust("keys.gpg")
	return a
}

// trust writes sources whose signatures must be of these keys.
func (a *apt) trust(keys string) {
	a.t.Helper()
	line := fmt.Sprintf("[signed-by=%s] %s stable main\n", filepath.Join(a.deb.states, keys), a.url)
	must(a.t, os.WriteFile(filepath.Join(a.root, "sources.list"), []byte("deb "+line+"deb-src "+line+"deb "+strings.Replace(line, "stable main", "flat/", 1)), 0o644))
}

func (a *apt) run(words ...string) (string, error) {
	c := exec.CommandContext(a.t.Context(), "apt-get", words...)
	c.Env = append(os.Environ(), "APT_CONFIG="+a.config, "LC_ALL=C", "no_proxy=127.0.0.1", "http_proxy=")
	c.Dir = a.root
	out, err := c.CombinedOutput()
	return string(out), err
}

func (a *apt) must(words ...string) {
	a.t.Helper()
	out, err := a.run(words...)
	if err != nil || strings.Contains(out, "\nW: ") || strings.Contains(out, "\nErr:") {
		a.t.Fatalf("apt-get %s from %s: %v\n%s", strings.Join(words, " "), a.url, err, out)
	}
}

// holds wants files in a directory to be those of a state.
func (a *apt) holds(dir, state string, paths ...string) {
	a.t.Helper()
	for _, p := range paths {
		want, err := os.ReadFile(filepath.Join(a.deb.states, state, filepath.FromSlash(p)))
		must(a.t, err)
		got, err := os.ReadFile(filepath.Join(dir, filepath.Base(p)))
		if err != nil || !bytes.Equal(got, want) {
			a.t.Errorf("%s: got %d bytes, %v; want the %d bytes of state %s", p, len(got), err, len(want), state)
		}
	}
}
