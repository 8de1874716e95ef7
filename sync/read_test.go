package reposync_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestReadTakesTheState(t *testing.T) {
	t.Parallel()
	manifest := "# nightly\n" + line("b/2.iso", "two") + line("Z.iso", "") + line("1.iso", "one")
	s := newServer(t, map[string]string{"PULP_MANIFEST": manifest})
	got, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	want := []layout.File{file("1.iso", "one"), file("PULP_MANIFEST", manifest), file("Z.iso", ""), file("b/2.iso", "two")}
	if d := cmp.Diff(want, got.Files); d != "" {
		t.Errorf("files: want -, got +\n%s", d)
	}
	if d := cmp.Diff(map[string][]byte{"PULP_MANIFEST": []byte(manifest)}, got.Bodies); d != "" {
		t.Errorf("bodies: want -, got +\n%s", d)
	}
	if got.Remote.Mode != "mirror" || got.Remote.URL != s.URL+"/repo/PULP_MANIFEST" || got.Remote.Validators.ETag == "" ||
		got.Remote.Config != s.remote().ConfigDigest() {
		t.Errorf("remote: %+v", got.Remote)
	}
}

func TestReadNothingChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		noETag   bool
		change   func(*reposync.Remote, *layout.Remote, *server)
		want     error
		sendsTag bool
	}{
		"by entity tag":                   {want: reposync.ErrNotModified, sendsTag: true},
		"by fingerprint, no validators":   {noETag: true, want: reposync.ErrNotModified},
		"by fingerprint, another tag":     {change: func(_ *reposync.Remote, k *layout.Remote, _ *server) { k.Validators.ETag = `"x"` }, want: reposync.ErrNotModified, sendsTag: true},
		"the manifest changed":            {change: func(_ *reposync.Remote, _ *layout.Remote, s *server) { s.set("PULP_MANIFEST", "") }, sendsTag: true},
		"another configuration of before": {change: func(r *reposync.Remote, _ *layout.Remote, _ *server) { r.Mode = "additive" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"PULP_MANIFEST": line("a", "a")})
			s.noETag = test.noETag
			c, r := reposync.New(quick(nil)), s.remote()
			first, err := c.Read(t.Context(), r, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			known := first.Remote
			if test.change != nil {
				test.change(&r, &known, s)
			}
			if _, err := c.Read(t.Context(), r, known); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			seen := s.seen()
			if len(seen) != 2 {
				t.Fatalf("%d requests for two reads", len(seen))
			}
			if got := seen[1].Header.Get("If-None-Match") != ""; got != test.sendsTag {
				t.Errorf("If-None-Match sent: %v, want %v", got, test.sendsTag)
			}
		})
	}
}

func TestReadByLastModified(t *testing.T) {
	t.Parallel()
	modified := time.Now().Add(-time.Hour)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", modified, strings.NewReader(line("a", "a")))
	}))
	t.Cleanup(s.Close)
	c, r := reposync.New(quick(nil)), reposync.Remote{Type: "file", URL: s.URL + "/PULP_MANIFEST"}
	st, err := c.Read(t.Context(), r, layout.Remote{})
	if err != nil || st.Remote.Validators.LastModified == "" {
		t.Fatalf("%+v, %v: want Last-Modified kept", st, err)
	}
	st.Remote.Validators.Fingerprint = "" // so that only a 304 can tell
	if moved, err := c.Moved(t.Context(), r, st); moved || err != nil {
		t.Errorf("got %v, %v; want that it has not moved", moved, err)
	}
	modified = time.Now() // its second is not over: both validators may come again with other bytes
	if st, err = c.Read(t.Context(), r, layout.Remote{}); err != nil || st.Remote.Validators.LastModified != "" {
		t.Errorf("%+v, %v: want no validators of a file that is being written", st.Remote, err)
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		noETag, change bool
	}{
		"not, by entity tag": {}, "not, by fingerprint": {noETag: true},
		"yes, by entity tag": {change: true}, "yes, by fingerprint": {noETag: true, change: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"PULP_MANIFEST": line("a", "a")})
			s.noETag = test.noETag
			c := reposync.New(quick(nil))
			st, err := c.Read(t.Context(), s.remote(), layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			if test.change {
				s.set("PULP_MANIFEST", line("a", "b"))
			}
			if moved, err := c.Moved(t.Context(), s.remote(), st); err != nil || moved != test.change || len(s.seen()) != 2 {
				t.Errorf("got %v, %v after %d requests; want %v", moved, err, len(s.seen()), test.change)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		manifest string
		fail     failure
		want     string
	}{
		"a wrong line":        {line("a", "") + "b,c\n", none, `/repo/PULP_MANIFEST: line 2: has 2 fields; a line is path,sha256,size`},
		"a path that climbs":  {line("../../etc/passwd", ""), none, `line 1: path "../../etc/passwd": has a ".." segment`},
		"itself in the list":  {line("PULP_MANIFEST", ""), none, `line 1: path "PULP_MANIFEST" is that of the manifest itself`},
		"HTML":                {"", html, `line 1: this is HTML, not a manifest; is the URL that of the manifest itself?`},
		"a body cut short":    {line("a", "") + line("b", ""), truncated, `/repo/PULP_MANIFEST, 5 times: the answer was cut short: unexpected EOF`},
		"an endless body":     {"", endless, `/repo/PULP_MANIFEST: is too long: more than 1048576 bytes`},
		"a declared giant":    {strings.Repeat("# comment\n", 200_000), none, `is too long: more than 1048576 bytes`},
		"exploding gzip":      {"", bomb, `the answer has the Content-Encoding "gzip", which was not asked for`},
		"a manifest not here": {"", gone, `/repo/PULP_MANIFEST: the server answered 404 Not Found`},
		"a server in trouble": {"", broken, `/repo/PULP_MANIFEST, 5 times: the server answered 500 Internal Server Error`},
		"a busy server":       {"", busy, `/repo/PULP_MANIFEST: the server answered 429 Too Many Requests, retry after 1h0m0s`},
		"silence half-way":    {line("a", ""), stalled, `5 times: the server fell silent for 500ms`},
		"silence":             {line("a", ""), mute, `5 times: net/http: timeout awaiting response headers`},
		"a redirect loop":     {"", loop, `/repo/PULP_MANIFEST: more than 3 redirects`},
		"connections dropped": {"", reset, `/repo/PULP_MANIFEST, 5 times: EOF`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"PULP_MANIFEST": test.manifest}).failing("PULP_MANIFEST", test.fail, -1)
			s.after = "3600"
			config := quick(nil)
			config.MaxManifest, config.MaxRedirects = 1<<20, 3
			if test.fail == mute || test.fail == stalled {
				config.Stall = shortStall
			}
			_, err := reposync.New(config).Read(t.Context(), s.remote(), layout.Remote{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if errors.Is(err, reposync.ErrMoved) {
				t.Error("a manifest that can't be read is no ErrMoved")
			}
		})
	}
}

func TestReadSurvives(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]failure{"500 thrice": broken, "resets": reset, "truncated bodies": truncated, "429": busy, "stalls": stalled} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"PULP_MANIFEST": line("a", "a")}).failing("PULP_MANIFEST", fail, 3)
			s.after = "0"
			config := quick(nil)
			if fail == stalled {
				config.Stall = shortStall
			}
			st, err := reposync.New(config).Read(t.Context(), s.remote(), layout.Remote{})
			if err != nil || len(st.Files) != 2 || len(s.seen()) != 4 {
				t.Errorf("got %v after %d requests", err, len(s.seen()))
			}
		})
	}
}

func TestReadWaitsAsLongAsItIsTold(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{"seconds": "1", "a date": clock().Add(time.Second).Format(http.TimeFormat)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"PULP_MANIFEST": ""}).failing("PULP_MANIFEST", busy, 1)
			s.after = after
			start := time.Now()
			_, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{})
			if took := time.Since(start); err != nil || took < time.Second || took > 10*time.Second {
				t.Errorf("got %v after %v, want success after 1 s", err, took)
			}
		})
	}
}

func TestReadEndsWithTheCause(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string]string{"PULP_MANIFEST": ""}).failing("PULP_MANIFEST", mute, -1)
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
	if _, err := reposync.New(quick(nil)).Read(ctx, s.remote(), layout.Remote{}); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestReadDirectory(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	manifest := filepath.Join(dir, "my repo", "PULP_MANIFEST")
	if err := os.MkdirAll(filepath.Dir(manifest), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(body string) {
		t.Helper()
		if err := os.WriteFile(manifest, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		when := clock()
		if err := os.Chtimes(manifest, when, when); err != nil {
			t.Fatal(err)
		}
	}
	c := reposync.New(quick(nil))
	for _, url := range []string{"file://" + filepath.ToSlash(dir) + "/my%20repo/PULP_MANIFEST", "file:my%20repo/PULP_MANIFEST", "file:./my%20repo/PULP_MANIFEST"} {
		write(line("a", "a"))
		r := reposync.Remote{Type: "file", URL: url}
		st, err := c.Read(t.Context(), r, layout.Remote{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(t.Context(), r, st.Remote); !errors.Is(err, reposync.ErrNotModified) {
			t.Errorf("%s: got %v, want ErrNotModified", url, err)
		}
		write(line("a", "b")) // same size, same time
		if moved, err := c.Moved(t.Context(), r, st); !moved || err != nil {
			t.Errorf("%s: got %v, %v; want that it moved", url, moved, err)
		}
	}
	if _, err := c.Read(t.Context(), reposync.Remote{Type: "file", URL: "file:nowhere/PULP_MANIFEST"}, layout.Remote{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the directory is missing", err)
	}
}
