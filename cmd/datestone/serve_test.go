package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
)

const previewConfig = "bucket: file:site\npublic_url: https://snapshots.example.org/\nrepositories:\n" +
	"  - {name: myfile, base_path: checkpoints/myfile, remote: {type: file, url: \"https://host/M\"}}\n"

// openSample publishes the sample site and returns what serves it.
func openSample(t *testing.T, change func(*env)) (*reader, *env, string) {
	t.Helper()
	dir := t.TempDir()
	if err := writeSite(t.Context(), filepath.Join(dir, "site")); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, defaultConfig)
	if err := os.WriteFile(name, []byte(previewConfig), 0o666); err != nil {
		t.Fatal(err)
	}
	e := &env{Stdout: io.Discard, Stderr: io.Discard, LookupEnv: os.LookupEnv, ConfigFile: name,
		Now: func() time.Time { return until.Time().Add(time.Hour) }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(e)
	}
	r, err := e.openReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r, e, dir
}

// ask sends target as it is, without the tidying of a client.
func ask(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "/", nil)
	r.RequestURI = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestPreviewAnswers(t *testing.T) {
	t.Parallel()
	r, e, _ := openSample(t, nil)
	h := newPreview(r, e)
	const b = "/checkpoints/myfile"
	const forever = "public, max-age=31536000, immutable"
	for name, c := range map[string]struct {
		target, status, location, cache, body string
	}{
		"an object":                           {b + "/20250318T140442Z/1.iso", "200", "", forever, "one"},
		"an escaped name":                     {b + "/20250318T140442Z/dir/a%2Bb.txt", "200", "", forever, "plus"},
		"a plus as it is":                     {b + "/20250318T140442Z/dir/a+b.txt", "200", "", forever, "plus"},
		"a query is not of the name":          {b + "/20250318T140442Z/1.iso?x=1", "200", "", forever, "one"},
		"a missing object":                    {b + "/20250318T140442Z/3.iso", "404", "", "no-cache", "404 not found\n"},
		"a moment between, for good":          {b + "/20250318T140440Z/a%2Fb?x=+", "301", b + "/20250318T140338Z/a%2Fb?x=+", "public, max-age=86400", ""},
		"a moment after final_until, for now": {b + "/20250402T003000Z/", "302", b + "/20250401T000000Z/", "no-cache", ""},
		"a moment to come":                    {b + "/20250403/", "404", "", "no-cache", "404 not found\n"},
		"latest":                              {b + "/latest/3.iso", "302", b + "/20250401T000000Z/3.iso", "no-cache", ""},
		"a channel":                           {b + "/frozen/", "302", b + "/20250318T140442Z/", "no-cache", ""},
		"a checkpoint without slash":          {b + "/20250318T140442Z", "301", b + "/20250318T140442Z/", "public, max-age=86400", ""},
		"a directory without slash":           {b + "/20250318T140442Z/dir?q", "301", b + "/20250318T140442Z/dir/?q", "no-cache", ""},
		"the base path without slash":         {b, "301", b + "/", "public, max-age=86400", ""},
		"the log":                             {b + "/log/9.json", "404", "", "no-cache", "404 not found\n"},
		"what is private":                     {"/.datestone/mutex", "404", "", "no-cache", "404 not found\n"},
		"what is private, escaped":            {"/%2edatestone/mutex", "404", "", "no-cache", "404 not found\n"},
		"a way out":                           {b + "/../../../datestone.yaml", "404", "", "no-cache", "404 not found\n"},
		"a way out, escaped":                  {b + "/%2e%2e/%2e%2e/%2e%2e/datestone.yaml", "404", "", "no-cache", "404 not found\n"},
		"no escape":                           {"/%zz", "404", "", "no-cache", "404 not found\n"},
		"another host by two slashes":         {"//evil.example/dir", "404", "", "no-cache", "404 not found\n"},
		"no path":                             {"*", "400", "", "", "a request names a path\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{"GET", "HEAD"} {
				res := ask(h, method, c.target)
				body, _ := io.ReadAll(res.Body)
				got := []string{res.Status[:3], res.Header.Get("Location"), res.Header.Get("Cache-Control"), string(body)}
				want := []string{c.status, c.location, c.cache, c.body}
				if method == "HEAD" && c.status == "200" {
					want[3] = ""
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s %s (-want +got):\n%s", method, c.target, diff)
				}
			}
		})
	}
}

// TestPreviewAgrees holds the server against the oracle, moment by moment.
func TestPreviewAgrees(t *testing.T) {
	t.Parallel()
	r, e, _ := openSample(t, nil)
	h := newPreview(r, e)
	tables, err := r.tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []layout.Stamp{empty, second, third, until} {
		for _, d := range []time.Duration{-time.Second, 0, time.Second, 2 * time.Hour} {
			for _, rest := range []string{"", "/", "/1.iso?a=b", "/no%2Fsuch"} {
				target := "/checkpoints/myfile/" + string(layout.StampOf(id.Time().Add(d))) + rest
				want := redirects.Resolve(tables, target, layout.StampOf(e.Now()))
				got := ask(h, "GET", target)
				handed := want.Status == 200 && (got.StatusCode == 200 || got.StatusCode == 404)
				if got.StatusCode != want.Status && !handed || got.Header.Get("Location") != want.Location {
					t.Errorf("%s: got %d %q, want %d %q", target, got.StatusCode, got.Header.Get("Location"), want.Status, want.Location)
				}
			}
		}
	}
}

func TestPreviewPages(t *testing.T) {
	t.Parallel()
	r, e, _ := openSample(t, nil)
	h := newPreview(r, e)
	for target, want := range map[string]string{
		"/checkpoints/myfile/":                      "20250318T140442Z/",
		"/checkpoints/myfile/20250318T140442Z/":     `<a href="./2.iso">2.iso</a>`,
		"/checkpoints/myfile/20250318T140442Z/dir/": "a%2Bb.txt",
	} {
		res := ask(h, "GET", target)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 || !strings.Contains(string(body), want) || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d, %s, without %q:\n%s", target, res.StatusCode, res.Header.Get("Content-Type"), want, body)
		}
	}
	if got := ask(h, "GET", "/checkpoints/myfile/checkpoints.json").Header; got.Get("Cache-Control") != "public, max-age=60" || got.Get("Content-Type") != "application/json" {
		t.Errorf("table has headers %v", got)
	}
}

func TestPreviewConditionsAndRanges(t *testing.T) {
	t.Parallel()
	r, e, _ := openSample(t, nil)
	h := newPreview(r, e)
	const target = "/checkpoints/myfile/20250318T140442Z/2.iso"
	first := ask(h, "GET", target)
	tag, date := first.Header.Get("Etag"), first.Header.Get("Last-Modified")
	if !strings.HasPrefix(tag, `"`) || date == "" {
		t.Fatalf("got Etag %q, Last-Modified %q, want both", tag, date)
	}
	for name, c := range map[string]struct {
		header        []string
		status        int
		length, piece string
	}{
		"same tag":         {[]string{"If-None-Match", tag}, 304, "", ""},
		"other tag":        {[]string{"If-None-Match", `"x"`}, 200, "1024", ""},
		"not since":        {[]string{"If-Modified-Since", date}, 304, "", ""},
		"a piece":          {[]string{"Range", "bytes=10-12"}, 206, "3", "bytes 10-12/1024"},
		"the end":          {[]string{"Range", "bytes=-4"}, 206, "4", "bytes 1020-1023/1024"},
		"behind the end":   {[]string{"Range", "bytes=1024-"}, 416, "", "bytes */1024"},
		"a piece of other": {[]string{"Range", "bytes=10-12", "If-Range", `"x"`}, 200, "1024", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := ask(h, "GET", target, c.header...)
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			length := res.Header.Get("Content-Length")
			if res.StatusCode != c.status || res.Header.Get("Content-Range") != c.piece || c.length != "" && length != c.length {
				t.Errorf("got %d, length %s, piece %q; want %d, %s, %q", res.StatusCode, length, res.Header.Get("Content-Range"), c.status, c.length, c.piece)
			}
			if c.status < 300 && strings.Trim(string(body), "2") != "" {
				t.Errorf("body is not of the object: %q", body)
			}
		})
	}
}

// TestPreviewRefuses wants 405 for all that could write, and a site that is
// the same afterwards, byte for byte.
func TestPreviewRefuses(t *testing.T) {
	t.Parallel()
	r, e, dir := openSample(t, nil)
	h := newPreview(r, e)
	before := snapshot(t, dir)
	for _, method := range []string{"PUT", "POST", "DELETE", "PATCH", "OPTIONS", "PROPFIND"} {
		res := ask(h, method, "/checkpoints/myfile/20250318T140442Z/1.iso")
		if res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: got %d, Allow %q, want 405, GET, HEAD", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
	ask(h, "GET", "/checkpoints/myfile/20250318T140442Z/1.iso")
	ask(h, "GET", "/checkpoints/myfile/nothing")
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("serving changed the directory (-before +after):\n%s", diff)
	}
}

// TestReadersWriteNothing runs every command that only reads.
func TestReadersWriteNothing(t *testing.T) {
	t.Parallel()
	_, e, dir := openSample(t, nil)
	before := snapshot(t, dir)
	for _, line := range []string{"list", "list myfile", "list myfile latest dir", "diff myfile frozen latest",
		"resolve /checkpoints/myfile/latest/", "version", "completion bash", "help"} {
		args := append([]string{"datestone", "-c", e.ConfigFile}, strings.Fields(line)...)
		if code := run(t.Context(), args, e); code != 0 {
			t.Errorf("%s: exit code %d", line, code)
		}
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("reading changed the directory (-before +after):\n%s", diff)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			all[path] = "directory"
			return err
		}
		body, err := os.ReadFile(path)
		all[path] = string(body)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPreviewTables wants a table that is read again when it changed, but no
// sooner than a second later.
func TestPreviewTables(t *testing.T) {
	t.Parallel()
	clock := until.Time()
	var reads atomic.Int64
	r, e, dir := openSample(t, func(e *env) {
		e.Now = func() time.Time { return clock }
		e.WrapStore = func(s publish.Store) publish.Store { return &countingStore{Store: s, reads: &reads} }
	})
	h := newPreview(r, e)
	where := func() string { return ask(h, "GET", "/checkpoints/myfile/latest/").Header.Get("Location") }
	if got := where(); !strings.Contains(got, string(third)) {
		t.Fatalf("latest leads to %q, want %s", got, third)
	}
	name := filepath.Join(dir, "site", "checkpoints", "myfile", "checkpoints.json")
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	table, err := layout.DecodeTable(body)
	if err != nil {
		t.Fatal(err)
	}
	table.Checkpoints = table.Checkpoints[:2]
	if body, err = table.Encode(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, body, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := where(); !strings.Contains(got, string(third)) {
		t.Errorf("within a second latest leads to %q, want %s still", got, third)
	}
	clock = clock.Add(tableAge)
	if got := where(); !strings.Contains(got, string(second)) {
		t.Errorf("a second later latest leads to %q, want %s", got, second)
	}
	reads.Store(0)
	clock = clock.Add(tableAge)
	if where(); reads.Load() != 0 {
		t.Errorf("%d reads of a table that did not change, want none", reads.Load())
	}
}

// A countingStore counts Get, and fails it when told.
type countingStore struct {
	publish.Store
	reads *atomic.Int64
	fail  error
}

func (s *countingStore) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	s.reads.Add(1)
	if s.fail != nil && strings.HasSuffix(key, ".iso") {
		return nil, publish.Info{}, s.fail
	}
	return s.Store.Get(ctx, key, offset, length)
}

func (s *countingStore) Link(context.Context, string, layout.Object) error {
	return errors.New("a reader links")
}

func (s *countingStore) Delete(context.Context, ...string) error {
	return errors.New("a reader deletes")
}

// TestPreviewBrokenStore wants a connection that breaks off, not a body that
// looks whole.
func TestPreviewBrokenStore(t *testing.T) {
	t.Parallel()
	r, e, _ := openSample(t, func(e *env) {
		e.WrapStore = func(s publish.Store) publish.Store {
			return &countingStore{Store: s, reads: new(atomic.Int64), fail: errors.New("disk on fire")}
		}
	})
	s := httptest.NewUnstartedServer(newPreview(r, e))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	defer s.Close()
	res, err := s.Client().Get(s.URL + "/checkpoints/myfile/20250318T140442Z/2.iso")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Errorf("got %s and a whole body, want an error", res.Status)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	inside := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- serveUntil(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inside)
			<-ctx.Done()
			io.WriteString(w, "finished")
		}))
	}()
	body := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			body <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		body <- string(b)
	}()
	<-inside
	cancel()
	if got := <-body; got != "finished" {
		t.Errorf("a request that ran got %q, want it finished", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("serving ended with %v, want nil", err)
	}
}
