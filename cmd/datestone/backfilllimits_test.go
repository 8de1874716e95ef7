package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// irregular writes states at odd times, each other than the one before it.
func irregular(t testing.TB, ids ...layout.Stamp) (from string) {
	dir := t.TempDir()
	for _, id := range ids {
		pastState{id: id, files: content{"f": string(id)}}.write(t, filepath.Join(dir, string(id)))
	}
	return "dir:" + filepath.ToSlash(dir) + "/{ID}"
}

// TestBackfill_every takes the first state of each stretch, whatever the clocks
// of people did then: days are those of UTC.
func TestBackfill_every(t *testing.T) {
	t.Parallel()
	ids := []layout.Stamp{
		"20250328T235959Z", "20250329T000000Z", "20250329T120000Z", "20250329T235959Z",
		"20250330T000001Z", "20250330T010000Z", "20250330T220000Z", "20250330T230000Z", // clocks in Europe go forward at 01:00 UTC
		"20250402T120000Z", "20250402T120001Z", // a hole of two days
		"20250407T000000Z",
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"each day": {[]string{"--every", "1d"},
			[]string{"20250328T235959Z", "20250329T000000Z", "20250330T000001Z", "20250402T120000Z", "20250407T000000Z"}},
		"twice a day": {[]string{"--every", "12h"},
			[]string{"20250328T235959Z", "20250329T000000Z", "20250329T120000Z", "20250330T000001Z", "20250330T220000Z", "20250402T120000Z", "20250407T000000Z"}},
		"each week, which begins on Monday": {[]string{"--every", "7d"}, []string{"20250328T235959Z", "20250402T120000Z", "20250407T000000Z"}},
		"since noon, the first of what is left": {[]string{"--every", "1d", "--since", "20250329T120000Z"},
			[]string{"20250329T120000Z", "20250330T000001Z", "20250402T120000Z", "20250407T000000Z"}},
		"until a date, which is its midnight": {[]string{"--every", "1d", "--until", "20250402"},
			[]string{"20250328T235959Z", "20250329T000000Z", "20250330T000001Z"}},
		"both": {[]string{"--every", "1d", "--since", "20250330", "--until", "20250402T120000Z"},
			[]string{"20250330T000001Z", "20250402T120000Z"}},
		"a second, which is all": {[]string{"--every", "1s"}, textsOf(ids)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPastSite(t, t.TempDir(), fileType("mirror"))
			s.want(exitDone, pastNow, append(append([]string{"--quiet", "backfill", "--from", irregular(t, ids...)}, c.args...), "myfile")...)
			if diff := cmp.Diff(c.want, s.ids()); diff != "" {
				t.Errorf("checkpoints (-want +got):\n%s", diff)
			}
		})
	}
}

func textsOf(ids []layout.Stamp) (texts []string) {
	for _, id := range ids {
		texts = append(texts, string(id))
	}
	return texts
}

// TestBackfill_inParts fills an empty site by a first part, to see how it goes,
// and then by all: what is newer than the part still comes in. When a run has
// published it does not.
func TestBackfill_inParts(t *testing.T) {
	t.Parallel()
	states := pastHistory(6)
	from := dirOf(dated(t, states))
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	s.want(exitDone, pastNow, "--quiet", "backfill", "--until", "20250102", "--from", from, "myfile")
	s.want(exitDone, pastNow, "--quiet", "backfill", "--since", "20250103", "--until", "20250104", "--from", from, "myfile")
	out := s.want(exitDone, pastNow, "backfill", "--dry-run", "--from", from, "myfile")
	if !strings.Contains(out, "2 to be published") {
		t.Errorf("a dry run says %q", out)
	}
	s.want(exitDone, pastNow, "--quiet", "backfill", "--from", from, "myfile")
	if diff := cmp.Diff(idsOf(states), s.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	other := newPastSite(t, t.TempDir(), fileType("mirror"))
	other.want(exitDone, pastNow, "--quiet", "backfill", "--until", "20250102", "--from", from, "myfile")
	states[3].write(t, other.live)
	other.want(exitDone, "20250103T120000Z", "--quiet", "run")
	other.want(exitSome, pastNow, "--quiet", "backfill", "--from", from, "myfile")
	if diff := cmp.Diff([]string{"20250101T000000Z", "20250102T000000Z", "20250103T000000Z", "20250103T120000Z"}, other.ids()); diff != "" {
		t.Errorf("when a run has published (-want +got):\n%s", diff)
	}
}

// TestBackfill_outside says so when limits leave nothing.
func TestBackfill_outside(t *testing.T) {
	t.Parallel()
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	code, _, said := s.do(pastNow, "backfill", "--since", "20250201", "--from", dirOf(dated(t, pastHistory(3))), "myfile")
	if code != exitDone || !strings.Contains(said, "lie before --since or after --until first=20250101T000000Z last=20250103T000000Z") {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// TestBackfill_clock publishes nothing while the clocks disagree: what seems to
// be past may not be, and delays of channels count from the commit.
func TestBackfill_clock(t *testing.T) {
	t.Parallel()
	states := pastHistory(2)
	w, remote := newWorld(t), newFaultRemote(t, "mirror")
	remote.show(t, w.dir, faultStory()[0])
	var said strings.Builder
	e := &env{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Now: func() time.Time { return time.Now().Add(-time.Hour) },
		LookupEnv: func(string) (string, bool) { return "", false }, WrapStore: func(publish.Store) publish.Store { return w.store }}
	code := run(t.Context(), []string{"datestone", "--quiet", "--config", filepath.Join(w.dir, "datestone.yaml"), "backfill", "--from", dirOf(dated(t, states)), "myfile"}, e)
	if code != exitFailed || !strings.Contains(said.String(), "the clocks disagree") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	for key := range memoryBytes(w.store) {
		if strings.Contains(key, "2025010") {
			t.Errorf("%s was written", key)
		}
	}
}
