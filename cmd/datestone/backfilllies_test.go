package main

import (
	"fmt"
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
	"datestone/sync/history"
)

// resultsOf are states and what became of them, by ID or place.
func resultsOf(t testing.TB, out string) map[string]string {
	t.Helper()
	states, _ := saidLines(t, out)
	got := map[string]string{}
	for _, s := range states {
		name := string(s.State)
		if name == "" {
			name = filepath.Base(strings.TrimSuffix(s.Source, "/"))
		}
		if got[name] = s.Result; s.Reason != "" {
			got[name] += ": " + s.Reason
		}
	}
	return got
}

// wantResults wants of each state the result, and of the reason a part.
func wantResults(t testing.TB, out string, want map[string]string) {
	t.Helper()
	got := resultsOf(t, out)
	for name, w := range want {
		result, reason, _ := strings.Cut(w, ": ")
		if g := got[name]; !strings.HasPrefix(g, result) || !strings.Contains(g, reason) {
			t.Errorf("%s: got %q, want %q", name, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q, want %d states", got, len(want))
	}
}

// lyingArchive is a directory of which not all is what it seems to be. It
// returns what mends one of its states.
func lyingArchive(t *testing.T) (dir string, mend func()) {
	dir = t.TempDir()
	states := pastHistory(9)
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string, s pastState) { s.write(t, at(name)) }
	put("20250105", states[4])
	put("20250101", states[0])
	put("20250230", states[1]) // no day of the calendar
	put("20991231", states[2]) // in the future
	put("20250102", states[3]) // the manifest is of this day, the files of another
	must(t, os.WriteFile(at("20250102/PULP_MANIFEST"), []byte(states[1].files.manifest()), 0o644))
	must(t, os.Mkdir(at("20250103"), 0o755)) // a hole
	put("20250104", states[3])               // a web server's page where the manifest was
	must(t, os.WriteFile(at("20250104/PULP_MANIFEST"), []byte("<html>Not found</html>"), 0o644))
	put("20250106", states[4]) // nothing changed
	put("20250107", states[5]) // cut short
	must(t, os.Truncate(at("20250107/pool/a/file-0+b.iso"), 1))
	put("20250108", states[7])
	must(t, os.RemoveAll(at("20250108/pool/a/file-6+b.iso"))) // leads out of the state
	must(t, os.Symlink(at("20250101/PULP_MANIFEST"), at("20250108/pool/a/file-6+b.iso")))
	must(t, os.WriteFile(at("20250109"), nil, 0o644)) // no directory
	put("latest", states[8])
	return dir, func() { put("20250107", states[5]) }
}

// TestBackfill_lyingDirectories takes what is good of an archive that is not.
func TestBackfill_lyingDirectories(t *testing.T) {
	t.Parallel()
	dir, mend := lyingArchive(t)
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", "dir:"+filepath.ToSlash(dir)+"/{YYYY}{MM}{DD}", "myfile")
	wantResults(t, out, map[string]string{
		"20250230":         "skipped: no time of the calendar",
		"20991231T000000Z": "skipped: lies in the future",
		"20250101T000000Z": "published",
		"20250102T000000Z": "skipped: file ",
		"20250103T000000Z": "skipped: no such file",
		"20250104T000000Z": "skipped: line 1",
		"20250105T000000Z": "published",
		"20250106T000000Z": "equal",
		"20250107T000000Z": "skipped: has 1 bytes",
		"20250108T000000Z": "skipped: file-6",
	})
	if diff := cmp.Diff([]string{"20250101T000000Z", "20250105T000000Z"}, s.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
	for key := range s.objects() {
		if strings.HasPrefix(key, ".datestone/pending/") || strings.Contains(key, "20250102") || strings.Contains(key, "20250107") {
			t.Errorf("%s is left of a state that was skipped", key)
		}
	}
	// What was mended comes in by the same command, also after the newest.
	mend()
	out = s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", "dir:"+filepath.ToSlash(dir)+"/{YYYY}{MM}{DD}", "myfile")
	if got := resultsOf(t, out)["20250107T000000Z"]; got != "published" {
		t.Errorf("what was mended: %q", got)
	}
}

// TestBackfill_strict stops where the first state is not whole.
func TestBackfill_strict(t *testing.T) {
	t.Parallel()
	states := pastHistory(4)
	dir := dated(t, states)
	must(t, os.Remove(filepath.Join(dir, "2025", "01", "03", "pool", "a", "file-6+b.iso")))
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	code, _, said := s.do(pastNow, "--quiet", "backfill", "--strict", "--from", dirOf(dir), "myfile")
	if code != exitFailed || !strings.Contains(said, "--strict stops there") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if diff := cmp.Diff(idsOf(states[:2]), s.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
}

// TestBackfill_lyingRepositories judges apt's signatures as of then: a key that
// has expired since was good.
func TestBackfill_lyingRepositories(t *testing.T) {
	t.Parallel()
	kind := debType(t, 365) // until June 2025
	states := kind.states(4)
	dir, live := t.TempDir(), t.TempDir()
	states[0].write(t, filepath.Join(dir, "20250101"))
	states[2].write(t, filepath.Join(dir, "20241202")) // signed later
	states[3].write(t, filepath.Join(dir, "20251201")) // nobody signed it then: the key had expired
	states[1].meta["dists/stable/InRelease"] = "-----BEGIN PGP SIGNED MESSAGE-----\n"
	states[1].write(t, filepath.Join(dir, "20250102"))
	s := newPastSite(t, live, kind)
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", "dir:"+filepath.ToSlash(dir)+"/{YYYY}{MM}{DD}", "myfile")
	wantResults(t, out, map[string]string{
		"20241202T000000Z": "skipped: signature",
		"20250101T000000Z": "published",
		"20250102T000000Z": "skipped: dists/stable/InRelease",
		"20251201T000000Z": "skipped: has expired",
	})
}

// A Release may be dated later than it was signed.
func TestPlausible(t *testing.T) {
	t.Parallel()
	day := planned{State: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}}
	for date, ok := range map[layout.Stamp]bool{"20250317T000000Z": true, "20250319T000500Z": true, "20250319T003000Z": false, "": true} {
		err := plausible(day, layout.Remote{Releases: []layout.Release{{Suite: "stable", Date: date}}})
		if (err == nil) != ok {
			t.Errorf("dated %s: %v", date, err)
		}
	}
}

// TestBackfill_changingSource changes what a state has while it is read.
func TestBackfill_changingSource(t *testing.T) {
	t.Parallel()
	states := pastHistory(3)
	dir := dated(t, states)
	var asked atomic.Int32
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/02/PULP_MANIFEST") {
			asked.Add(1)
		} else if strings.Contains(r.URL.Path, "/02/") && asked.Load() == 1 { // someone copies the next state over it
			fmt.Fprint(w, "other bytes")
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	from := "url:" + server.URL + "/{YYYY}/{MM}/{DD}/"
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--rate", "0", "--json", "--from", from, "myfile")
	wantResults(t, out, map[string]string{"20250101T000000Z": "published", "20250102T000000Z": "skipped: the manifest says", "20250103T000000Z": "published"})
	s.want(exitDone, pastNow, "--quiet", "backfill", "--rate", "0", "--from", from, "myfile")
	if diff := cmp.Diff(idsOf(states), s.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
}

// TestBackfill_redacted never brings back what was redacted.
func TestBackfill_redacted(t *testing.T) {
	t.Parallel()
	states, live := pastHistory(8), t.TempDir()
	s := newPastSite(t, live, fileType("mirror"))
	states[7].write(t, live)
	s.want(exitDone, states[7].id, "--quiet", "run")
	s.want(exitDone, states[7].id, "--quiet", "redact", "--path", "new/0", "--reason", "a court order", "myfile")
	sum := layout.DigestOf([]byte(states[7].files["new/0"])).String()
	s.want(exitDone, pastNow, "--quiet", "backfill", "--from", dirOf(dated(t, states)), "myfile")
	for key, body := range s.objects() {
		if layout.DigestOf([]byte(body)).String() == sum {
			t.Errorf("%s has what was redacted", key)
		}
	}
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
}
