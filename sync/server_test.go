package reposync_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
)

// A failure is one way in which a server disappoints.
type failure int

const (
	none          failure = iota
	truncated             // closes after half of the body it declared
	reset                 // closes without an answer
	wrongDigest           // one byte is another
	tooLong               // one byte more, declared
	tooLongHidden         // one byte more, chunked
	tooShort              // one byte fewer, declared
	shortHidden           // one byte fewer, chunked
	gone                  // 404
	busy                  // 429 with Retry-After
	broken                // 500
	bomb                  // gzip that explodes
	endless               // a body without end
	html                  // a page
	stalled               // half of the body, then silence
	mute                  // not even an answer
	loop                  // redirects to itself
)

// A server serves files below /repo/ and fails the first times of each path.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string]string // by path below /repo/
	fail     map[string]failure
	times    map[string]int // how often fail still holds; negative: always
	noETag   bool
	noRange  bool   // the whole file is sent whatever was asked for
	partLies bool   // a Range is answered with other bytes than asked for
	after    string // Retry-After of busy
	requests []*http.Request
	release  chan struct{}
}

func newServer(t testing.TB, files map[string]string) *server {
	t.Helper()
	s := &server{files: files, fail: map[string]failure{}, times: map[string]int{}, release: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(s.release) })
	return s
}

func (s *server) failing(path string, f failure, times int) *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[path], s.times[path] = f, times
	return s
}

func (s *server) set(path, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = body
}

// seen returns the requests so far.
func (s *server) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

func (s *server) remote() reposync.Remote {
	return reposync.Remote{Type: "file", URL: s.URL + "/repo/PULP_MANIFEST"}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/repo/")
	s.mu.Lock()
	s.requests = append(s.requests, r.Clone(context.Background()))
	body, ok := s.files[path]
	fail := none
	if s.times[path] != 0 {
		fail, s.times[path] = s.fail[path], s.times[path]-1
	}
	s.mu.Unlock()
	if s.noRange {
		r.Header.Del("Range")
	}
	if !s.noETag {
		w.Header().Set("ETag", fmt.Sprintf("%q", layout.DigestOf([]byte(body)).String()[:16]))
	}
	switch {
	case !ok:
		http.NotFound(w, r)
	case s.partLies && r.Header.Get("Range") != "":
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)))
		w.WriteHeader(http.StatusPartialContent)
		io.WriteString(w, body)
	case fail == none:
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	default:
		s.disappoint(w, r, fail, body)
	}
}

func (s *server) disappoint(w http.ResponseWriter, r *http.Request, fail failure, body string) {
	chunked := func(b string) {
		w.(http.Flusher).Flush()
		io.WriteString(w, b)
	}
	switch fail {
	case truncated:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		io.WriteString(w, body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case reset:
		panic(http.ErrAbortHandler)
	case wrongDigest:
		io.WriteString(w, "X"+body[1:])
	case tooLong:
		io.WriteString(w, body+"X")
	case tooLongHidden:
		chunked(body + "X")
	case tooShort:
		io.WriteString(w, body[1:])
	case shortHidden:
		chunked(body[1:])
	case gone:
		http.NotFound(w, r)
	case busy:
		w.Header().Set("Retry-After", s.after)
		http.Error(w, "busy", http.StatusTooManyRequests)
	case broken:
		http.Error(w, "broken", http.StatusInternalServerError)
	case bomb:
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(make([]byte, 1<<20))
		z.Close()
	case endless:
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte("# endless\n"), 1000)); err != nil {
				return
			}
		}
	case html:
		io.WriteString(w, "<!DOCTYPE html>\n<title>Log in</title>\n")
	case stalled:
		chunked(body[:len(body)/2])
		w.(http.Flusher).Flush()
		<-s.release
	case mute:
		<-s.release
	case loop:
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	}
}

func clock() time.Time { return time.Date(2025, 3, 18, 14, 3, 38, 0, time.UTC) }

// shortStall is for the tests in which a server falls silent. A busy machine
// must be able to answer within it.
const shortStall = 500 * time.Millisecond

// quick is a Config that waits as little as tests may.
func quick(log *bytes.Buffer) reposync.Config {
	c := reposync.Config{Now: clock, FirstWait: time.Millisecond, LongestWait: 2 * time.Millisecond, Stall: time.Minute}
	if log != nil {
		c.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return c
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func file(path, body string) layout.File {
	return layout.File{Path: path, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body))}
}

func line(path, body string) string {
	return fmt.Sprintf("%s,%s,%d\n", path, layout.DigestOf([]byte(body)), len(body))
}

// A store is a Sink that keeps what it gets, and completes an object only when
// its content ended well.
type store struct {
	mu      sync.Mutex
	objects map[string]string
	partial map[string]int64 // bytes of those that did not end well
}

func newStore() *store { return &store{objects: map[string]string{}, partial: map[string]int64{}} }

func (s *store) sink(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
	body, err := open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.partial[f.Path] = int64(len(b))
		return err
	}
	s.objects[f.Path] = string(b)
	return nil
}
