package reposync_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// TestDebFromDirectory reads the same from a directory of this machine.
func TestDebFromDirectory(t *testing.T) {
	t.Parallel()
	r, s := wholeRepo(t)
	r.publish(s)
	remote := r.remote()
	c := reposync.New(quick(nil))
	want, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for p, body := range r.files {
		name := filepath.Join(dir, filepath.FromSlash(p))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(body), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	remote.URL = "file://" + filepath.ToSlash(dir)
	got, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Files, want.Files) {
		t.Errorf("got %v, want %v", got.Files, want.Files)
	}
	holdsContent(t, c, r, remote, got)
	if _, err := c.Read(t.Context(), remote, got.Remote); !errors.Is(err, reposync.ErrNotModified) {
		t.Errorf("got %v, want ErrNotModified", err)
	}
}

// TestDebAsksServersThatKnowNoHead wants a GET in place of a HEAD that is not
// allowed.
func TestDebAsksServersThatKnowNoHead(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusInternalServerError} {
		r, s := wholeRepo(t)
		r.publish(s)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.Method == http.MethodHead {
				w.WriteHeader(status)
				return
			}
			r.ServeHTTP(w, q)
		}))
		t.Cleanup(front.Close)
		remote := r.remote()
		c := reposync.New(quick(nil))
		want, err := c.Read(t.Context(), remote, layout.Remote{})
		if err != nil {
			t.Fatal(err)
		}
		remote.URL = front.URL + "/repo"
		got, err := c.Read(t.Context(), remote, layout.Remote{})
		switch {
		case status == http.StatusInternalServerError && err == nil:
			t.Error("a server in trouble is taken for one that lacks files")
		case status != http.StatusInternalServerError && (err != nil || !slices.Equal(got.Files, want.Files)):
			t.Errorf("status %d: got %v, want the same state", status, err)
		}
	}
}

// TestDebForbidden has servers that forbid what is not there, as S3 does, and
// such that forbid what is.
func TestDebForbidden(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		forbids func(p string, there bool) bool
		want    string
	}{
		"what is not there": {func(_ string, there bool) bool { return !there }, ""},
		"an index":          {func(p string, _ bool) bool { return strings.HasSuffix(p, "Contents-amd64.gz") }, "Contents-amd64.gz: the server answered 403"},
		"all forms":         {func(p string, there bool) bool { return !there || strings.Contains(p, "/binary-amd64/") }, "Packages is listed, but in none of its forms there"},
		"the Release":       {func(p string, _ bool) bool { return strings.HasSuffix(p, "InRelease") }, "InRelease: the server answered 403"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := wholeRepo(t)
			r.publish(s)
			c, remote := reposync.New(quick(nil)), r.remote()
			want, err := c.Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				r.mu.Lock()
				_, there := r.files[strings.TrimPrefix(q.URL.Path, "/repo/")]
				r.mu.Unlock()
				if test.forbids(q.URL.Path, there) {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				r.ServeHTTP(w, q)
			}))
			t.Cleanup(front.Close)
			remote.URL = front.URL + "/repo"
			got, err := c.Read(t.Context(), remote, layout.Remote{})
			switch {
			case test.want == "" && (err != nil || !slices.Equal(got.Files, want.Files)):
				t.Errorf("got %v, want the same state", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
