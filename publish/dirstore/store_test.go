package dirstore_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/dirstore"
)

func bytesOf(key, body string) publish.Put {
	return publish.Bytes(layout.Object{Key: key, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body))}, []byte(body))
}

func put(t *testing.T, s publish.Store, key, body string) publish.Info {
	t.Helper()
	info, err := s.Put(t.Context(), bytesOf(key, body))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func wantBody(t *testing.T, s publish.Store, key, want string) {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, 0, -1)
	if err != nil {
		t.Error(err)
		return
	}
	defer r.Close()
	if got, err := io.ReadAll(r); string(got) != want || err != nil {
		t.Errorf("Get(%q) = %q, %v, want %q", key, got, err, want)
	}
}

func list(t *testing.T, s publish.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// files returns all that is below dir, directories with a slash.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, p)
		if d.IsDir() {
			rel += "/"
		}
		all = append(all, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantError(t *testing.T, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error = %v, want one that is %q", err, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error = %v, want it to say %q", err, w)
		}
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "no", "site's")
	_, err := dirstore.New(dirstore.Config{Root: missing})
	wantError(t, err, fs.ErrNotExist, "does not exist", `create it with mkdir -p -- '`, `site'\''s'`)
	if _, err := os.Stat(filepath.Dir(missing)); err == nil {
		t.Errorf("New has made a directory that it was not told to make")
	}
	s, err := dirstore.New(dirstore.Config{Root: missing, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put(t, s, "a", "x")
	if _, err := dirstore.New(dirstore.Config{Root: filepath.Join(missing, "a")}); err == nil {
		t.Errorf("New of a file succeeded")
	}
	if _, err := dirstore.New(dirstore.Config{}); err == nil {
		t.Errorf("New of nothing succeeded")
	}
}

func TestReadersWriteNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	if _, err := s.Stat(t.Context(), "a/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat = %v, want fs.ErrNotExist", err)
	}
	if keys := list(t, s, ""); keys != nil {
		t.Errorf("List = %q, want nothing", keys)
	}
	if diff := cmp.Diff([]string{"./"}, files(t, root)); diff != "" {
		t.Errorf("below the root (-want +got):\n%s", diff)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, filepath.Join(root, "."))
	for _, key := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/", "./a", "a/.", "nul\x00", ".datestone/mutex", ".datestone/tmp", ".datestone/tmp/x"} {
		if _, err := s.Put(t.Context(), bytesOf(key, "x")); err == nil {
			t.Errorf("Put(%q) succeeded", key)
		}
		if err := s.Link(t.Context(), "a", layout.Object{Key: key}); err == nil {
			t.Errorf("Link to %q succeeded", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) succeeded", key)
		}
	}
	if diff := cmp.Diff([]string{"./"}, files(t, root)); diff != "" {
		t.Errorf("below the root (-want +got):\n%s", diff)
	}
}

func TestOwnFilesAreNoObjects(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	info := put(t, s, ".datestone/locks/a.json", "one")
	p := bytesOf(".datestone/locks/a.json", "two")
	p.IfMatch = info.Version
	if _, err := s.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ".datestone", "tmp", "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"", ".d", ".datestone/", ".datestone/l"} {
		if diff := cmp.Diff([]string{".datestone/locks/a.json"}, list(t, s, prefix)); diff != "" {
			t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
		}
	}
}

func TestNestedRoots(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	inner := filepath.Join(root, "sites", "a")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	out, in := open(t, root), open(t, inner)
	put(t, in, "base/1", "inner")
	put(t, out, "sites/ab/1", "beside")
	wantBody(t, out, "sites/a/base/1", "inner")
	if diff := cmp.Diff([]string{"base/1"}, list(t, in, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if err := in.Delete(t.Context(), "base/1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(inner); err != nil {
		t.Errorf("a Delete has taken the root away: %v", err)
	}
	wantBody(t, out, "sites/ab/1", "beside")
}

func TestDelete_takesEmptiedDirectories(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	for _, key := range []string{"a/b/c/1", "a/b/c/2", "a/d/3", "e/4"} {
		put(t, s, key, "x")
	}
	if err := s.Delete(t.Context(), "a/b/c/1", "a/b/c/2", "e/4"); err != nil {
		t.Fatal(err)
	}
	want := []string{"./", ".datestone/", ".datestone/mutex", ".datestone/tmp/", "a/", "a/d/", "a/d/3"}
	if diff := cmp.Diff(want, files(t, root)); diff != "" {
		t.Errorf("below the root (-want +got):\n%s", diff)
	}
	put(t, s, "a/b/c/1", "again")
	wantBody(t, s, "a/b/c/1", "again")
}

func TestPut_whileItsDirectoryIsTakenAway(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, "from", "x")
	var all sync.WaitGroup
	for i := range 4 {
		key := "dir/sub/" + string(rune('a'+i))
		all.Go(func() {
			for range 100 {
				p := bytesOf(key, "x")
				p.Create = true
				if _, err := s.Put(t.Context(), p); err != nil {
					t.Error(err)
				}
				if err := s.Link(t.Context(), "from", layout.Object{Key: key + "l"}); err != nil {
					t.Error(err)
				}
				if err := s.Delete(t.Context(), key, key+"l"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestPut_leavesModesForAWebServer(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, open(t, root), "a/b", "x")
	for path, want := range map[string]fs.FileMode{"a": fs.ModeDir | 0o755, "a/b": 0o644} {
		fi, err := os.Stat(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		// The umask may take away what it likes, but nothing is added.
		if got := fi.Mode(); got&^want != 0 || got&0o600 != want&0o600 {
			t.Errorf("mode of %s = %v, want %v", path, got, want)
		}
	}
}

func TestPut_zeroDigestIsNotChecked(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	if _, err := s.Put(t.Context(), publish.Bytes(layout.Object{Key: "a", Size: 1}, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	_, err := s.Put(t.Context(), publish.Bytes(layout.Object{Key: "a", Size: 2}, []byte("y")))
	wantError(t, err, publish.ErrDigest, `put "a"`, "1 bytes instead of 2")
	wantBody(t, s, "a", "x")
}

// Two stores over one root know nothing of each other, as two processes do.
func TestPut_twoStoresHaveOneWinner(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	stores := []*dirstore.Store{open(t, root), open(t, root)}
	version := put(t, stores[0], "table", "0").Version
	for round := range 50 {
		const writers = 8
		start := make(chan struct{})
		var all sync.WaitGroup
		var infos [writers]publish.Info
		var errs [writers]error
		for i := range writers {
			p := bytesOf("table", strings.Repeat("x", writers*round+i+1))
			p.IfMatch = version
			all.Go(func() {
				<-start
				infos[i], errs[i] = stores[i%2].Put(t.Context(), p)
			})
		}
		close(start)
		all.Wait()
		won := 0
		for i, err := range errs {
			switch {
			case err == nil:
				version = infos[i].Version
				won++
			case !errors.Is(err, publish.ErrConflict):
				t.Error(err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d have won, want 1", round, won)
		}
	}
}

// A directory may be a link to another one of the bucket, at any level.
func TestSymbolicLinksWithin(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	s := open(t, root)
	put(t, s, "disk/real/a", "x")
	if err := errors.Join(os.Mkdir(filepath.Join(root, "site"), 0o755), os.Symlink("../disk", filepath.Join(root, "site", "pool"))); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	put(t, s, "site/pool/real/b", "y")
	for key, want := range map[string]string{"site/pool/real/a": "x", "disk/real/b": "y"} {
		if b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(key))); string(b) != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", key, b, err, want)
		}
		if _, err := s.Stat(t.Context(), key); err != nil {
			t.Errorf("Stat(%q): %v", key, err)
		}
	}
}

func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	root, outside := t.TempDir(), t.TempDir()
	s := open(t, root)
	put(t, s, "real", "x")
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"inside": "real", "file": secret, "dir": outside} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	for _, key := range []string{"inside", "file", "dir", "dir/secret"} {
		if _, _, err := s.Get(t.Context(), key, 0, -1); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q) = %v, want an error that is not fs.ErrNotExist", key, err)
		}
		if _, err := s.Put(t.Context(), bytesOf(key, "y")); err == nil {
			t.Errorf("Put(%q) succeeded", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) succeeded", key)
		}
		if err := s.Link(t.Context(), key, layout.Object{Key: "new"}); err == nil {
			t.Errorf("Link from %q succeeded", key)
		}
	}
	var failed error
	for _, err := range s.List(t.Context(), "") {
		failed = err
	}
	wantError(t, failed, failed, `list "dir"`, "no regular file")
	if b, err := os.ReadFile(secret); string(b) != "secret" || err != nil {
		t.Errorf("outside the root there is %q, %v", b, err)
	}
	if diff := cmp.Diff([]string{"./", "secret"}, files(t, outside)); diff != "" {
		t.Errorf("outside the root (-want +got):\n%s", diff)
	}
}
