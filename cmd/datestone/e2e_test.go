package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// TestRunOnEveryStore does the main job on every kind of store, without and
// with a prefix and public path: the site must be the same bytes everywhere.
func TestRunOnEveryStore(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, place := range []struct{ name, prefix, public string }{
		{"root", "", "/"},
		{"prefix", "/pre/f+x", "/mirror/"},
	} {
		t.Run(place.name, func(t *testing.T) {
			t.Parallel()
			reference := newE2ESite(t, e2eStores[0], remote, place.prefix, place.public)
			reference.story()
			want := reference.objects()
			reference.holdsStates(want)
			for _, kind := range e2eStores[1:] {
				t.Run(kind.name, func(t *testing.T) {
					t.Parallel()
					s := newE2ESite(t, kind, remote, place.prefix, place.public)
					s.story()
					got := s.objects()
					if d := differ(got, want); d != "" {
						t.Errorf("the site is not that of %s:\n%s", reference.kind.name, d)
					}
					s.checkHeaders(got)
				})
			}
		})
	}
}

// The moments of the story.
const (
	e2eFirst  layout.Stamp = "20250318T140338Z"
	e2eSecond layout.Stamp = "20250319T140442Z"
	e2eThird  layout.Stamp = "20250320T000001Z"
	e2eNow    layout.Stamp = "20250320T120000Z"
)

// story publishes three states, the last of them without what the index knew,
// and looks at the site with every command that reads.
func (s *e2eSite) story() {
	s.t.Helper()
	s.see("one")
	s.wantReport(e2eFirst, report{Result: "published", Checkpoint: e2eFirst, Files: 10, Fetched: 10})
	s.costsNothing("20250318T150000Z")
	s.see("two")
	s.wantReport("20250319T150000Z", report{Result: "published", Checkpoint: e2eSecond, Files: 10, Fetched: 3, Linked: 7, Replaced: 1}, "--at", string(e2eSecond))
	must(s.t, os.Remove(filepath.Join(s.dir, "datestone.db")))
	s.costsNothing("20250319T160000Z")
	must(s.t, os.Remove(filepath.Join(s.dir, "datestone.db")))
	s.see("three")
	s.wantReport(e2eThird, report{Result: "published", Checkpoint: e2eThird, Files: 9, Fetched: 1, Linked: 8})
	s.costsNothing(e2eNow)
	s.checkWords()
	s.checkPreview()
}

// holdsStates wants each checkpoint to be what the remote had, and its pages,
// and nothing else.
func (s *e2eSite) holdsStates(objects siteBytes) {
	s.t.Helper()
	for id, state := range map[layout.Stamp]string{e2eFirst: "one", e2eSecond: "two", e2eThird: "three"} {
		want := maps.Clone(s.remote.states[state])
		want["PULP_MANIFEST"] = want.manifest()
		for key, body := range objects {
			path, ok := strings.CutPrefix(key, layout.CheckpointPrefix("checkpoints/myfile", id))
			if !ok {
				continue
			}
			if wanted, ok := want[path]; ok && wanted != body {
				s.t.Errorf("%s: got %.100q, want %.100q", key, body, wanted)
			} else if !ok && filepath.Base(path) != "index.html" {
				s.t.Errorf("%s is not of the remote", key)
			}
			delete(want, path)
		}
		if len(want) > 0 {
			s.t.Errorf("checkpoint %s lacks %q", id, sortedKeys(want))
		}
	}
}

// wantReport runs the program and holds what it reports against want.
func (s *e2eSite) wantReport(now layout.Stamp, want report, args ...string) {
	s.t.Helper()
	var got report
	must(s.t, json.Unmarshal([]byte(s.run(now, append([]string{"run", "--json"}, args...)...)), &got))
	want.Repository, want.Bytes, want.FetchedBytes, want.Promoted = got.Repository, got.Bytes, got.FetchedBytes, got.Promoted
	if d := cmp.Diff(got, want); d != "" {
		s.t.Errorf("at %s (got, want):\n%s", now, d)
	}
}

// costsNothing runs the program where nothing is new: one request to the
// remote, one to the bucket, no write. Where the index was lost, the run reads
// what it needs once more.
func (s *e2eSite) costsNothing(now layout.Stamp) {
	s.t.Helper()
	_, err := os.Stat(filepath.Join(s.dir, "datestone.db"))
	lost := err != nil
	before := s.objects()
	s.bucketRequests.reset()
	s.remote.requests(s.name).reset()
	s.wantReport(now, report{Result: "unchanged"})
	if asked := s.remote.requests(s.name).all(); len(asked) != 1 {
		s.t.Errorf("at %s the remote was asked %q", now, asked)
	}
	asked := s.bucketRequests.all()
	for _, a := range asked {
		if !strings.HasPrefix(a, "GET ") && !strings.HasPrefix(a, "HEAD ") {
			s.t.Errorf("at %s, with nothing new, the bucket was asked %s", now, a)
		}
	}
	if s.kind.server != nil && !lost && len(asked) != 1 {
		s.t.Errorf("at %s the bucket was asked %q", now, asked)
	}
	if d := differ(s.objects(), before); d != "" {
		s.t.Errorf("at %s, with nothing new, the bucket changed:\n%s", now, d)
	}
}

// checkWords holds what the reading commands print.
func (s *e2eSite) checkWords() {
	s.t.Helper()
	for _, c := range []struct {
		args []string
		want []string // lines, their columns parted by a space
	}{
		{[]string{"list"}, []string{"myfile checkpoints/myfile 3 checkpoints 20250320T000001Z"}},
		{[]string{"list", "myfile", "prod", "docs"}, []string{"1.0 kB 20250319T140442Z docs/read me+more~1.txt"}},
		{[]string{"list", "myfile", "20250319", "sub"}, []string{"- sub/deep/", "7 Bytes 20250318T140338Z sub/index.html"}},
		{[]string{"diff", "myfile", string(e2eSecond), string(e2eThird)}, []string{"D 2.iso", "M PULP_MANIFEST"}},
		{[]string{"resolve", "--now", "20250321", s.public + "checkpoints/myfile/20250319T000000Z/g%2B%2B~x?y"},
			[]string{s.public + "checkpoints/myfile/20250319T000000Z/g%2B%2B~x?y 301 " + s.public + "checkpoints/myfile/20250318T140338Z/g%2B%2B~x?y"}},
		{[]string{"resolve", "--now", "20250321", s.public + "checkpoints/myfile/prod/"},
			[]string{s.public + "checkpoints/myfile/prod/ 302 " + s.public + "checkpoints/myfile/20250320T000001Z/"}},
	} {
		got := columns(s.run(e2eNow, c.args...))
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				s.t.Errorf("%v: got\n%swant %q", c.args, got, want)
			}
		}
	}
}

func columns(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// checkPreview asks serve for every file of the last state, and for its
// history.
func (s *e2eSite) checkPreview() {
	s.t.Helper()
	server := s.serve(e2eNow)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	base := s.public + "checkpoints/myfile/"
	for path, body := range s.remote.states["three"] {
		if _, got := e2eGet(s.t, &client, server.URL+base+string(e2eThird)+layout.URLPath(path)); got != body {
			s.t.Errorf("%s: the preview answers %.100q, want %.100q", path, got, body)
		}
	}
	for _, h := range []hop{
		{base + "20250318T140338Z/3.iso", 200, ""},
		{base + "20250319T140442Z/3.iso", 404, ""},
		{base + "20250319T140441Z/a%2Bb", 301, base + "20250318T140338Z/a%2Bb"},
		{base + "20250320T000000Z", 301, base + "20250319T140442Z/"},
		{base + "20250320T000002Z/x", 302, base + "20250320T000001Z/x"},
		{base + "20250321T000000Z/x", 404, ""},
		{base + "20250318T140337Z/x", 404, ""},
		{base + "20250318T140338Z/sub/deep", 301, base + "20250318T140338Z/sub/deep/"},
		{base + "20250318T140338Z/sub/deep/", 200, ""},
		{s.public + "checkpoints/", 200, ""},
		{s.public + "repositories.json", 200, ""},
	} {
		if got := askHop(s.t, &client, http.MethodGet, server.URL+h.path); got.status != h.status || got.location != h.location {
			s.t.Errorf("preview of %s: got %d %q, want %d %q", h.path, got.status, got.location, h.status, h.location)
		}
	}
}

func e2eGet(t testing.TB, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	res, err := client.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return res, string(body)
}

// objects returns what stands in the bucket for readers.
func (s *e2eSite) objects() siteBytes {
	s.t.Helper()
	store := s.open()
	found := siteBytes{}
	for info, err := range store.List(s.t.Context(), "") {
		must(s.t, err)
		if strings.HasPrefix(info.Key, layout.PrivatePrefix) {
			continue
		}
		found[info.Key] = e2eRead(s.t, store, info.Key)
	}
	return found
}

func e2eRead(t testing.TB, store publish.Store, key string) string {
	t.Helper()
	body, _, err := store.Get(t.Context(), key, 0, -1)
	must(t, err)
	defer body.Close()
	b, err := io.ReadAll(body)
	must(t, err)
	return string(b)
}

// checkHeaders holds the answers of the store itself to plain requests, and
// the digests it keeps.
func (s *e2eSite) checkHeaders(objects siteBytes) {
	s.t.Helper()
	store := s.open()
	for key, body := range objects {
		want := layout.HeaderFor(e2eRole(key), key)
		h := s.plainGet(key, body)
		for name, value := range map[string]string{"Content-Type": want.ContentType, "Cache-Control": want.CacheControl, "Content-Encoding": ""} {
			if got := h.Get(name); got != value {
				s.t.Errorf("%s: %s %q, want %q", key, name, got, value)
			}
		}
		info, err := store.Stat(s.t.Context(), key)
		must(s.t, err)
		if sum := layout.DigestOf([]byte(body)); info.SHA256 != sum || info.Header != want {
			s.t.Errorf("%s: the store keeps %s %+v, want %s %+v", key, info.SHA256, info.Header, sum, want)
		}
	}
}

func e2eRole(key string) layout.Role {
	rest, _ := strings.CutPrefix(key, "checkpoints/myfile/")
	segment, _, below := strings.Cut(rest, "/")
	if below && (segment == "log" || layout.HasMomentForm(segment)) {
		return layout.Content
	}
	return layout.Listing
}

// serve previews the site, as if it were now.
func (s *e2eSite) serve(now layout.Stamp) *httptest.Server {
	e := s.env(now, io.Discard, io.Discard)
	e.ConfigFile = filepath.Join(s.dir, "datestone.yaml")
	e.Log = newLog(e)
	r, err := e.openReader(context.Background())
	must(s.t, err)
	server := httptest.NewServer(newPreview(r, e))
	s.t.Cleanup(server.Close)
	return server
}
