package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
)

// A pastKind is a kind of source: make puts the states into one, and returns
// what --from says.
type pastKind struct {
	name string
	make func(t testing.TB, kind pastType, states []pastState) (from string)
}

// manifest is what a list names of a state beside its directory.
func (k pastType) manifest() string {
	if k.name == "file" {
		return "/PULP_MANIFEST"
	}
	return ""
}

// localKinds are the sources that need no server of S3.
var localKinds = []pastKind{
	{"dir, on disk", func(t testing.TB, _ pastType, states []pastState) string { return dirOf(dated(t, states)) }},
	{"dir, with a star", func(t testing.TB, _ pastType, states []pastState) string {
		dir := t.TempDir()
		for i, s := range states {
			s.write(t, filepath.Join(dir, fmt.Sprintf("nightly_%s_%x", s.id, i*i), "copy"))
		}
		must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o755))
		return "dir:" + filepath.ToSlash(dir) + "/nightly_{ID}_*/copy"
	}},
	{"dir, by index pages", func(t testing.TB, _ pastType, states []pastState) string {
		return "dir:" + pastServer(t, dated(t, states)) + "/{YYYY}/{MM}/{DD}/"
	}},
	{"url, by index pages", func(t testing.TB, _ pastType, states []pastState) string {
		return "url:" + pastServer(t, dated(t, states)) + "/{YYYY}/{MM}/{DD}/"
	}},
	{"url, times in a file", func(t testing.TB, _ pastType, states []pastState) string {
		name := filepath.Join(t.TempDir(), "times.txt")
		must(t, os.WriteFile(name, []byte(strings.Join(idsOf(states), "\n")), 0o644))
		return "url:" + pastServer(t, dated(t, states)) + "/{YYYY}/{MM}/{DD}/#" + name
	}},
	{"url, times by /mr/timestamp/", func(t testing.TB, _ pastType, states []pastState) string {
		u := pastServer(t, dated(t, states), states...)
		return "url:" + u + "/{YYYY}/{MM}/{DD}/#" + u + "/mr/timestamp/?archive=myfile"
	}},
	{"url, another site", func(t testing.TB, kind pastType, states []pastState) string {
		other := ranOnTheDays(t, t.TempDir(), kind, states)
		u := pastServer(t, filepath.Join(other.dir, "site"))
		return "url:" + u + "/checkpoints/myfile/{ID}/#" + u + "/checkpoints/myfile/checkpoints.json"
	}},
	{"list, of paths and URLs", func(t testing.TB, kind pastType, states []pastState) string {
		dir := dated(t, states)
		u := pastServer(t, dir)
		list := "time,manifest\n"
		for i, s := range states {
			place := []string{"", u + "/", "file://" + filepath.ToSlash(dir) + "/"}[i%3]
			list += fmt.Sprintf("%s,\"%s%s/%s/%s%s\"\n", s.id, place, s.id[:4], s.id[4:6], s.id[6:8], kind.manifest())
		}
		name := filepath.Join(dir, "states.csv")
		must(t, os.WriteFile(name, []byte(list), 0o644))
		return "list:" + name
	}},
	{"list, of manifests with other names", func(t testing.TB, _ pastType, states []pastState) string {
		dir := t.TempDir()
		var list strings.Builder
		for i, s := range states {
			s.write(t, filepath.Join(dir, fmt.Sprint(i)))
			must(t, os.Rename(filepath.Join(dir, fmt.Sprint(i), "PULP_MANIFEST"), filepath.Join(dir, fmt.Sprint(i), "manifest.old")))
			fmt.Fprintf(&list, "%s,%d/manifest.old\n", s.id, i)
		}
		must(t, os.WriteFile(filepath.Join(dir, "states.csv"), []byte(list.String()), 0o644))
		return "list:" + pastServer(t, dir) + "/states.csv"
	}},
	{"git, with the content", func(t testing.TB, kind pastType, states []pastState) string {
		dir := t.TempDir()
		commitStates(t, dir, "sub", states)
		return "git:" + dir + "#sub" + kind.manifest()
	}},
}

func idsOf(states []pastState) (ids []string) {
	for _, s := range states {
		ids = append(ids, string(s.id))
	}
	return ids
}

// pastServer serves a directory with index pages, and the times of the states.
func pastServer(t testing.TB, dir string, states ...pastState) (url string) {
	files := http.FileServer(http.Dir(dir))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mr/timestamp/" {
			json.NewEncoder(w).Encode(map[string]any{"result": map[string][]string{r.URL.Query().Get("archive"): idsOf(states)}})
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// commitStates makes a repository of git with a commit for each state, below
// sub. What did not change is committed all the same where it is the first.
func commitStates(t testing.TB, dir, sub string, states []pastState) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	git := func(now layout.Stamp, args ...string) {
		c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"}, args...)...)
		c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_COMMITTER_DATE="+now.Time().Format(time.RFC3339))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	git(pastNow, "init", "-q", "-b", "main")
	for _, s := range states {
		s.write(t, filepath.Join(dir, sub))
		git(s.id, "add", "-A")
		git(s.id, "commit", "-q", "--allow-empty", "-m", "state")
	}
}

// TestBackfill_sources fills an empty site from each kind of source, and wants
// what runs on those days make.
func TestBackfill_sources(t *testing.T) {
	t.Parallel()
	states, live := pastHistory(9), t.TempDir()
	want := ranOnTheDays(t, live, fileType("mirror"), states).bytes()
	for _, kind := range localKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newPastSite(t, live, fileType("mirror"))
			out := s.want(exitDone, pastNow, "--quiet", "backfill", "--rate", "0", "--from", kind.make(t, fileType("mirror"), states), "myfile")
			if d := differ(s.bytes(), want); d != "" {
				t.Errorf("%s\n%s", out, d)
			}
		})
	}
}
