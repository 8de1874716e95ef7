package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"datestone/layout"
)

// A pastState is a state of a generated history.
type pastState struct {
	id    layout.Stamp
	files content
	// meta has the metadata of a type that has other than a PULP_MANIFEST.
	meta content
}

// pastHistory makes the states of n days: a repository that grows, replaces,
// loses and regains files, has two names for the same bytes, and does not
// change on every seventh day.
func pastHistory(n int) []pastState {
	var states []pastState
	files := content{}
	for i := range n {
		files = maps.Clone(files)
		if i == 0 {
			for f := range 10 {
				files[fmt.Sprintf("pool/%c/file-%d+b.iso", 'a'+f%3, f)] = fmt.Sprintf("content %d", f)
			}
		}
		if i%7 != 6 {
			files[fmt.Sprintf("pool/a/file-%d+b.iso", i%5*3)] = fmt.Sprintf("content of day %d", i)
			files[fmt.Sprintf("new/%d", i%9)] = strings.Repeat("n", i)
			files["twin"] = files[fmt.Sprintf("new/%d", i%9)]
			if i%3 == 0 {
				delete(files, "pool/b/file-1+b.iso")
			} else {
				files["pool/b/file-1+b.iso"] = "content 1"
			}
		}
		day := time.Date(2025, 1, 1+i, 0, 0, 0, 0, time.UTC)
		states = append(states, pastState{id: layout.StampOf(day), files: files})
	}
	return states
}

// write puts a state below dir, as the remote has it.
func (s pastState) write(t testing.TB, dir string) {
	t.Helper()
	must(t, os.RemoveAll(dir))
	must(t, os.MkdirAll(dir, 0o755))
	for name, body := range s.whole() {
		full := filepath.Join(dir, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(full), 0o755))
		must(t, os.WriteFile(full, []byte(body), 0o644))
	}
}

// whole is all that stands at the remote.
func (s pastState) whole() content {
	all := content{}
	maps.Copy(all, s.files)
	if s.meta == nil {
		all["PULP_MANIFEST"] = s.files.manifest()
	}
	maps.Copy(all, s.meta)
	return all
}

// A pastSite is a site and the remote that it has, as configured.
type pastSite struct {
	t      testing.TB
	dir    string
	live   string // the directory of the remote; that of several sites may be one
	bucket string // a URL
}

// A pastType is a type of remote: what the configuration says of it, and its
// history.
type pastType struct {
	name   string
	remote string // LIVE is the directory
	states func(n int) []pastState
}

func fileType(mode string) pastType {
	return pastType{"file", `{type: file, url: "file:LIVE/PULP_MANIFEST", mode: ` + mode + `}`, pastHistory}
}

const pastConfig = `
bucket: BUCKET
index: ./datestone.db
public_url: https://snapshots.example.org/
repositories:
  - name: myfile
    base_path: checkpoints/myfile
    remote: REMOTE
    channels: {canary: {delay: 0h}, frozen: {}}
redirects: {targets: [json], out: ./redirects, refresh: 9999d}
`

func newPastSite(t testing.TB, live string, kind pastType) pastSite {
	t.Helper()
	return newPastSiteIn(t, "file:./site", live, kind)
}

func newPastSiteIn(t testing.TB, bucket, live string, kind pastType) pastSite {
	t.Helper()
	s := pastSite{t, t.TempDir(), live, bucket}
	must(t, os.Mkdir(filepath.Join(s.dir, "site"), 0o755))
	remote := strings.ReplaceAll(kind.remote, "LIVE", filepath.ToSlash(live))
	text := strings.NewReplacer("BUCKET", bucket, "REMOTE", remote).Replace(pastConfig)
	must(t, os.WriteFile(s.config(), []byte(text), 0o644))
	return s
}

func (s pastSite) config() string { return filepath.Join(s.dir, "datestone.yaml") }

// do runs a command at a time, and returns what it wrote to stdout and stderr.
func (s pastSite) do(now layout.Stamp, args ...string) (code int, out, said string) {
	var stdout, stderr strings.Builder
	e := &env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return now.Time() },
		LookupEnv: func(string) (string, bool) { return "", false }}
	code = run(context.Background(), append([]string{"datestone", "--config", s.config()}, args...), e)
	return code, stdout.String(), stderr.String()
}

// want is do for a command that ends with the code given.
func (s pastSite) want(code int, now layout.Stamp, args ...string) (out string) {
	s.t.Helper()
	got, out, said := s.do(now, args...)
	if got != code {
		s.t.Fatalf("%q: exit code %d, want %d: %s%s", args, got, code, out, said)
	}
	return out
}

// objects returns what stands in the bucket but for locks and status, and the rules.
func (s pastSite) objects() siteBytes {
	s.t.Helper()
	all := siteBytes{}
	b, err := parseBucket(s.bucket, s.dir)
	must(s.t, err)
	store, err := driver(s.t.Context(), b, 8)
	must(s.t, err)
	for info, err := range store.List(s.t.Context(), "") {
		must(s.t, err)
		if strings.HasPrefix(info.Key, ".datestone/locks/") || info.Key == layout.StatusKey { // which says how the runs were
			continue
		}
		body, _, err := store.Get(s.t.Context(), info.Key, 0, -1)
		must(s.t, err)
		whole, err := io.ReadAll(body)
		must(s.t, err)
		body.Close()
		all[info.Key] = string(whole)
	}
	rules, err := readTree(filepath.Join(s.dir, "redirects"))
	must(s.t, err)
	for name, body := range rules {
		if path.Base(name)[0] != '.' { // left by a process that was killed; swept up later
			all["rules on disk: "+name] = body
		}
	}
	return all
}

// bytes is objects without the times of the runs that made them and what
// follows from those.
func (s pastSite) bytes() siteBytes {
	s.t.Helper()
	return timeless(s.t, s.objects())
}

// logDigest is how rules say which log they were made from.
var logDigest = regexp.MustCompile(`"sha256":"[0-9a-f]{64}"`)

// timeless takes out of a site when its records were written, and how runs went:
// a backfill is none.
func timeless(t testing.TB, all siteBytes) siteBytes {
	t.Helper()
	for key, body := range all {
		switch {
		case key == layout.StatusKey:
			delete(all, key)
		case path.Base(path.Dir(key)) == "log" && strings.HasSuffix(key, ".json"):
			r, err := layout.DecodeRecord([]byte(body))
			must(t, err)
			r.Time, r.Previous = "", layout.Digest{}
			b, err := r.Encode()
			must(t, err)
			all[key] = string(b)
		case path.Base(key) == "checkpoints.json":
			table, err := layout.DecodeTable([]byte(body))
			must(t, err)
			table.Log.SHA256 = layout.Digest{}
			for i := range table.Checkpoints {
				table.Checkpoints[i].SHA256, table.Checkpoints[i].Committed = layout.Digest{}, ""
			}
			b, err := table.Encode()
			must(t, err)
			all[key] = string(b)
		case strings.HasPrefix(key, "rules on disk: "):
			all[key] = logDigest.ReplaceAllString(body, `"sha256":""`)
		}
	}
	return all
}

// ranOnTheDays publishes the states by runs on their days.
func ranOnTheDays(t testing.TB, live string, kind pastType, states []pastState) pastSite {
	s := newPastSite(t, live, kind)
	for _, state := range states {
		state.write(t, live)
		s.want(exitDone, state.id, "--quiet", "run")
	}
	return s
}

// dated writes the states below a directory, each in that of its day.
func dated(t testing.TB, states []pastState) (dir string) {
	dir = t.TempDir()
	for _, s := range states {
		s.write(t, filepath.Join(dir, string(s.id[:4]), string(s.id[4:6]), string(s.id[6:8])))
	}
	return dir
}

// pastNow is when backfills run in tests: after all states.
const pastNow layout.Stamp = "20260101T000000Z"

// dirOf is the source of what dated has written.
func dirOf(dir string) string { return "dir:" + filepath.ToSlash(dir) + "/{YYYY}/{MM}/{DD}" }

// TestBackfill_equalsRunsOnThoseDays fills an empty site, oldest first.
func TestBackfill_equalsRunsOnThoseDays(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mirror", "additive"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			states, live := pastHistory(20), t.TempDir()
			want := ranOnTheDays(t, live, fileType(mode), states)
			s := newPastSite(t, live, fileType(mode))
			out := s.want(exitDone, pastNow, "backfill", "--from", dirOf(dated(t, states)), "myfile")
			if d := differ(s.bytes(), want.bytes()); d != "" {
				t.Errorf("%s\n%s", out, d)
			}
		})
	}
}
