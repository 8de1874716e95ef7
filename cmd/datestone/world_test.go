package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
)

// forgetful keeps no condition, as some stores do, without a word.
type forgetful struct{ dirStore }

// dirStore is what the store of a directory can do.
type dirStore interface {
	publish.Store
	publish.Linker
	publish.Deleter
	publish.Purger
	publish.Syncer
}

func (f forgetful) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	p.Create, p.IfMatch = false, ""
	return f.dirStore.Put(ctx, p)
}

// TestStoreWithoutConditions wants a store on which two runs could overwrite
// each other refused, before anything is published.
func TestStoreWithoutConditions(t *testing.T) {
	t.Parallel()
	s := newWalkSite(t)
	s.upstream("one")
	var out strings.Builder
	e := s.env("20250318T140442Z", &out)
	e.WrapStore = func(inner publish.Store) publish.Store { return forgetful{inner.(dirStore)} }
	code := run(t.Context(), []string{"datestone", "--config", s.config(), "run"}, e)
	want := "ignores conditional writes (If-None-Match kept: false, If-Match kept: false)"
	if code != exitFailed || !strings.Contains(out.String(), want) {
		t.Errorf("exit code %d, said %q; want %d and %q", code, out.String(), exitFailed, want)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "site", "checkpoints")); !os.IsNotExist(err) {
		t.Errorf("got %v, want nothing published", err)
	}
}

// TestLockNone wants a bucket that ignores conditions to be written to all the
// same where the configuration promises a single writer, with the bytes of one
// that keeps them, and the promise refused where it is not needed.
func TestLockNone(t *testing.T) {
	t.Parallel()
	type step struct {
		now   layout.Stamp
		state string
		args  []string
	}
	story := []step{
		{"20250318T140338Z", "one", []string{"run"}},
		{"20250318T140442Z", "two", []string{"run"}},
		{"20250318T140443Z", "two", []string{"run"}},
		{"20250319T140442Z", "two", []string{"pin", "--reason", "release", "myfile", "latest"}},
		{"20250320T140442Z", "one", []string{"run"}},
	}
	s := newWalkSite(t)
	config, err := os.ReadFile(s.config())
	must(t, err)
	tell := func(lock string, wrap func(publish.Store) publish.Store) (siteBytes, string) {
		must(t, errors.Join(os.RemoveAll(filepath.Join(s.dir, "site")), os.RemoveAll(filepath.Join(s.dir, "datestone.db"))))
		s.mkdir("site")
		must(t, os.WriteFile(s.config(), slices.Concat(config, []byte(lock)), 0o644))
		for _, step := range story {
			s.upstream(step.state)
			var out strings.Builder
			e := s.env(step.now, &out)
			e.WrapStore = wrap
			if code := run(t.Context(), append([]string{"datestone", "--config", s.config()}, step.args...), e); code != 0 {
				return nil, out.String()
			}
		}
		site, err := readTree(filepath.Join(s.dir, "site"))
		must(t, err)
		delete(site, layout.LockKey("myfile"))
		return site, ""
	}
	forget := func(inner publish.Store) publish.Store { return forgetful{inner.(dirStore)} }
	want, said := tell("", nil)
	if said != "" {
		t.Fatal(said)
	}
	got, said := tell("lock: none\n", forget)
	if d := differ(got, want); said != "" || d != "" {
		t.Errorf("without conditions: %s\n%s", said, d)
	}
	if _, said := tell("lock: none\n", nil); !strings.Contains(said, `keeps conditional writes: take "lock: none" out of the configuration`) {
		t.Errorf("a bucket that needs no promise: got %q", said)
	}
}

// TestProxy reads a remote whose host only the proxy of the environment knows.
func TestProxy(t *testing.T) {
	t.Parallel()
	files := http.FileServer(http.Dir(filepath.Join("..", "..", "testdata", "repos", "file", "one")))
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host != "upstream.example.org" {
			http.Error(w, "not asked as a proxy: "+r.URL.String(), http.StatusBadRequest)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "site"), 0o755))
	config := "bucket: file:site\npublic_url: https://snapshots.example.org/\nrepositories:\n" +
		"  - {name: m, base_path: m, remote: {type: file, url: 'http://upstream.example.org/PULP_MANIFEST'}}\n"
	must(t, os.WriteFile(filepath.Join(dir, "datestone.yaml"), []byte(config), 0o644))
	c := exec.Command("datestone", "--config", filepath.Join(dir, "datestone.yaml"), "run")
	c.Env = append(os.Environ(), fmt.Sprintf("http_proxy=%s", proxy.URL), "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "m: published ") {
		t.Errorf("%v: %s", err, out)
	}
}
