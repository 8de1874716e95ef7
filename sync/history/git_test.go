package history_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/history"
)

// repo is a repository of git in a directory.
type repo struct{ dir string }

func (r repo) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", r.dir, "-c", "user.name=n", "-c", "user.email=e@example.org",
		"-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	return c
}

func (r repo) Output(ctx context.Context, args ...string) ([]byte, error) {
	return r.command(ctx, args...).Output()
}

func (r repo) Pipe(ctx context.Context, args ...string) (io.ReadCloser, error) {
	out, err := r.Output(ctx, args...)
	return io.NopCloser(bytes.NewReader(out)), err
}

func newRepo(t *testing.T) repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	r := repo{t.TempDir()}
	r.do(t, "init", "-q", "-b", "main")
	return r
}

func (r repo) do(t *testing.T, args ...string) {
	t.Helper()
	if out, err := r.command(t.Context(), args...).CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
}

// commit writes the files, empty content meaning that one goes, at a time.
func (r repo) commit(t *testing.T, when string, files map[string]string) {
	t.Helper()
	for name, body := range files {
		full := filepath.Join(r.dir, name)
		if body == "" {
			if err := os.Remove(full); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(body), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	r.do(t, "add", "-A")
	c := r.command(t.Context(), "commit", "-q", "-m", "state")
	c.Env = append(c.Env, "GIT_COMMITTER_DATE="+when, "GIT_AUTHOR_DATE=2001-01-01T00:00:00Z")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestCommits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit(t, "2025-03-18T00:00:00Z", map[string]string{"sub/MANIFEST": "1", "sub/a b": "one"})
	r.commit(t, "2025-03-18T12:00:00Z", map[string]string{"other": "1"})
	r.commit(t, "2025-03-20T00:00:00Z", map[string]string{"sub/MANIFEST": "2", "sub/a b": "two"})
	r.commit(t, "2025-03-19T00:00:00Z", map[string]string{"sub/MANIFEST": "3"}) // the clock went back
	r.commit(t, "2025-03-19T00:00:00Z", map[string]string{"sub/MANIFEST": "4"})
	r.commit(t, "2025-03-21T00:00:00Z", map[string]string{"sub/MANIFEST": ""})
	r.commit(t, "2025-03-22T00:00:00+02:00", map[string]string{"sub/MANIFEST": "5"})
	var got, bad []string
	for s, err := range history.Commits(t.Context(), r, "sub/", "MANIFEST") {
		if err != nil {
			t.Fatal(err)
		}
		if s.Bad != "" {
			bad = append(bad, string(s.ID))
			continue
		}
		got = append(got, string(s.ID)+" "+read(t, s.Tree, "MANIFEST")+" "+read(t, s.Tree, "a b"))
	}
	if diff := cmp.Diff([]string{"20250318T000000Z 1 one", "20250319T000000Z 4 two", "20250320T000000Z 2 two", "20250321T220000Z 5 two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"20250319T000000Z"}, bad); diff != "" {
		t.Errorf("bad (-want +got):\n%s", diff)
	}
}

// A directory is followed as a whole.
func TestCommits_directory(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit(t, "2025-03-18T00:00:00Z", map[string]string{"deb/dists/s/InRelease": "1", "README": "x"})
	r.commit(t, "2025-03-19T00:00:00Z", map[string]string{"README": "y"})
	r.commit(t, "2025-03-20T00:00:00Z", map[string]string{"deb/pool/p": "1"})
	want := []string{"20250318T000000Z", "20250320T000000Z"}
	var got []string
	for _, line := range short(t, history.Commits(t.Context(), r, "deb/", "")) {
		got = append(got, line[:16])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func read(t *testing.T, tree history.Tree, path string) string {
	t.Helper()
	body, _, err := tree.Open(t.Context(), path, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is no file, or not there, is missing; git's magic in paths is text.
func TestCommits_open(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit(t, "2025-03-18T00:00:00Z", map[string]string{"M": "1", "dir/x": "1", "*": "star", ":(top)M": "magic"})
	if err := os.Symlink("M", filepath.Join(r.dir, "link")); err != nil {
		t.Skip(err)
	}
	r.commit(t, "2025-03-19T00:00:00Z", map[string]string{"M": "2"})
	var last history.State
	for s, err := range history.Commits(t.Context(), r, "", "M") {
		if err != nil {
			t.Fatal(err)
		}
		last = s
	}
	for _, path := range []string{"link", "dir", "missing", "dir/y", "HEAD"} {
		if _, _, err := last.Tree.Open(t.Context(), path, -1); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want fs.ErrNotExist", path, err)
		}
	}
	for path, want := range map[string]string{"*": "star", ":(top)M": "magic", "M": "2"} {
		if got := read(t, last.Tree, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// liar prints what no git does.
type liar string

func (l liar) Output(context.Context, ...string) ([]byte, error) { return []byte(l), nil }
func (l liar) Pipe(context.Context, ...string) (io.ReadCloser, error) {
	return nil, errors.New("not asked for")
}

func TestCommits_refusesWhatGitNeverPrints(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("a", 40)
	for _, out := range []string{"x 1\n", hash + " x\n", hash + "\n", "--option 1\n"} {
		if got := short(t, history.Commits(t.Context(), liar(out), "", "M")); len(got) != 1 || !strings.HasPrefix(got[0], "error: git log printed") {
			t.Errorf("%q: got %q", out, got)
		}
	}
	got := short(t, history.Commits(t.Context(), liar(hash+" 999999999999999\n"), "", "M"))
	if want := []string{" commit " + hash + ": its time: a year is 0001 to 9999"}; !cmp.Equal(want, got) {
		t.Errorf("got %q, want %q", got, want)
	}
}
