package main

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// TestBackfill_killedSpans takes a picture of the machine in the midst of a
// backfill, as a power cut would leave it, and goes on from that: what both
// printed are all spans whose answer is another than before, whether readers had
// been told of states or not.
func TestBackfill_killedSpans(t *testing.T) {
	t.Parallel()
	for name, every := range map[string]time.Duration{"readers know nothing yet": time.Hour, "readers are told of each state": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, words := range [][]string{{"--resume"}, nil} {
				l := newLivePast(t, 15)
				before := l.table()
				var out bytes.Buffer
				var mu sync.Mutex
				picture := filepath.Join(t.TempDir(), "picture")
				printed := ""
				dir := strings.TrimSuffix(strings.TrimPrefix(l.from, "dir:"), "/{YYYY}/{MM}/{DD}")
				maps.Copy(l.states[8].files, content{"only": "of this day"})
				l.states[8].write(t, filepath.Join(dir, "2025", "01", "09"))
				files := http.FileServer(http.Dir(dir))
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					if printed == "" && strings.HasSuffix(r.URL.Path, "/09/only") { // the index is at rest
						must(t, os.CopyFS(picture, os.DirFS(l.dir)))
						printed = out.String() + "\n"
					}
					mu.Unlock()
					files.ServeHTTP(w, r)
				}))
				t.Cleanup(server.Close)
				args := append([]string{"backfill", "--rate", "0", "--json", "--lock-lease", "300ms", "--lock-wait", "5s", "--from", "url:" + server.URL + "/{YYYY}/{MM}/{DD}/"}, words...)
				e := &env{Stdin: strings.NewReader(""), Stdout: &lockedWriter{&mu, &out}, Stderr: os.Stderr, Now: pastNow.Time,
					LookupEnv: func(string) (string, bool) { return "", false }, TellEvery: every}
				if code := run(t.Context(), append(append([]string{"datestone", "--quiet", "--config", l.config()}, args...), "--until", "20250115", "myfile"), e); code != exitDone {
					t.Fatalf("exit code %d", code)
				}
				if printed == "" {
					t.Fatal("no picture was taken")
				}
				must(t, os.RemoveAll(l.dir))
				must(t, os.Rename(picture, l.dir))
				rest := l.want(exitDone, pastNow, append(append([]string{"--quiet"}, args...), "--until", "20250115", "myfile")...)
				_, first := saidLines(t, strings.TrimSpace(printed))
				_, second := saidLines(t, rest)
				for _, c := range redirects.Changes(before, l.table()) {
					for _, m := range []layout.Stamp{c.From, c.Until} {
						if !slices.ContainsFunc(append(first, second...), func(s spanReport) bool { return s.From <= m && m <= s.Until && s.Is == c.Is }) {
							t.Errorf("%q: the answer of %s changed from %q to %q, and nothing was printed", words, m, c.Was, c.Is)
						}
					}
				}
			}
		})
	}
}
