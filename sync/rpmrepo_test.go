package reposync_test

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// An rpmRepo is one state of an rpm repository.
type rpmRepo struct {
	kind     string            // of the packages' checksums; default sha256
	metadata string            // of the metadata's; default sha256
	form     string            // of primary.xml: gz, xz, zst, or plain
	unsized  bool              // repomd.xml declares no sizes and nothing of the unpacked
	packages map[string]string // by href
	data     map[string]string // of other types, by type
	more     map[string]string // files that no metadata names
	// primary and repomd change what is written, primary before its digest is
	// taken.
	primary, repomd func(string) string
}

// sum returns a checksum by the name that createrepo_c has for it.
func sum(kind, body string) string {
	b := []byte(body)
	switch kind {
	case "md5":
		return fmt.Sprintf("%x", md5.Sum(b))
	case "sha", "sha1":
		return fmt.Sprintf("%x", sha1.Sum(b))
	case "sha224":
		return fmt.Sprintf("%x", sha256.Sum224(b))
	case "sha384":
		return fmt.Sprintf("%x", sha512.Sum384(b))
	case "sha512":
		return fmt.Sprintf("%x", sha512.Sum512(b))
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}

func (r rpmRepo) primaryXML() string {
	var b strings.Builder
	kind := cmp.Or(r.kind, "sha256")
	fmt.Fprintf(&b, "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"%d\">\n", len(r.packages))
	for _, href := range slices.Sorted(maps.Keys(r.packages)) {
		fmt.Fprintf(&b, "<package type=\"rpm\"><name>x</name><checksum type=%q pkgid=\"YES\">%s</checksum><size package=\"%d\"/><location href=%q/></package>\n",
			kind, sum(kind, r.packages[href]), len(r.packages[href]), href)
	}
	b.WriteString("</metadata>\n")
	if r.primary != nil {
		return r.primary(b.String())
	}
	return b.String()
}

// files returns what a server has.
func (r rpmRepo) files(t testing.TB) map[string]string {
	t.Helper()
	kind := cmp.Or(r.metadata, "sha256")
	files := map[string]string{}
	var b strings.Builder
	b.WriteString("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n")
	add := func(of, path, body, plain string) {
		files[path] = body
		fmt.Fprintf(&b, "<data type=%q><checksum type=%q>%s</checksum><location href=%q/>", of, kind, sum(kind, body), path)
		if !r.unsized {
			fmt.Fprintf(&b, "<open-checksum type=%q>%s</open-checksum><size>%d</size><open-size>%d</open-size>", kind, sum(kind, plain), len(body), len(plain))
		}
		b.WriteString("</data>\n")
	}
	path := "repodata/primary.xml"
	if r.form != "" {
		path += "." + r.form
	}
	primary := r.primaryXML()
	add("primary", path, packed(t, r.form, primary), primary)
	for _, of := range slices.Sorted(maps.Keys(r.data)) {
		add(of, "repodata/"+of+".x", r.data[of], r.data[of])
	}
	b.WriteString("</repomd>\n")
	files["repodata/repomd.xml"] = b.String()
	if r.repomd != nil {
		files["repodata/repomd.xml"] = r.repomd(b.String())
	}
	maps.Copy(files, r.packages)
	maps.Copy(files, r.more)
	return files
}

// smallRPM has two packages and metadata of two more types.
func smallRPM() rpmRepo {
	return rpmRepo{
		packages: map[string]string{"Packages/a-1.rpm": "a one", "Packages/libb++-1~rc.rpm": "b one"},
		data:     map[string]string{"filelists": "the list", "nobody-knows": "it"},
		form:     "gz",
	}
}

// An rpmServer has one state after another.
type rpmServer struct {
	*server
	t testing.TB
}

func newRPMServer(t testing.TB, r rpmRepo) *rpmServer {
	t.Helper()
	return &rpmServer{newServer(t, r.files(t)), t}
}

// become makes the server have another state.
func (s *rpmServer) become(r rpmRepo) {
	files := r.files(s.t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = files
}

func (s *rpmServer) remote() reposync.Remote {
	return reposync.Remote{Type: "rpm", URL: s.URL + "/repo"}
}

// asked counts the requests for paths below a directory.
func (s *rpmServer) asked(below string) (n int) {
	for _, r := range s.seen() {
		if strings.HasPrefix(r.URL.Path, "/repo/"+below) {
			n++
		}
	}
	return n
}

// before returns a remote at which then is called before each answer.
func (s *rpmServer) before(then func(path string)) reposync.Remote {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		then(strings.TrimPrefix(r.URL.Path, "/repo/"))
		s.ServeHTTP(w, r)
	}))
	s.t.Cleanup(front.Close)
	return reposync.Remote{Type: "rpm", URL: front.URL + "/repo"}
}

// holdsFiles holds a state against what a server has: all of it, with the right
// digests, and its content comes through.
func holdsFiles(t *testing.T, c *reposync.Client, r reposync.Remote, got *reposync.State, files map[string]string) {
	t.Helper()
	want := map[string]layout.Digest{}
	for p, body := range files {
		want[p] = layout.DigestOf([]byte(body))
	}
	var fetched []layout.File
	for _, f := range got.Files {
		if want[f.Path] != f.SHA256 || f.Size != int64(len(files[f.Path])) {
			t.Errorf("%q: has %d bytes and %s, want %d and %s", f.Path, f.Size, f.SHA256, len(files[f.Path]), want[f.Path])
		}
		delete(want, f.Path)
		if _, ok := got.Bodies[f.Path]; !ok {
			fetched = append(fetched, f)
		}
	}
	for p := range want {
		t.Errorf("%q is not in the state", p)
	}
	into := newStore()
	if err := c.Fetch(context.WithoutCancel(t.Context()), r, layout.Files(fetched), into.sink); err != nil {
		t.Fatal(err)
	}
	for p, body := range got.Bodies {
		into.objects[p] = string(body)
	}
	for p, body := range files {
		if into.objects[p] != body {
			t.Errorf("%q: got %q, want %q", p, into.objects[p], body)
		}
	}
}
