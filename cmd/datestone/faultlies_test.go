package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"datestone/layout"
)

// lyingRemote has what now returns, asked anew at each request.
func lyingRemote(t *testing.T, now func(path string) content) faultRemote {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { now(r.URL.Path).serve(w, r) }))
	t.Cleanup(s.Close)
	return faultRemote{s, "mirror", t.TempDir(), ""}
}

// TestRemoteChangesMeanwhile lets a file change, or vanish, when the metadata
// was read and its content is fetched: the run goes round again, with a later
// ID, and leaves nothing of the first.
func TestRemoteChangesMeanwhile(t *testing.T) {
	t.Parallel()
	before := content{"1.iso": "one", "2.iso": "two"}
	for name, after := range map[string]content{
		"changes":  {"1.iso": "one", "2.iso": "TWO"},
		"grows":    {"1.iso": "one", "2.iso": "two and more"},
		"vanishes": {"1.iso": "one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var moved atomic.Bool
			w := newWorld(t)
			lyingRemote(t, func(path string) content {
				if path == "/2.iso" {
					moved.Store(true)
				}
				if moved.Load() {
					return after
				}
				return before
			}).show(t, w.dir, faultStory()[0])
			code, said := w.run(faultStory()[0])
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			w.check(t.Errorf)
			all := memoryBytes(w.store)
			first, second := faultStory()[0].now, faultStory()[0].now.Next()
			for p, body := range after {
				if got := all[layout.Key("checkpoints/myfile", second, p)]; got != body {
					t.Errorf("%s is %q, want %q", p, got, body)
				}
			}
			for key := range all {
				if strings.Contains(key, string(first)) || strings.HasPrefix(key, ".datestone/pending/") {
					t.Errorf("left over: %s", key)
				}
			}
		})
	}
}

// TestRemoteLiesForEver ends with an error that names what is wrong; readers
// see nothing, and the next good run clears it away.
func TestRemoteLiesForEver(t *testing.T) {
	t.Parallel()
	var generation atomic.Int32
	var good atomic.Bool
	truth := content{"1.iso": "one"}
	for name, now := range map[string]func(string) content{
		"a file is missing": func(path string) content {
			if path == "/gone.iso" && !good.Load() {
				return nil
			}
			if good.Load() {
				return truth
			}
			return content{"1.iso": "one", "gone.iso": "gone"}
		},
		"a file has other bytes each time": func(path string) content {
			if good.Load() {
				return truth
			}
			return content{"1.iso": "one", "gone.iso": "bytes " + string(rune('a'+generation.Add(1)))}
		},
	} {
		good.Store(false)
		w := newWorld(t)
		lyingRemote(t, now).show(t, w.dir, faultStory()[0])
		code, said := w.run(faultStory()[0])
		if code != exitFailed || !strings.Contains(said, "myfile") || !strings.Contains(said, "gone.iso") && !strings.Contains(said, "metadata changed each") {
			t.Errorf("%s: exit code %d, want %d and the name of the file: %s", name, code, exitFailed, said)
		}
		w.check(t.Errorf)
		for key := range memoryBytes(w.store) {
			if strings.HasSuffix(key, "checkpoints.json") || strings.Contains(key, "/log/") || key == "index.html" {
				t.Errorf("%s: readers see %s", name, key)
			}
		}
		good.Store(true)
		step := faultStory()[1]
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: the next run: exit code %d: %s", name, code, said)
		}
		w.check(t.Errorf)
		for key := range memoryBytes(w.store) {
			inside := strings.HasPrefix(key, "checkpoints/myfile/2025")
			if inside && !strings.HasPrefix(key, "checkpoints/myfile/"+string(step.now)+"/") || strings.HasPrefix(key, ".datestone/pending/") {
				t.Errorf("%s: left over: %s", name, filepath.ToSlash(key))
			}
		}
	}
}
