package reposync_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestRPMReadTakesTheState(t *testing.T) {
	t.Parallel()
	armored := "-----BEGIN PGP SIGNATURE-----\n"
	tree := func(kind string) map[string]string {
		return map[string]string{"images/boot.iso": "boots", "images/pxeboot/vmlinuz": "", ".treeinfo": fmt.Sprintf(
			"[general]\nfamily = X\n[checksums]\nimages/boot.iso = %s:%s\nimages/pxeboot/vmlinuz = %s:%s\n[images-x86_64]\nboot.iso = images/boot.iso\n",
			kind, sum(kind, "boots"), kind, sum(kind, ""))}
	}
	for name, change := range map[string]func(*rpmRepo){
		"gz":                   func(*rpmRepo) {},
		"xz":                   func(r *rpmRepo) { r.form = "xz" },
		"zst":                  func(r *rpmRepo) { r.form = "zst" },
		"plain":                func(r *rpmRepo) { r.form = "" },
		"no packages":          func(r *rpmRepo) { r.packages = nil },
		"no sizes":             func(r *rpmRepo) { r.unsized = true },
		"packages by sha":      func(r *rpmRepo) { r.kind = "sha" },
		"packages by md5":      func(r *rpmRepo) { r.kind = "md5" },
		"packages by sha224":   func(r *rpmRepo) { r.kind = "sha224" },
		"packages by sha384":   func(r *rpmRepo) { r.kind = "sha384" },
		"packages by sha512":   func(r *rpmRepo) { r.kind = "sha512" },
		"metadata by sha512":   func(r *rpmRepo) { r.metadata = "sha512" },
		"all by sha1, unsized": func(r *rpmRepo) { r.kind, r.metadata, r.unsized = "sha", "sha", true },
		"a signature and key": func(r *rpmRepo) {
			r.more = map[string]string{"repodata/repomd.xml.asc": armored, "repodata/repomd.xml.key": armored}
		},
		"treeinfo":         func(r *rpmRepo) { r.more = tree("sha256") },
		"treeinfo by sha1": func(r *rpmRepo) { r.more = tree("sha1") },
		"deltas": func(r *rpmRepo) {
			r.data["prestodelta"] = deltaXML("drpms/a.drpm", "delta")
			r.more = map[string]string{"drpms/a.drpm": "delta"}
		},
		"one package mentioned twice": func(r *rpmRepo) {
			r.primary = func(s string) string {
				_, packages, _ := strings.Cut(s, ">\n")
				return strings.Replace(s, "</metadata>", packages, 1)
			}
		},
		"a place that is a URL": func(r *rpmRepo) {
			r.primary = func(s string) string { return strings.Replace(s, `href="Packages/a`, `href="x/./../Packages/a`, 1) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			change(&r)
			s := newRPMServer(t, r)
			c := reposync.New(quick(nil))
			got, err := c.Read(t.Context(), s.remote(), layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			holdsFiles(t, c, s.remote(), got, r.files(t))
			for href := range r.packages {
				if n := s.asked(href); n != 1 {
					t.Errorf("%q was asked for %d times", href, n)
				}
			}
			if r.kind == "sha512" {
				at := slices.IndexFunc(got.Files, func(f layout.File) bool { return f.Path == "Packages/a-1.rpm" })
				if want := "sha512:" + sum("sha512", "a one"); got.Files[at].Upstream != want {
					t.Errorf("got %q as the digest of upstream, want %q", got.Files[at].Upstream, want)
				}
			}
			if want := map[string]bool{"repodata/filelists.x": true, "repodata/nobody-knows.x": true}; cmp.Diff(want, got.Listed) != "" {
				t.Errorf("listed metadata: %v, want %v", got.Listed, want)
			}
		})
	}
}

func deltaXML(href, body string) string {
	return fmt.Sprintf(`<prestodelta><newpackage><delta><filename>%s</filename><size>%d</size><checksum type="sha256">%s</checksum></delta></newpackage></prestodelta>`,
		href, len(body), sum("", body))
}

// What is named twice is one file, by any name of it.
func TestRPMLeavesPagesOut(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	page := "<!DOCTYPE html>\n<title>Not here</title>"
	r.more = map[string]string{"repodata/repomd.xml.asc": page, "repodata/repomd.xml.key": page, ".treeinfo": page, "treeinfo": page}
	s := newRPMServer(t, r)
	c := reposync.New(quick(nil))
	got, err := c.Read(t.Context(), s.remote(), layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	r.more = nil
	holdsFiles(t, c, s.remote(), got, r.files(t))
}

// S3 says of what is not there that it is forbidden, to whoever may not list.
func TestRPMForbiddenIsNotThere(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	files := r.files(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, ok := files[strings.TrimPrefix(q.URL.Path, "/repo/")]
		if !ok {
			w.WriteHeader(http.StatusForbidden)
		}
		io.WriteString(w, body)
	}))
	t.Cleanup(front.Close)
	remote := reposync.Remote{Type: "rpm", URL: front.URL + "/repo"}
	c := reposync.New(quick(nil))
	got, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, remote, got, files)
	delete(files, "repodata/repomd.xml")
	if _, err := c.Read(t.Context(), remote, layout.Remote{}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v, want that repomd.xml is forbidden", err)
	}
}

// Web servers may name the encoding of a .gz file, and send the file itself.
func TestRPMFromServersThatNameEncodings(t *testing.T) {
	t.Parallel()
	files := smallRPM().files(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		path := strings.TrimPrefix(q.URL.Path, "/repo/")
		if strings.HasSuffix(path, ".gz") {
			w.Header().Set("Content-Encoding", "x-gzip")
		}
		if body, ok := files[path]; ok {
			io.WriteString(w, body)
		} else {
			http.NotFound(w, q)
		}
	}))
	t.Cleanup(front.Close)
	remote := reposync.Remote{Type: "rpm", URL: front.URL + "/repo"}
	c := reposync.New(quick(nil))
	got, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, remote, got, files)
}

func TestRPMInADirectory(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sha256", "sha512"} {
		r := smallRPM()
		r.kind, r.metadata, r.unsized = kind, kind, kind == "sha512"
		r.more = map[string]string{"treeinfo": "[tree]\n[checksums]\nboot.img = sha256:" + sum("", "boots") + "\n", "boot.img": "boots"}
		dir := t.TempDir()
		for p, body := range r.files(t) {
			name := filepath.Join(dir, filepath.FromSlash(p))
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(body), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		remote := reposync.Remote{Type: "rpm", URL: "file://" + filepath.ToSlash(dir)}
		c := reposync.New(quick(nil))
		got, err := c.Read(t.Context(), remote, layout.Remote{})
		if err != nil {
			t.Fatal(err)
		}
		holdsFiles(t, c, remote, got, r.files(t))
		if moved, err := c.Moved(t.Context(), remote, got); moved || err != nil {
			t.Errorf("moved: %v, %v", moved, err)
		}
		if _, err := c.Read(t.Context(), remote, got.Remote); !errors.Is(err, reposync.ErrNotModified) {
			t.Errorf("once more: %v, want ErrNotModified", err)
		}
	}
}

func TestRPMKnowsContentFromBefore(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	r.kind, r.metadata = "sha512", "sha512"
	s := newRPMServer(t, r)
	first, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	r.packages["Packages/c-1.rpm"] = "c one"
	r.packages["Packages/a-1.rpm"] = "A ONE" // replaced
	s.become(r)
	var log bytes.Buffer
	c := reposync.New(quick(&log)) // on another machine
	second, err := c.ReadAfter(t.Context(), s.remote(), first.Remote, layout.Files(first.Files))
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]int{"Packages/a": 2, "Packages/c": 1, "Packages/libb": 1, "repodata/filelists": 1} {
		if got := s.asked(p); got != want {
			t.Errorf("%s was asked for %d times, want %d", p, got, want)
		}
	}
	if want := "does not declare\" remote=" + s.URL + "/repo/ files=2 bytes=10"; !strings.Contains(log.String(), want) {
		t.Errorf("the log says %q, want %q", log.String(), want)
	}
	holdsFiles(t, c, s.remote(), second, r.files(t))
	broken := func(yield func(layout.File, error) bool) { yield(layout.File{}, errors.New("the index is broken")) }
	if _, err := c.ReadAfter(t.Context(), s.remote(), layout.Remote{}, broken); err == nil || err.Error() != "the index is broken" {
		t.Errorf("got %v, want what broke", err)
	}
}

// A remote that changes while it is read is asked once for what stayed.
func TestRPMReadsUnknownContentOnce(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	r.kind = "sha512"
	s := newRPMServer(t, r)
	next := smallRPM()
	next.kind, next.packages["Packages/c.rpm"] = "sha512", "c"
	later := new(sync.Once)
	remote := s.before(func(path string) {
		if strings.HasPrefix(path, "Packages/") { // the metadata was read
			later.Do(func() { s.become(next) })
		}
	})
	c := reposync.New(quick(nil))
	state, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if moved, err := c.Moved(t.Context(), remote, state); !moved || err != nil {
		t.Fatalf("moved: %v, %v", moved, err)
	}
	if state, err = c.Read(t.Context(), remote, layout.Remote{}); err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, remote, state, next.files(t))
	if n := s.asked("Packages/"); n != 3 {
		t.Errorf("%d requests for 3 packages", n)
	}
}

func TestRPMNothingChanged(t *testing.T) {
	t.Parallel()
	r := smallRPM()
	r.more = map[string]string{"repodata/repomd.xml.asc": "-----BEGIN PGP SIGNATURE-----\n1", "treeinfo": "[general]\n"}
	for name, test := range map[string]struct {
		change func(*rpmRepo)
		want   bool
	}{
		"nothing":                  {func(*rpmRepo) {}, false},
		"repomd.xml":               {func(r *rpmRepo) { r.repomd = func(s string) string { return s + "\n" } }, true},
		"the signature":            {func(r *rpmRepo) { r.more["repodata/repomd.xml.asc"] += "2" }, true},
		"the signature is removed": {func(r *rpmRepo) { delete(r.more, "repodata/repomd.xml.asc") }, true},
		"treeinfo":                 {func(r *rpmRepo) { r.more["treeinfo"] += "[tree]\n" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := r
			r.more = maps.Clone(r.more)
			s := newRPMServer(t, r)
			c := reposync.New(quick(nil))
			state, err := c.Read(t.Context(), s.remote(), layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			before := len(s.seen())
			test.change(&r)
			s.become(r)
			if got, err := c.Moved(t.Context(), s.remote(), state); got != test.want || err != nil {
				t.Errorf("moved: %v, %v; want %v", got, err, test.want)
			}
			if n := len(s.seen()) - before; n > 3 {
				t.Errorf("%d requests to find out", n)
			}
			again, err := c.Read(t.Context(), s.remote(), state.Remote)
			if test.want && err != nil || !test.want && !errors.Is(err, reposync.ErrNotModified) {
				t.Errorf("read: %v, %v", again, err)
			}
		})
	}
}

func TestRPMSignature(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, 0), newKey(t, 0)
	for name, test := range map[string]struct {
		sign func(repomd string) string
		want string // in the error; empty: none
		edit func(*reposync.Remote)
	}{
		"good":             {sign: func(s string) string { return detachSign(t, s, key) }},
		"good, armored":    {sign: func(s string) string { return detachSign(t, s, key) }, edit: func(r *reposync.Remote) { r.Keyring = keyring(t, true, other, key) }},
		"by another":       {sign: func(s string) string { return detachSign(t, s, other) }, want: "repomd.xml.asc: no signature is good"},
		"of another":       {sign: func(s string) string { return detachSign(t, s+" ", key) }, want: "repomd.xml.asc"},
		"none":             {want: "a keyring is configured"},
		"none, not wanted": {edit: func(r *reposync.Remote) { r.Keyring = "" }},
		"no keyring":       {sign: func(s string) string { return detachSign(t, s, key) }, want: "no such file", edit: func(r *reposync.Remote) { r.Keyring = "none" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			s := newRPMServer(t, r)
			if test.sign != nil {
				s.set("repodata/repomd.xml.asc", test.sign(r.files(t)["repodata/repomd.xml"]))
			}
			remote := s.remote()
			remote.Keyring = keyring(t, false, key)
			if test.edit != nil {
				test.edit(&remote)
			}
			state, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v; want %q", err, test.want)
			}
			if err == nil && test.sign != nil && len(state.Bodies["repodata/repomd.xml.asc"]) == 0 {
				t.Error("the signature is not in the state")
			}
		})
	}
}
