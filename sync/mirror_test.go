package reposync_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// A mirrorSite has a list at /list and mirrors of one repository below /1/,
// /2/, …
type mirrorSite struct {
	*httptest.Server
	mu       sync.Mutex
	list     string
	mirrors  map[string]map[string]string
	requests []*http.Request
}

func newMirrorSite(t *testing.T, mirrors map[string]map[string]string) *mirrorSite {
	t.Helper()
	s := &mirrorSite{mirrors: mirrors}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *mirrorSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	mirror, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, ok := s.mirrors[mirror][path]
	switch {
	case mirror == "list" && r.URL.RawQuery == "repo=x&token=secret":
		fmt.Fprint(w, s.list)
	case ok && r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since") != "":
		w.WriteHeader(http.StatusNotModified) // as a mirror says of what it has, not of what another had
	case ok:
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 17 Mar 2025 12:00:00 GMT")
		fmt.Fprint(w, body)
	default:
		http.NotFound(w, r)
	}
}

// used returns the mirrors that were asked, sorted, since it was called last.
func (s *mirrorSite) used() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, r := range s.requests {
		mirror, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		seen[mirror] = true
	}
	s.requests = nil
	return slices.Sorted(maps.Keys(seen))
}

// metalinkTo is a metalink for mirrors, the first the best, of a repomd.xml and
// of an older one.
func (s *mirrorSite) metalinkTo(newest, older string, mirrors ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<metalink xmlns:mm0="x"><files><file name="repomd.xml"><verification><hash type="sha256">%s</hash></verification>
		<mm0:alternates><mm0:alternate><verification><hash type="sha512">%s</hash></verification></mm0:alternate></mm0:alternates><resources>`,
		sum("", newest), sum("sha512", older))
	for i, m := range mirrors {
		fmt.Fprintf(&b, `<url protocol="http" preference="%d">%s/%s/repodata/repomd.xml</url>`, 100-i, s.URL, m)
	}
	return b.String() + "</resources></file></files></metalink>"
}

func TestMirrors(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	older := r.files(t)
	r.packages["c.rpm"] = "c"
	newest := r.files(t)
	partial := maps.Clone(newest)
	delete(partial, "repodata/primary.xml.gz")
	const repomd = "repodata/repomd.xml"
	lines := func(names ...string) func(*mirrorSite) {
		return func(s *mirrorSite) { s.list = "# mirrors\n" + s.URL + "/" + strings.Join(names, "\n"+s.URL+"/") + "\n" }
	}
	for name, test := range map[string]struct {
		list     func(*mirrorSite)
		metalink bool
		want     map[string]string
		used     []string // of the mirrors
		refused  string
	}{
		"the first of a list":            {list: lines("new", "old"), want: newest, used: []string{"new"}},
		"one that is not there":          {list: lines("gone", "old", "new"), want: older, used: []string{"gone", "old"}},
		"one that is not whole":          {list: lines("partial", "new"), want: newest, used: []string{"new", "partial"}},
		"none":                           {list: lines("gone", "partial"), refused: "no mirror of"},
		"a page":                         {list: func(s *mirrorSite) { s.list = "<html>" }, refused: "mirrorlist"},
		"metalink: the best":             {list: func(s *mirrorSite) { s.list = s.metalinkTo(newest[repomd], older[repomd], "new", "old") }, metalink: true, want: newest, used: []string{"new"}},
		"metalink: one that lags behind": {list: func(s *mirrorSite) { s.list = s.metalinkTo(newest[repomd], older[repomd], "old", "new") }, metalink: true, want: newest, used: []string{"new", "old"}},
		"metalink: all lag behind":       {list: func(s *mirrorSite) { s.list = s.metalinkTo(newest[repomd], older[repomd], "old") }, metalink: true, want: older, used: []string{"old"}},
		"metalink: another repomd.xml":   {list: func(s *mirrorSite) { s.list = s.metalinkTo("x", "y", "old", "new") }, metalink: true, refused: "is not the one that the metalink names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newMirrorSite(t, map[string]map[string]string{"new": newest, "old": older, "partial": partial})
			test.list(s)
			remote := reposync.Remote{Type: "rpm", Mirrorlist: s.URL + "/list?repo=x&token=secret"}
			if test.metalink {
				remote.Metalink, remote.Mirrorlist = remote.Mirrorlist, ""
			}
			c := reposync.New(quick(nil))
			state, err := c.Read(t.Context(), remote, layout.Remote{})
			if test.refused != "" {
				if err == nil || !strings.Contains(err.Error(), test.refused) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v, want %q", err, test.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if used := s.used(); !slices.Equal(used, append([]string{"list"}, test.used...)) && !slices.Equal(used, sortedWith(test.used, "list")) {
				t.Errorf("asked %v, want the list and %v", used, test.used)
			}
			if state.Remote.URL != s.URL+"/list" {
				t.Errorf("the log would say %q", state.Remote.URL)
			}
			if moved, err := c.Moved(t.Context(), remote, state); moved || err != nil {
				t.Errorf("moved: %v, %v", moved, err)
			}
			holdsFiles(t, c, remote, state, test.want)
			if used := s.used(); len(used) != 1 {
				t.Errorf("the content came from %v, want one mirror and no list", used)
			}
		})
	}
}

func sortedWith(names []string, more string) []string {
	return slices.Sorted(slices.Values(append(slices.Clone(names), more)))
}

// Whether anything changed is what the content says: other mirrors have other
// dates.
func TestMirrorsNothingChanged(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	older := r.files(t)
	r.packages["c.rpm"] = "c"
	newest := r.files(t)
	s := newMirrorSite(t, map[string]map[string]string{"1": older, "2": older})
	s.list = s.URL + "/1/"
	remote := reposync.Remote{Type: "rpm", Mirrorlist: s.URL + "/list?repo=x&token=secret"}
	c := reposync.New(quick(nil))
	state, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	s.list = s.URL + "/2/"
	if _, err := c.Read(t.Context(), remote, state.Remote); err != reposync.ErrNotModified {
		t.Errorf("got %v, want ErrNotModified", err)
	}
	s.mu.Lock()
	s.mirrors["2"] = newest
	s.mu.Unlock()
	if _, err = c.Read(t.Context(), remote, state.Remote); err != nil {
		t.Errorf("got %v, want what is new", err)
	}
}

// A mirror that has what was known does not hide what the metalink announces.
func TestMirrorsThatLagBehind(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	older := r.files(t)
	r.packages["c.rpm"] = "c"
	newest := r.files(t)
	const repomd = "repodata/repomd.xml"
	s := newMirrorSite(t, map[string]map[string]string{"1": older, "2": newest})
	s.list = s.metalinkTo(older[repomd], "", "1", "2")
	remote := reposync.Remote{Type: "rpm", Metalink: s.URL + "/list?repo=x&token=secret"}
	c := reposync.New(quick(nil))
	known, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context(), remote, known.Remote); err != reposync.ErrNotModified {
		t.Errorf("got %v, want ErrNotModified", err)
	}
	s.list = s.metalinkTo(newest[repomd], older[repomd], "1", "2")
	state, err := c.Read(t.Context(), remote, known.Remote)
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, remote, state, newest)
}

// What is meant for the host of the list stays there.
func TestMirrorsGetNoSecrets(t *testing.T) {
	t.Parallel()
	mirror := newMirrorSite(t, map[string]map[string]string{"1": smallRPM().files(t)})
	list := newMirrorSite(t, nil)
	list.list = mirror.URL + "/1/"
	remote := reposync.Remote{Type: "rpm", Mirrorlist: list.URL + "/list?repo=x&token=secret", Username: "user", Password: "secret", Headers: map[string]string{"X-Token": "secret"}}
	c := reposync.New(quick(nil))
	state, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, remote, state, smallRPM().files(t))
	if state.Remote.Config != remote.ConfigDigest() {
		t.Error("the state was not taken with the configuration")
	}
	if h := list.requests[0].Header; h.Get("X-Token") == "" || h.Get("Authorization") == "" {
		t.Errorf("the list was asked with %v", h)
	}
	for _, r := range mirror.requests {
		if r.Header.Get("X-Token") != "" || r.Header.Get("Authorization") != "" || r.URL.RawQuery != "" {
			t.Errorf("the mirror was asked for %s with %v", r.URL, r.Header)
		}
	}
}

func TestMirrorsThatAreNotRead(t *testing.T) {
	t.Parallel()
	files := smallRPM().files(t)
	mirror := newMirrorSite(t, map[string]map[string]string{"1": files})
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "http://169.254.169.254/x/\nhttps://169.254.169.254/x/\nftp://x/\n%s/1/\n", mirror.URL)
	}))
	t.Cleanup(secure.Close)
	remote := reposync.Remote{Type: "rpm", Mirrorlist: secure.URL + "/list", CA: writePEM(t, secure)}
	if _, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{}); err == nil || !strings.Contains(err.Error(), "names no mirror with https") {
		t.Errorf("got %v, want that a mirror without https is not read", err)
	}
	if used := mirror.used(); len(used) > 0 {
		t.Errorf("it was: %v", used)
	}
}
