package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
)

// A hop is what one request is answered with.
type hop struct {
	path     string
	status   int
	location string
}

// The walk of the closest relative (its rows 1 to 24), every hop by itself:
// where it goes astray, the better answer of SPEC section 3.
var walk = []hop{
	{"/checkpoints/myfile", 301, "/checkpoints/myfile/"},
	{"/checkpoints/myfile/", 200, ""},
	{"/checkpoints/myfile/20250318T140338Z/", 200, ""},
	{"/checkpoints/myfile/20250318T140338Z", 301, "/checkpoints/myfile/20250318T140338Z/"},
	{"/checkpoints/myfile/invalid_ts", 404, ""},
	{"/checkpoints/myfile/20250318T140442Z/1.iso", 200, ""},
	{"/checkpoints/myfile/20250318T140443Z/docs", 301, "/checkpoints/myfile/20250318T140442Z/docs"},
	{"/checkpoints/myfile/20250318T140442Z/docs/", 404, ""},
	{"/checkpoints/myfile/20250318T140442Z/missing", 404, ""},
	{"/checkpoints/myfile/20250318T140442Z/1.iso/", 404, ""},
	{"/checkpoints/myfile/20250318T140442Z//", 404, ""},
	{"/checkpoints/myfile/20250318T140400Z/1.iso", 301, "/checkpoints/myfile/20250318T140338Z/1.iso"},
	{"/checkpoints/myfile/20250318T140400Z/", 301, "/checkpoints/myfile/20250318T140338Z/"},
	{"/checkpoints/myfile/20250320T000000Z/1.iso", 302, "/checkpoints/myfile/20250318T140442Z/1.iso"},
	{"/checkpoints/myfile/20250318T140400Z", 301, "/checkpoints/myfile/20250318T140338Z/"},
	{"/checkpoints/myfile/20250318T140400Z/does/not/exist", 301, "/checkpoints/myfile/20250318T140338Z/does/not/exist"},
	{"/checkpoints/myfile/20250318T140337Z/", 404, ""},
	{"/checkpoints/myfile/20250321T000001Z/", 404, ""},
	{"/checkpoints/myfile/invalid_ts/", 404, ""},
	{"/checkpoints/myfile/20259928T092752Z/", 404, ""},
	{"/checkpoints/myfile/20250318T206000Z/", 404, ""},
	{"/checkpoints/myfile/20250319/", 301, "/checkpoints/myfile/20250318T140442Z/"},
	{"/checkpoints/myfile/20250318t140400z/", 404, ""},
	// Better: the query stays, the suffix stays as it was sent, junk is a miss.
	{"/checkpoints/myfile/20250318T140400Z/f?x=1", 301, "/checkpoints/myfile/20250318T140338Z/f?x=1"},
	{"/checkpoints/myfile/20250318T140400Z/a%3Fb%23c", 301, "/checkpoints/myfile/20250318T140338Z/a%3Fb%23c"},
	{"/checkpoints/myfile/20250318T140400Z/a%2541%2Fb", 301, "/checkpoints/myfile/20250318T140338Z/a%2541%2Fb"},
	{"/checkpoints/myfile/20250318T140400Z/g%2B%2B~%20%C3%A9", 301, "/checkpoints/myfile/20250318T140338Z/g%2B%2B~%20%C3%A9"},
	{"/checkpoints/myfile/20250318T140338Zfoo/", 404, ""},
	{"/checkpoints/myfile/20250318T140338Zfoo/1.iso", 404, ""},
	{"/checkpoints/", 200, ""},
	{"/", 200, ""},
	{"/.datestone/locks/myfile.json", 404, ""},
}

// TestWalk publishes as walk.txtar does, and asks serve.
func TestWalk(t *testing.T) {
	t.Parallel()
	s := newWalkSite(t)
	s.run("20250318T140338Z", "publish", "--force")
	s.upstream("one")
	s.run("20250318T140442Z", "run")
	s.run("20250319T140442Z", "run") // nothing new: final_until moves
	server := s.serve("20250321T000000Z")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, h := range walk {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := askHop(t, &client, method, server.URL+h.path)
			if got.status != h.status || got.location != h.location {
				t.Errorf("%s %s: got %d %q, want %d %q", method, h.path, got.status, got.location, h.status, h.location)
			}
		}
	}
	if res, err := client.Post(server.URL+"/checkpoints/myfile/", "text/plain", nil); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %v %v, want 405", res, err)
	}
}

func askHop(t *testing.T, client *http.Client, method, url string) hop {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return hop{status: res.StatusCode, location: res.Header.Get("Location")}
}

// A walkSite is a configuration in a directory of its own.
type walkSite struct {
	t   *testing.T
	dir string
}

func newWalkSite(t *testing.T) *walkSite {
	s := &walkSite{t: t, dir: t.TempDir()}
	s.mkdir("site")
	s.mkdir("upstream")
	config := "bucket: file:site\npublic_url: http://127.0.0.1:8080/\nrepositories:\n" +
		"  - {name: myfile, base_path: checkpoints/myfile, remote: {type: file, url: 'file:upstream/PULP_MANIFEST'}}\n"
	if err := os.WriteFile(s.config(), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *walkSite) config() string { return filepath.Join(s.dir, "datestone.yaml") }

func (s *walkSite) mkdir(name string) {
	if err := os.MkdirAll(filepath.Join(s.dir, name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// upstream makes the remote have a state of testdata/repos.
func (s *walkSite) upstream(state string) {
	dir := filepath.Join(s.dir, "upstream")
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "testdata", "repos", "file", state))); err != nil {
		s.t.Fatal(err)
	}
}

func (s *walkSite) env(now layout.Stamp, out io.Writer) *env {
	e := systemEnv()
	e.Stdout, e.Stderr, e.IsTerminal = out, out, false
	e.Now = now.Time
	return e
}

// run runs the program in-process, as if it were now.
func (s *walkSite) run(now layout.Stamp, args ...string) {
	s.t.Helper()
	var out strings.Builder
	words := append([]string{"datestone", "--config", s.config()}, args...)
	if code := run(s.t.Context(), words, s.env(now, &out)); code != 0 {
		s.t.Fatalf("%v: exit code %d\n%s", args, code, out.String())
	}
}

// serve previews the site, as if it were now.
func (s *walkSite) serve(now layout.Stamp) *httptest.Server {
	e := s.env(now, io.Discard)
	e.ConfigFile = s.config()
	e.Log = newLog(e)
	r, err := e.openReader(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	server := httptest.NewServer(newPreview(r, e))
	s.t.Cleanup(server.Close)
	return server
}
