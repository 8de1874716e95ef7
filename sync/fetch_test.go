package reposync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestFetchBringsFiles(t *testing.T) {
	t.Parallel()
	files := map[string]string{"PULP_MANIFEST": "", "empty": ""}
	var list []layout.File
	for _, p := range []string{"a", "empty", "d/g++_12.2+b1~rc1 (é)#x?y=%41&z;.deb", "a:b", strings.Repeat("long/", 30) + "x"} {
		if p != "empty" {
			files[p] = "content of " + p
		}
		list = append(list, file(p, files[p]))
	}
	s := newServer(t, files)
	r := s.remote()
	r.URL += "?sig=a%2Bb"
	got := newStore()
	if err := reposync.New(quick(nil)).Fetch(t.Context(), r, layout.Files(list), got.sink); err != nil {
		t.Fatal(err)
	}
	delete(files, "PULP_MANIFEST")
	if d := cmp.Diff(files, got.objects); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	for _, req := range s.seen() {
		if req.URL.RawQuery != "sig=a%2Bb" || strings.Contains(req.RequestURI, "+") || req.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked for %s with %v", req.RequestURI, req.Header)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 10_000)
	for name, test := range map[string]struct {
		fail  failure
		moved bool
		want  string
	}{
		"a wrong digest":              {wrongDigest, true, `file "a": has the SHA-256 `},
		"more than declared":          {tooLong, true, `file "a": is longer than the 100000 bytes that the manifest says`},
		"more, without a length":      {tooLongHidden, true, `file "a": is longer than the 100000 bytes that the manifest says`},
		"an endless body":             {endless, true, `file "a": is longer than the 100000 bytes that the manifest says`},
		"less than declared":          {tooShort, true, `file "a": has 99999 bytes, the manifest says 100000`},
		"less, without a length":      {shortHidden, true, `file "a": has 99999 bytes, the manifest says 100000`},
		"a page":                      {html, true, `file "a": has 38 bytes, the manifest says 100000`},
		"a file that is gone":         {gone, true, `/repo/a: the server answered 404 Not Found: the remote is not what its metadata says`},
		"exploding gzip":              {bomb, false, `/repo/a: the answer has the Content-Encoding "gzip", which was not asked for`},
		"trouble":                     {broken, false, `/repo/a, 5 times: the server answered 500 Internal Server Error`},
		"a part that is another":      {truncated, true, `asked for "bytes 50000-99999/100000", the server answered "bytes 0-99999/100000"`},
		"connections that break":      {truncated, false, `/repo/a: broke off 5 times, at last after 50000 of 100000 bytes: unexpected EOF`},
		"silence":                     {mute, false, `/repo/a, 5 times: net/http: timeout awaiting response headers`},
		"silence half-way":            {stalled, false, `the server fell silent for 500ms`},
		"a redirect loop":             {loop, false, `/repo/a: more than 10 redirects`},
		"a wait longer than patience": {busy, false, `/repo/a: the server answered 429 Too Many Requests, retry after 1h0m0s`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"a": body}).failing("a", test.fail, -1)
			s.after = "3600"
			s.partLies = name == "a part that is another"
			config := quick(nil)
			if test.fail == mute || test.fail == stalled {
				config.Stall = shortStall
			}
			got := newStore()
			err := reposync.New(config).Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("a", body)}), got.sink)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, reposync.ErrMoved) != test.moved {
				t.Errorf("got  %v\nwant %s, moved %v", err, test.want, test.moved)
			}
			if len(got.objects) > 0 || got.partial["a"] >= int64(len(body)) {
				t.Errorf("the sink could complete a wrong object: %d bytes", got.partial["a"])
			}
		})
	}
}

// TestFetchCheckedLeavesDigestsToTheSink: a sink that refuses sees all bytes,
// once without a digest and once more to say what is wrong; one that does not
// refuse gets what came.
func TestFetchCheckedLeavesDigestsToTheSink(t *testing.T) {
	t.Parallel()
	refusal := errors.New("refused")
	for name, test := range map[string]struct {
		fail    failure
		sum     layout.Digest // what the sink takes for right
		opened  int
		want    string
		arrived string
	}{
		"right":                {0, layout.DigestOf([]byte("body")), 1, "", "body"},
		"wrong":                {wrongDigest, layout.DigestOf([]byte("body")), 2, `file "a": has the SHA-256 `, ""},
		"longer":               {tooLong, layout.DigestOf([]byte("body")), 1, `file "a": is longer than the 4 bytes`, ""},
		"taken for wrong once": {0, layout.DigestOf([]byte("once")), 2, "", "body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"a": "body"})
			if test.fail != 0 {
				s.failing("a", test.fail, -1)
			}
			opened, arrived := 0, ""
			err := reposync.New(quick(nil)).FetchChecked(t.Context(), s.remote(), layout.Files([]layout.File{file("a", "body")}),
				func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
					opened++
					r, err := open(ctx)
					if err != nil {
						return err
					}
					defer r.Close()
					got, err := io.ReadAll(r)
					if err == nil && opened == 1 && layout.DigestOf(got) != test.sum {
						return refusal
					}
					if err == nil {
						arrived = string(got)
					}
					return err
				}, func(err error) bool { return errors.Is(err, refusal) })
			if opened != test.opened || arrived != test.arrived || (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("opened %d times, arrived %q, %v", opened, arrived, err)
			}
			if test.want != "" && !errors.Is(err, reposync.ErrMoved) {
				t.Errorf("%v is no ErrMoved", err)
			}
		})
	}
}

func TestFetchDigestErrorHasItsFields(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string]string{"a": "body"}).failing("a", wrongDigest, -1)
	err := reposync.New(quick(nil)).Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("a", "body")}), newStore().sink)
	var got *reposync.DigestError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want a DigestError", err)
	}
	want := &reposync.DigestError{Path: "a", Want: layout.DigestOf([]byte("body")), Got: layout.DigestOf([]byte("Xody")), WantSize: 4, GotSize: 4}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestFetchSurvives(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 100_000)
	for name, test := range map[string]struct {
		fail      failure
		times     int
		noETag    bool
		noRange   bool
		wantRange string // of the second request
		ifRange   bool
	}{
		"500 thrice":                {fail: broken, times: 3},
		"429":                       {fail: busy, times: 1},
		"resets":                    {fail: reset, times: 3},
		"a body that breaks off":    {fail: truncated, times: 1, wantRange: "bytes=500000-", ifRange: true},
		"one that breaks again":     {fail: truncated, times: 3, wantRange: "bytes=500000-", ifRange: true},
		"one without validators":    {fail: truncated, times: 1, noETag: true, wantRange: "bytes=500000-"},
		"one that can't be resumed": {fail: truncated, times: 3, noRange: true, wantRange: "bytes=500000-", ifRange: true},
		"a body that stalls":        {fail: stalled, times: 1, wantRange: "bytes=500000-", ifRange: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"a": body}).failing("a", test.fail, test.times)
			s.after, s.noETag, s.noRange = "0", test.noETag, test.noRange
			config := quick(nil)
			if test.fail == stalled {
				config.Stall = shortStall
			}
			got := newStore()
			if err := reposync.New(config).Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("a", body)}), got.sink); err != nil {
				t.Fatal(err)
			}
			seen := s.seen()
			if got.objects["a"] != body || len(seen) != test.times+1 {
				t.Errorf("%d bytes after %d requests", len(got.objects["a"]), len(seen))
			}
			if r := seen[1].Header.Get("Range"); r != test.wantRange {
				t.Errorf("Range %q, want %q", r, test.wantRange)
			}
			if tag := seen[1].Header.Get("If-Range"); (tag != "") != test.ifRange {
				t.Errorf("If-Range %q", tag)
			}
		})
	}
}

func TestFetchNoticesAChangeDuringResume(t *testing.T) {
	t.Parallel()
	was := strings.Repeat("was ", 1000)
	for name, test := range map[string]struct {
		is     string
		noETag bool
	}{
		"the same size":                 {is: strings.Repeat("is  ", 1000)},
		"the same size, no validators":  {is: strings.Repeat("is  ", 1000), noETag: true},
		"a shorter file":                {is: "is"},
		"a shorter file, no validators": {is: "is", noETag: true},
		"a longer file":                 {is: was + was},
		"a longer file, no validators":  {is: was + was, noETag: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, map[string]string{"a": was}).failing("a", truncated, 1)
			s.noETag = test.noETag
			got := newStore()
			changing := func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
				return got.sink(ctx, f, func(ctx context.Context) (io.ReadCloser, error) {
					body, err := open(ctx)
					s.set("a", test.is)
					return body, err
				})
			}
			err := reposync.New(quick(nil)).Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("a", was)}), changing)
			if !errors.Is(err, reposync.ErrMoved) || len(got.objects) > 0 {
				t.Errorf("got %v, want ErrMoved", err)
			}
		})
	}
}

func TestFetchRunsSeveralAtOnce(t *testing.T) {
	t.Parallel()
	var files []layout.File
	bodies := map[string]string{}
	for i := range 40 {
		p := fmt.Sprintf("%02d", i)
		bodies[p] = p
		files = append(files, file(p, p))
	}
	s := newServer(t, bodies)
	r := s.remote()
	r.Parallel = 5
	var now, most atomic.Int64
	err := reposync.New(quick(nil)).Fetch(t.Context(), r, layout.Files(files),
		func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(5 * time.Millisecond)
			return newStore().sink(ctx, f, open)
		})
	if err != nil || most.Load() != 5 || len(s.seen()) != 40 {
		t.Errorf("%v: %d at once, %d requests; want 5 and 40", err, most.Load(), len(s.seen()))
	}
}

func TestFetchEnds(t *testing.T) {
	t.Parallel()
	stop, full, index := errors.New("interrupted"), errors.New("no space"), errors.New("index is gone")
	s := newServer(t, map[string]string{"a": "a"})
	c := reposync.New(quick(nil))
	endless := func(yield func(layout.File, error) bool) {
		for yield(file("a", "a"), nil) {
		}
	}
	discard := func(context.Context, layout.File, func(context.Context) (io.ReadCloser, error)) error { return nil }
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
	if err := c.Fetch(ctx, s.remote(), endless, discard); !errors.Is(err, stop) {
		t.Errorf("cancelled: got %v, want the cause", err)
	}
	err := c.Fetch(t.Context(), s.remote(), endless, func(context.Context, layout.File, func(context.Context) (io.ReadCloser, error)) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("a sink that fails: got %v", err)
	}
	err = c.Fetch(t.Context(), s.remote(), func(yield func(layout.File, error) bool) { yield(layout.File{}, index) }, discard)
	if !errors.Is(err, index) {
		t.Errorf("a sequence that fails: got %v", err)
	}
	err = c.Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("../a", "a")}), newStore().sink)
	if err == nil || !strings.Contains(err.Error(), `has a ".." segment`) {
		t.Errorf("a path that climbs: got %v", err)
	}
}

func TestFetchFromDirectory(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "repo")
	if err := os.MkdirAll(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for p, body := range map[string]string{"../secret": "secret", "d/a": "body", "wrong": "Xody", "long": "body and more", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, p), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(top, "secret"), filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	r := reposync.Remote{Type: "file", URL: "file://" + filepath.ToSlash(dir) + "/PULP_MANIFEST"}
	for name, test := range map[string]struct {
		file  layout.File
		moved bool
		want  string
	}{
		"a file":                    {file: file("d/a", "body")},
		"an empty file":             {file: file("empty", "")},
		"a file that is gone":       {file("gone", "x"), true, `open "gone"`},
		"other content":             {file("wrong", "body"), true, `file "wrong": has the SHA-256`},
		"more content":              {file("long", "body"), true, `is longer than the 4 bytes`},
		"less content":              {file("d/a", "body!"), true, `has 4 bytes, the manifest says 5`},
		"a link that leads outside": {file("link", "secret"), false, `path escapes from parent`},
		"a directory":               {file("d", ""), false, `open "d": is not a regular file`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newStore()
			err := reposync.New(quick(nil)).Fetch(t.Context(), r, layout.Files([]layout.File{test.file}), got.sink)
			if test.want == "" {
				if _, ok := got.objects[test.file.Path]; err != nil || !ok {
					t.Errorf("got %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, reposync.ErrMoved) != test.moved || len(got.objects) > 0 {
				t.Errorf("got %v, want %s, moved %v", err, test.want, test.moved)
			}
		})
	}
}

func TestFetchTakesAFileWhoseEncodingIsItsOwn(t *testing.T) {
	t.Parallel()
	body := "\x1f\x8b not unpacked"
	s := newServer(t, nil)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "x-gzip")
		io.Copy(w, bytes.NewReader([]byte(body)))
	})
	got := newStore()
	if err := reposync.New(quick(nil)).Fetch(t.Context(), s.remote(), layout.Files([]layout.File{file("a.gz", body)}), got.sink); err != nil || got.objects["a.gz"] != body {
		t.Errorf("got %v, %q", err, got.objects)
	}
}
