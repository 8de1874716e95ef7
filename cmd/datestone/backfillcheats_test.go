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

	"github.com/google/go-cmp/cmp"
)

// TestBackfill_lyingLists takes what is good of a list whose times are in no
// order, of the future, twice the same second, or none; of holes; and of a line
// whose manifest is that of another day, which only its content can tell.
func TestBackfill_lyingLists(t *testing.T) {
	t.Parallel()
	states := pastHistory(6)
	dir := t.TempDir()
	for i, s := range states {
		s.write(t, filepath.Join(dir, fmt.Sprint(i)))
	}
	list := strings.Join([]string{
		"time,manifest",
		"2025-01-05,4/PULP_MANIFEST",
		"20250101T000000Z,0/PULP_MANIFEST",
		"2025-01-03T02:00:00+02:00,2/PULP_MANIFEST", // of another zone: midnight
		"20250102,9/PULP_MANIFEST",                  // a hole
		"20990101,3/PULP_MANIFEST",
		"20250104T000000Z,2/PULP_MANIFEST", // the same second as the next, which counts
		"2025-01-04,3/PULP_MANIFEST",
		"2025-02-30,5/PULP_MANIFEST",
		"yesterday,5/PULP_MANIFEST",
		"20250106T000000Z",
		`20250107T000000Z,"5/PULP_MANIFEST`,
	}, "\n")
	must(t, os.WriteFile(filepath.Join(dir, "states.csv"), []byte(list), 0o644))
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", "list:"+filepath.ToSlash(dir)+"/states.csv", "myfile")
	reports, _ := saidLines(t, out)
	var got []string
	for _, r := range reports {
		got = append(got, fmt.Sprintf("%s %s %.24s", r.State, r.Result, r.Reason))
	}
	want := []string{
		" skipped \"2025-02-30\" is no time:", " skipped \"yesterday\" is no time: ",
		" skipped write a time, a comma, a", " skipped write a time, a comma, a",
		"20250101T000000Z published ", "20250102T000000Z skipped PATH",
		"20250103T000000Z published ",
		"20250104T000000Z skipped another state is of the ", "20250104T000000Z published ",
		"20250105T000000Z published ", "20990101T000000Z skipped lies in the future: it i",
	}
	for i, line := range got {
		if strings.HasPrefix(line, "20250102T000000Z skipped ") {
			got[i] = "20250102T000000Z skipped PATH"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.objects()["checkpoints/myfile/20250104T000000Z/PULP_MANIFEST"]; got != states[3].files.manifest() {
		t.Error("of two states in one second the first counts")
	}
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
}

// TestBackfill_twoSources lets the first source count where both have a state
// of one second, unless it has a bad one there.
func TestBackfill_twoSources(t *testing.T) {
	t.Parallel()
	states := pastHistory(6)
	first, second := dated(t, states[:3]), dated(t, []pastState{{id: states[1].id, files: states[4].files}, states[2], states[3]})
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	out := s.want(exitSome, pastNow, "--quiet", "backfill", "--json", "--from", dirOf(first), "--from", dirOf(second), "myfile")
	reports, _ := saidLines(t, out)
	skipped := 0
	for _, r := range reports {
		if r.Result == resultSkipped {
			skipped++
			if !strings.Contains(r.Reason, "an earlier source has a state of the same second") || !strings.Contains(r.Source, second) {
				t.Errorf("%+v", r)
			}
		}
	}
	if diff := cmp.Diff(idsOf(states[:4]), s.ids()); diff != "" || skipped != 2 {
		t.Errorf("%d were skipped, checkpoints (-want +got):\n%s", skipped, diff)
	}
	if s.objects()["checkpoints/myfile/20250102T000000Z/PULP_MANIFEST"] != states[1].files.manifest() {
		t.Error("the second source's state counts")
	}
}

// TestBackfill_growingSource adds states while others are read: what was listed
// is taken, and the next backfill takes the rest.
func TestBackfill_growingSource(t *testing.T) {
	t.Parallel()
	states := pastHistory(9)
	dir := dated(t, states[:6])
	var grown atomic.Bool
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/02/PULP_MANIFEST") && grown.CompareAndSwap(false, true) {
			states[8].write(t, filepath.Join(dir, "2025", "01", "09"))
			must(t, os.RemoveAll(filepath.Join(dir, "2025", "01", "05"))) // and one goes
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	args := []string{"--quiet", "backfill", "--parallel", "1", "--rate", "0", "--json", "--from", "url:" + server.URL + "/{YYYY}/{MM}/{DD}/", "myfile"}
	out := s.want(exitSome, pastNow, args...)
	wantResults(t, out, map[string]string{"20250101T000000Z": "published", "20250102T000000Z": "published", "20250103T000000Z": "published",
		"20250104T000000Z": "published", "20250105T000000Z": "skipped: 404", "20250106T000000Z": "published"})
	out = s.want(exitDone, pastNow, args...)
	wantResults(t, out, map[string]string{"20250109T000000Z": "published"})
	s.want(exitDone, pastNow, "verify", "--deep", "myfile")
}

// TestBackfill_strictEarly stops at the first state in order of time that is
// none, before anything is written; a dry run stops there too.
func TestBackfill_strictEarly(t *testing.T) {
	t.Parallel()
	dir := dated(t, pastHistory(3))
	must(t, os.MkdirAll(filepath.Join(dir, "2025", "02", "30"), 0o755))
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	for _, dry := range [][]string{{"--dry-run"}, nil} {
		code, out, said := s.do(pastNow, append(append([]string{"backfill", "--strict", "--from", dirOf(dir)}, dry...), "myfile")...)
		if code != exitFailed || !strings.Contains(said, "datestone: "+filepath.ToSlash(dir)+"/2025/02/30/ was not taken, and --strict stops there") {
			t.Errorf("%q: exit code %d %s%s", dry, code, out, said)
		}
	}
	for key := range s.objects() {
		if strings.HasPrefix(key, "checkpoints/myfile/2") {
			t.Errorf("%s was written", key)
		}
	}
}

// TestBackfill_everyState publishes states that equal the one before, between
// checkpoints there are, and by the same command twice no more.
func TestBackfill_everyState(t *testing.T) {
	t.Parallel()
	l := newLivePast(t, 15) // of which 07 and 14 equal the days before
	args := []string{"--quiet", "backfill", "--every-state", "--json", "--until", "20250114", "--from", l.from, "myfile"}
	states, _ := saidLines(t, l.want(exitDone, pastNow, args...))
	for _, s := range states {
		if s.Result != resultPublished {
			t.Errorf("%+v", s)
		}
	}
	if diff := cmp.Diff(idsOf(l.states), l.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	if again := l.want(exitDone, pastNow, args...); again != "" {
		t.Errorf("once more: %s", again)
	}
	l.want(exitDone, pastNow, "verify", "--deep", "myfile")
}
