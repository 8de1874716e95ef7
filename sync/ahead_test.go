package reposync_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
)

// A meeting holds requests up until all that belong together have come: they
// are not made one after the other.
type meeting struct {
	mu      sync.Mutex
	missing map[string]bool // of those that belong, whether they have yet to come
	left    int
	met     chan struct{}
}

func newMeeting(paths ...string) *meeting {
	m := &meeting{missing: map[string]bool{}, left: len(paths), met: make(chan struct{})}
	for _, p := range paths {
		m.missing[p] = true
	}
	return m
}

// come reports whether all have come; others need not.
func (m *meeting) come(path string) bool {
	m.mu.Lock()
	missing, belongs := m.missing[path]
	if missing {
		m.missing[path] = false
		if m.left--; m.left == 0 {
			close(m.met)
		}
	}
	m.mu.Unlock()
	if !belongs {
		return true
	}
	select {
	case <-m.met:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

// before returns a server in front of h at which the requests meet.
func (m *meeting) before(t *testing.T, h http.Handler) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path := strings.TrimPrefix(r.URL.Path, "/repo/"); !m.come(path) {
			t.Errorf("%s came alone", path)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL + "/repo"
}

// TestReadWaitsOnceForAll wants metadata asked for at once where nothing has to
// be read first.
func TestReadWaitsOnceForAll(t *testing.T) {
	t.Parallel()
	d, suite := wholeRepo(t)
	d.publish(suite)
	r := newRPMServer(t, smallRPM())
	for name, test := range map[string]struct {
		remote reposync.Remote
		server http.Handler
		paths  []string
	}{
		"a Release beside what it lists": {d.remote(), d, []string{"dists/stable/Release", "dists/stable/Release.gpg", "dists/stable/main/Contents-amd64.gz"}},
		"signature, key and tree beside repomd.xml": {r.remote(), r,
			[]string{"repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/repomd.xml.key", ".treeinfo", "treeinfo"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.remote.URL = newMeeting(test.paths...).before(t, test.server)
			if _, err := reposync.New(quick(nil)).Read(t.Context(), test.remote, layout.Remote{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReadTakesTheNewsItWasTold wants a file that answered a condition with
// news not asked for again, but for what came of it afterwards.
func TestReadTakesTheNewsItWasTold(t *testing.T) {
	t.Parallel()
	d, suite := wholeRepo(t)
	d.publish(suite)
	r := newRPMServer(t, smallRPM())
	for name, test := range map[string]struct {
		remote reposync.Remote
		server *server
		lead   string
		change func()
	}{
		"deb": {d.remote(), d.server, "dists/stable/InRelease", func() { suite.fields += "Label: next\n"; d.publish(suite) }},
		"rpm": {r.remote(), r.server, "repodata/repomd.xml", func() {
			next := smallRPM()
			next.packages["Packages/c.rpm"] = "c"
			r.become(next)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := reposync.New(quick(nil))
			before, err := c.Read(t.Context(), test.remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			test.change()
			asked := len(test.server.seen())
			state, err := c.Read(t.Context(), test.remote, before.Remote)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, q := range test.server.seen()[asked:] {
				if strings.HasSuffix(q.URL.Path, "/"+test.lead) {
					n++
				}
			}
			test.server.mu.Lock()
			want := test.server.files[test.lead]
			test.server.mu.Unlock()
			if n != 1 || string(state.Bodies[test.lead]) != want {
				t.Errorf("%d requests for %s, want one; what it brought is what was read: %v", n, test.lead, string(state.Bodies[test.lead]) == want)
			}
		})
	}
}
