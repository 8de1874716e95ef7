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
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/redirects"
)

const checkBase = "/checkpoints/myfile"

// checkedSite serves the sample site, with a pruned span, as edges do.
func checkedSite(t *testing.T, answer string) http.Handler {
	t.Helper()
	r, e, dir := openSample(t, nil)
	name := filepath.Join(dir, "site", "checkpoints", "myfile", "checkpoints.json")
	b, err := os.ReadFile(name)
	must(t, err)
	table, err := layout.DecodeTable(b)
	must(t, err)
	table.Answer = answer
	table.Gone = []layout.Span{{From: "20250320T000000Z", Until: "20250325T000000Z"}}
	b, err = table.Encode()
	must(t, err)
	must(t, os.WriteFile(name, b, 0o666))
	return newPreview(r, e)
}

// checkSite runs check against a server and returns what it printed.
func checkSite(t *testing.T, url string, flags ...string) (code int, results map[string]result, said string) {
	t.Helper()
	e, stdout, stderr := quietEnv()
	e.Now = func() time.Time { return until.Time().Add(time.Hour) }
	code = run(t.Context(), append(append([]string{"datestone", "check", "--json"}, flags...), url), e)
	results = map[string]result{}
	for line := range strings.Lines(stdout.String()) {
		var r result
		must(t, json.Unmarshal([]byte(line), &r))
		if _, twice := results[r.Row]; twice {
			t.Errorf("the row %q is there twice", r.Row)
		}
		results[r.Row] = r
	}
	return code, results, stderr.String()
}

func serveCheck(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + checkBase
}

// rowsOf returns the rows that have the verdict, sorted.
func rowsOf(results map[string]result, verdict string) []string {
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if results[name].Verdict == verdict {
			rows = append(rows, name)
		}
	}
	return rows
}

func TestCheckPassesServe(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{layout.AnswerRedirect, layout.AnswerRewrite} {
		url := serveCheck(t, checkedSite(t, answer))
		code, results, said := checkSite(t, url+"/")
		if code != exitDone || len(rowsOf(results, "ok")) < 30 || len(rowsOf(results, "skip")) > 0 {
			t.Errorf("%s: exit code %d %s: %v", answer, code, said, results)
		}
		if _, asked := results["rewrite"]; asked != (answer == layout.AnswerRewrite) {
			t.Errorf("%s: the row rewrite is asked: %t", answer, asked)
		}
	}
}

// A spoiled answers one kind of request wrong.
type spoiled struct {
	row     string
	request string // a regular expression of method, target and the names of telling header fields
	spoil   func(*wrongAnswer)
}

// A wrongAnswer is the right one, to be changed.
type wrongAnswer struct {
	status int
	header http.Header
	body   []byte
}

func wrongStatus(status int) func(*wrongAnswer) { return func(a *wrongAnswer) { a.status = status } }

func wrongHeader(name, value string) func(*wrongAnswer) {
	return func(a *wrongAnswer) { a.header.Set(name, value) }
}

// redirectTo makes the answer a 302.
func redirectTo(location string) func(*wrongAnswer) {
	return func(a *wrongAnswer) {
		a.status = http.StatusFound
		a.header.Set("Location", location)
	}
}

// spoils has, for each row, a server that is wrong in it alone.
var spoils = []spoiled{
	{"base path without slash", `GET /checkpoints/myfile$`, wrongStatus(302)},
	{"list of checkpoints", `(GET|HEAD) /checkpoints/myfile/( |$)`, wrongStatus(203)},
	{"checkpoint's page", `GET .*/20250401T000000Z/$`, wrongStatus(403)},
	{"checkpoint without slash", `GET .*/20250401T000000Z$`, redirectTo(checkBase + "/20250401T000000Z/")},
	{"directory without slash", `GET .*Z/dir$`, wrongStatus(403)},
	{"miss inside a checkpoint", `GET .*Z/datestone-check-miss$`, wrongStatus(403)},
	{"miss outside", `GET .*myfile/datestone-check-miss$`, wrongStatus(403)},
	{"nearly a timestamp", `GET .*Zjunk/x$`, redirectTo(checkBase + "/20250401T000000Z/x")},
	{"directory without a page", `GET .*/log/$`, wrongStatus(403)},
	{"what is private", `GET /.datestone/probe$`, wrongStatus(200)},
	{"between two", `GET .*/20250318T140441Z/datestone-check$`, wrongStatus(302)},
	{"between two", `GET .*/20250401T000001Z/datestone-check$`, wrongHeader("Location", checkBase+"/20250318T140442Z/datestone-check")},
	{"between two", `GET .*/20250401T000001Z/datestone-check$`, wrongHeader("Location", "http://origin.internal"+checkBase+"/20250401T000000Z/datestone-check")},
	{"provisional", `GET .*/20250402T000001Z/datestone-check$`, wrongStatus(301)},
	{"pruned", `GET .*/20250320T000000Z/datestone-check$`, redirectTo(checkBase + "/20250318T140442Z/datestone-check")},
	{"before the first", `GET .*/20250318T140337Z/datestone-check$`, wrongStatus(403)},
	{"after now", `GET .*/20250404T010000Z/datestone-check$`, redirectTo(checkBase + "/20250318T140442Z/datestone-check")},
	{"impossible date", `GET .*/20250230T120000Z/datestone-check$`, redirectTo(checkBase + "/20250401T000000Z/datestone-check")},
	{"day", `GET .*/20250402$`, redirectTo(checkBase + "/20250402/")},
	{"channel latest", `GET .*/latest/datestone-check$`, wrongStatus(301)},
	{"channel now", `GET .*/now/$`, wrongStatus(301)},
	{"channel canary", `GET .*/canary/$`, wrongStatus(404)},
	{"channel frozen", `GET .*/frozen/$`, wrongHeader("Location", checkBase+"/20250401T000000Z/")},
	{"rest and query", `GET .*/latest/a%2Fb%3Fc%2541$`, wrongHeader("Location", checkBase+"/20250401T000000Z/a/b%3Fc%2541")},
	{"rest and query", `GET .*/latest/x\?a=b&c=%20\+d$`, wrongHeader("Location", checkBase+"/20250401T000000Z/x")},
	{"rest and query", `GET .*/latest/x\?a=b&c=%20\+d$`, wrongHeader("Location", checkBase+"/20250401T000000Z/x?a=b&c=%20%20d")},
	{"one hop", `GET .*/latest$`, redirectTo(checkBase + "/latest/")},
	{"+ in a key", `GET .*/dir/a%2Bb.txt$`, wrongStatus(404)},
	{"+ in a key", `GET .*/dir/a%2Bb.txt$`, func(a *wrongAnswer) { a.body = []byte("plum") }},
	{"HEAD as GET", `HEAD .*datestone-check-head$`, wrongStatus(405)},
	{"HEAD as GET", `HEAD .*/1.iso$`, wrongHeader("Etag", `"another"`)},
	{"exact ID", `GET .*/20250401T000000Z/1.iso$`, func(a *wrongAnswer) { a.body = []byte("one!") }},
	{"exact ID", `GET .*/20250401T000000Z/1.iso$`, func(a *wrongAnswer) { a.body = a.body[:0]; a.header.Set("Content-Length", "4") }},
	{"Content-Length", `(GET|HEAD) .*/1.iso$`, func(a *wrongAnswer) { a.header.Del("Content-Length") }},
	{"Range", `GET .*/1.iso Range`, func(a *wrongAnswer) {
		a.status, a.body = 200, []byte("ONE!")
		a.header.Del("Content-Range")
		a.header.Del("Content-Length")
	}},
	{"If-None-Match", `GET .*/1.iso If-None-Match`, wrongStatus(200)},
	{"cache of lists", `GET .*/checkpoints.json$`, wrongHeader("Cache-Control", "public, max-age=86400")},
	{"cache of checkpoints", `(GET|HEAD) .*/1.iso$`, wrongHeader("Cache-Control", "public, max-age=60")},
	{"cache of redirects", `GET .*/datestone-check-cache$`, wrongHeader("Cache-Control", "")},
	{"no Content-Encoding", `GET .*/1.iso Accept-Encoding`, wrongHeader("Content-Encoding", "gzip")},
	{"file list", `GET .*\.files\.zst$`, wrongStatus(403)},
	{"rewrite", `GET .*/20250401T000001Z/1.iso$`, redirectTo(checkBase + "/20250401T000000Z/1.iso")},
}

// handler answers as right does, but for what is spoiled.
func (s spoiled) handler(right http.Handler) http.Handler {
	pattern := regexp.MustCompile("^" + s.request)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		words := r.Method + " " + r.RequestURI
		for _, name := range []string{"Accept-Encoding", "If-None-Match", "Range"} {
			if r.Header.Get(name) != "" {
				words += " " + name
			}
		}
		if !pattern.MatchString(words) {
			right.ServeHTTP(w, r)
			return
		}
		got := httptest.NewRecorder()
		right.ServeHTTP(got, r)
		a := &wrongAnswer{status: got.Code, header: got.Header(), body: got.Body.Bytes()}
		s.spoil(a)
		maps.Copy(w.Header(), a.header)
		w.WriteHeader(a.status)
		if a.header.Get("Content-Length") == "" && a.status != 304 {
			http.NewResponseController(w).Flush() // no length is found out
		}
		w.Write(a.body)
	})
}

// TestCheckFails wants each wrong server to fail in its row and in no other,
// and each row to have a wrong server.
func TestCheckFails(t *testing.T) {
	t.Parallel()
	right := map[bool]http.Handler{false: checkedSite(t, layout.AnswerRedirect), true: checkedSite(t, layout.AnswerRewrite)}
	_, all, _ := checkSite(t, serveCheck(t, right[true]))
	for _, s := range spoils {
		delete(all, s.row)
		t.Run(s.row, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Bool
			watched := s
			watched.spoil = func(a *wrongAnswer) { asked.Store(true); s.spoil(a) }
			code, results, said := checkSite(t, serveCheck(t, watched.handler(right[s.row == "rewrite"])))
			wrong := rowsOf(results, "fail")
			if diff := cmp.Diff([]string{s.row}, wrong); code != exitDamage || diff != "" || !asked.Load() {
				t.Errorf("exit code %d, spoiled %t, %s, wrong rows (-want +got):\n%s%v", code, asked.Load(), said, diff, results)
			}
		})
	}
	if len(all) > 0 {
		t.Errorf("no wrong server for the rows %q", slices.Sorted(maps.Keys(all)))
	}
}

func TestCheckPrints(t *testing.T) {
	t.Parallel()
	right := checkedSite(t, layout.AnswerRedirect)
	wrong := spoiled{request: `GET .*/20250404T010000Z/`, spoil: redirectTo(checkBase + "/20250401T000000Z/datestone-check")}
	front := spoiled{request: `GET .*/20250404T010000Z/$`, spoil: redirectTo(checkBase + "/20250401T000000Z/")}
	miss := spoiled{request: `GET .*/log/$`, spoil: redirectTo("/\x9b31m")}
	e, stdout, stderr := quietEnv()
	e.Now = func() time.Time { return until.Time().Add(time.Hour) }
	code := run(t.Context(), []string{"datestone", "check", serveCheck(t, miss.handler(front.handler(wrong.handler(right))))}, e)
	for _, want := range []string{"ok   between two\n", "ok   after now (the edge has no clock)\n",
		"FAIL directory without a page: asked GET " + checkBase + "/log/, got 302 /\uFFFD31m, want 404\n"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("there is no line %q in\n%s", want, stdout)
		}
	}
	if want := "1 row of 34 wrong"; code != exitDamage || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit code %d, %s; want 5, %s", code, stderr, want)
	}
}

// TestCheckSurvives lets sites be broken or hostile.
func TestCheckSurvives(t *testing.T) {
	t.Parallel()
	right := checkedSite(t, layout.AnswerRedirect)
	at := func(pattern string, wrong http.HandlerFunc) http.Handler {
		match := regexp.MustCompile(pattern)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match.MatchString(r.RequestURI) {
				wrong(w, r)
				return
			}
			right.ServeHTTP(w, r)
		})
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}
	table := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	moved := int64(0)
	for name, c := range map[string]struct {
		site http.Handler
		code int
		said string
	}{
		"no table":          {at(`json$`, http.NotFound), exitFailed, "the answer is 404"},
		"a table elsewhere": {at(`json$`, http.RedirectHandler("/x", http.StatusMovedPermanently).ServeHTTP), exitFailed, "the answer is 301"},
		"a page as a table": {at(`checkpoints.json$`, table("<html>")), exitFailed, "table: invalid"},
		"another site": {at(`checkpoints.json$`, table(`{"version":1,"base_path":"x","public_path":"/","answer":"redirect","pruned":"404"}`)),
			exitFailed, "is that of /x"},
		"an endless object":   {at(`/1.iso$`, endless), exitDamage, "wrong"},
		"an endless record":   {at(`log/.*json$`, endless), exitDamage, "1 row of 34 wrong"},
		"a list that is none": {at(`zst$`, table("not zstd")), exitDamage, "1 row of 34 wrong"},
		"cut off":             {at(`^/checkpoints/myfile/[^c]`, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), exitFailed, "does not answer any more"},
		"a table that moves": {at(`checkpoints.json$`, func(w http.ResponseWriter, _ *http.Request) {
			tab := layout.NewTable(sampleSettings())
			tab.Log.Entries = int(atomic.AddInt64(&moved, 1))
			b, _ := tab.Encode()
			w.Write(b)
		}), exitFailed, "moved 3 times"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, results, said := checkSite(t, serveCheck(t, c.site))
			if code != c.code || !strings.Contains(said, c.said) {
				t.Errorf("exit code %d, %s, want %d, %q: %v", code, said, c.code, c.said, results)
			}
		})
	}
}

func TestCheckLimits(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/silent":
			<-r.Context().Done()
		case "/long":
			w.Write(make([]byte, 100))
		}
	}))
	defer server.Close()
	a := newAsker(server.URL)
	if _, err := a.fetch(t.Context(), "/long", 99); err == nil || !strings.Contains(err.Error(), "larger than 99 bytes") {
		t.Errorf("100 bytes of 99: %v", err)
	}
	if b, err := a.fetch(t.Context(), "/long", 100); err != nil || len(b) != 100 {
		t.Errorf("100 bytes of 100: %d %v", len(b), err)
	}
	a.timeout = 300 * time.Millisecond
	want := []redirects.Expected{{Status: 200, Body: layout.DigestOf(nil)}}
	for target, got := range map[string]string{"/slow": "200 without the whole body", "/silent": "no answer: context deadline exceeded"} {
		r, err := a.row(t.Context(), redirects.Row{Questions: []redirects.Question{{Method: "GET", Target: target, Wants: want}}})
		if err != nil || r.Verdict != "fail" || r.Got != got || r.Want != want[0].String() {
			t.Errorf("%s: %+v %v, want %s", target, r, err, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.row(ctx, redirects.Row{Questions: []redirects.Question{{Method: "GET", Target: "/slow"}}}); err == nil {
		t.Error("interrupted, there is no error")
	}
}

func TestCheckRefusesURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"snapshots.example.org", "ftp://host/x", "https:///x", "https://me:secret@host/x", "https://host/x?y", "https://host/x#y"} {
		e, stdout, stderr := quietEnv()
		if code := run(t.Context(), []string{"datestone", "check", url}, e); code != exitUsage || stdout.Len() > 0 {
			t.Errorf("%s: exit code %d, %s%s; want 2", url, code, stdout, stderr)
		}
	}
}
