package reposync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
	reposync "datestone/sync"
)

// memoryTree has files in memory, by path.
type memoryTree map[string]string

func (m memoryTree) Open(_ context.Context, path string, _ int64) (io.ReadCloser, int64, error) {
	body, ok := m[path]
	if !ok {
		return nil, 0, fmt.Errorf("%q: %w", path, fs.ErrNotExist)
	}
	return io.NopCloser(strings.NewReader(body)), int64(len(body)), nil
}

func manifestOf(files map[string]string) string {
	var b strings.Builder
	for path, body := range files {
		fmt.Fprintf(&b, "%s,%s,%d\n", path, layout.DigestOf([]byte(body)), len(body))
	}
	return b.String()
}

// fetchAll reads a remote and then its content, by path.
func fetchAll(t *testing.T, r reposync.Remote) (map[string]string, error) {
	t.Helper()
	c := reposync.New(reposync.Config{FirstWait: time.Millisecond})
	state, err := c.Read(t.Context(), r, layout.Remote{})
	if err != nil {
		return nil, err
	}
	var rest []layout.File
	for _, f := range state.Files {
		if _, ok := state.Bodies[f.Path]; !ok {
			rest = append(rest, f)
		}
	}
	got := make(chan [2]string, len(rest))
	err = c.Fetch(t.Context(), r, layout.Files(rest), func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error {
		body, err := open(ctx)
		if err != nil {
			return err
		}
		defer body.Close()
		b, err := io.ReadAll(body)
		got <- [2]string{f.Path, string(b)}
		return err
	})
	close(got)
	files := map[string]string{}
	for f := range got {
		files[f[0]] = f[1]
	}
	return files, err
}

func TestPast_tree(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": "one", "dir/b": "two"}
	tree := memoryTree{"M": manifestOf(files), "a": "one", "dir/b": "two"}
	// The directory of the URL is not there any more.
	r := reposync.Remote{Type: "file", URL: "file:///nowhere/M", Past: &reposync.Past{Tree: tree}}
	got, err := fetchAll(t, r)
	if diff := cmp.Diff(files, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestPast_treeLies(t *testing.T) {
	t.Parallel()
	for name, tree := range map[string]memoryTree{
		"a file is missing":       {},
		"a file is longer":        {"a": "one and more"},
		"a file has other bytes":  {"a": "eno"},
		"a file is shorter":       {"a": ""},
		"the manifest is missing": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := reposync.ErrMoved
			if tree == nil {
				tree, want = memoryTree{}, fs.ErrNotExist
			} else {
				tree["M"] = manifestOf(map[string]string{"a": "one"})
			}
			_, err := fetchAll(t, reposync.Remote{Type: "file", URL: "file:///nowhere/M", Past: &reposync.Past{Tree: tree}})
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
}

// Content that a tree lacks is looked for beyond it, metadata is not.
func TestPast_beyond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, body := range map[string]string{"M": "not this one", "b": "two"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{"a": "one", "b": "two"}
	r := reposync.Remote{Type: "file", URL: "file://" + filepath.ToSlash(dir) + "/M",
		Past: &reposync.Past{Tree: memoryTree{"M": manifestOf(files), "a": "one"}, Beyond: true}}
	got, err := fetchAll(t, r)
	if diff := cmp.Diff(files, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	r.Past.Tree = memoryTree{}
	if _, err := fetchAll(t, r); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a manifest in the tree: %v, want fs.ErrNotExist", err)
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mr/timestamp/" || r.URL.RawQuery != "archive=debian" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "{}")
	}))
	t.Cleanup(s.Close)
	name := filepath.Join(t.TempDir(), "times.txt")
	if err := os.WriteFile(name, []byte("20250318"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := reposync.New(reposync.Config{FirstWait: time.Millisecond})
	for url, want := range map[string]string{s.URL + "/mr/timestamp/?archive=debian": "{}", "file://" + filepath.ToSlash(name): "20250318"} {
		if got, err := c.Document(t.Context(), reposync.Remote{URL: url}, 100); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", url, got, err, want)
		}
	}
	for _, url := range []string{s.URL + "/other", "file:///nowhere/x", "ftp://h/x", "%", name} {
		if got, err := c.Document(t.Context(), reposync.Remote{URL: url}, 100); err == nil {
			t.Errorf("%s: got %q", url, got)
		}
	}
	if _, err := c.Document(t.Context(), reposync.Remote{URL: "file://" + filepath.ToSlash(name)}, 7); err == nil {
		t.Error("a document of 8 bytes is read with a limit of 7")
	}
}

// TestRate wants no more requests to one host in any while than the rate allows.
func TestRate(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	c := reposync.New(reposync.Config{Rate: 50})
	began := time.Now()
	for range 11 {
		if _, err := c.Document(t.Context(), reposync.Remote{URL: s.URL + "/x"}, 10); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 200*time.Millisecond || asked.Load() != 11 {
		t.Errorf("%d requests took %v, want 11 in 200 ms or more", asked.Load(), took)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted here"))
	if _, err := c.Document(ctx, reposync.Remote{URL: s.URL + "/x"}, 10); err == nil || !strings.Contains(err.Error(), "interrupted here") {
		t.Errorf("got %v, want why the context ended", err)
	}
}

// TestRate_retryAfter wants a host left alone as a whole for as long as it says,
// and no other host with it.
func TestRate_retryAfter(t *testing.T) {
	t.Parallel()
	var refused atomic.Pointer[time.Time]
	var early atomic.Int64
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now()
		if refused.CompareAndSwap(nil, &now) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		} else if now.Sub(*refused.Load()) < 900*time.Millisecond {
			early.Add(1)
		}
	}))
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(busy.Close)
	t.Cleanup(other.Close)
	c := reposync.New(reposync.Config{Rate: 4})
	var g errgroup.Group
	for i := range 4 {
		g.Go(func() error {
			_, err := c.Document(t.Context(), reposync.Remote{URL: fmt.Sprint(busy.URL, "/", i)}, 10)
			return err
		})
	}
	for refused.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	began := time.Now()
	if _, err := c.Document(t.Context(), reposync.Remote{URL: other.URL + "/x"}, 10); err != nil || time.Since(began) > 500*time.Millisecond {
		t.Errorf("another host, after %v: %v", time.Since(began), err)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if n := early.Load(); n > 0 {
		t.Errorf("%d requests went to a host that had said Retry-After", n)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	answer := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(answer)
	}))
	c := reposync.New(reposync.Config{FirstWait: time.Millisecond, Tries: 2})
	read := func() error {
		_, err := c.Read(t.Context(), reposync.Remote{Type: "file", URL: s.URL + "/M"}, layout.Remote{})
		return err
	}
	for _, answer = range []int{404, 403, 429, 503} {
		if got, want := reposync.Unreachable(read()), answer >= 429; got != want {
			t.Errorf("an answer of %d is unreachable: %t, want %t", answer, got, want)
		}
	}
	s.Close()
	if err := read(); !reposync.Unreachable(err) {
		t.Errorf("nobody listens: %v", err)
	}
	if reposync.Unreachable(&reposync.DigestError{}) || reposync.Unreachable(nil) {
		t.Error("what is wrong with content is unreachable")
	}
}

func TestRemote_Leads(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][]string{
		"file": {"M"},
		"deb":  {"dists/stable/InRelease", "dists/stable/Release", "flat/InRelease", "flat/Release"},
		"rpm":  {"repodata/repomd.xml"},
	} {
		r := reposync.Remote{Type: kind, URL: "https://example.org/M", Suites: []string{"stable", "flat/"}}
		if diff := cmp.Diff(want, r.Leads()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}
