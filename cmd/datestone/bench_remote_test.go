package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// What is published: 10,000 files of 24 KiB in 500 directories, of which one
// in a hundred has other bytes at the next checkpoint.
const (
	benchFiles   = 10_000
	benchDirs    = 500
	benchSize    = 24 << 10
	benchWorkers = 32
	benchBase    = "debian"
)

// A benchRemote serves the files of two states from memory, over HTTP.
type benchRemote struct {
	*httptest.Server
	states   [2]benchState
	shown    atomic.Int32 // the state it has
	requests atomic.Int64
}

// A benchState is what the remote has at one time.
type benchState struct {
	id       layout.Stamp // under which the bare loops publish it
	files    []benchFile
	manifest []byte
	pages    []layout.Page
}

type benchFile struct {
	layout.File
	version int
}

func newBenchRemote(b *testing.B) *benchRemote {
	r := &benchRemote{}
	for version, id := range []layout.Stamp{"20250101T000000Z", "20250102T000000Z"} {
		r.states[version] = newBenchState(b, id, version)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	b.Cleanup(r.Close)
	return r
}

func newBenchState(b *testing.B, id layout.Stamp, version int) benchState {
	s := benchState{id: id}
	var manifest bytes.Buffer
	for i := range benchFiles {
		f := benchFile{File: layout.File{Path: fmt.Sprintf("pool/%03d/%05d.deb", i/(benchFiles/benchDirs), i), Size: benchSize, FirstSeen: id}}
		if i%100 == 0 {
			f.version = version
		}
		f.SHA256 = layout.DigestOf(f.body())
		fmt.Fprintf(&manifest, "%s,%s,%d\n", f.Path, f.SHA256, f.Size)
		s.files = append(s.files, f)
	}
	s.manifest = manifest.Bytes()
	all := []layout.File{{Path: "PULP_MANIFEST", Size: int64(len(s.manifest)), SHA256: layout.DigestOf(s.manifest), FirstSeen: id}}
	for _, f := range s.files {
		all = append(all, f.File)
	}
	for page, err := range layout.DirectoryPages(benchBase, "/", id, layout.Files(all)) {
		must(b, err)
		s.pages = append(s.pages, page)
	}
	return s
}

// objects returns how many a checkpoint of the state has.
func (s benchState) objects() int { return 1 + len(s.files) + len(s.pages) }

// benchNoise is what all files have behind their first bytes.
var benchNoise = func() []byte {
	b := make([]byte, benchSize)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}()

// body returns bytes that no other file and version has.
func (f benchFile) body() []byte { return append(f.head(), benchNoise[16+len(f.Path):]...) }

func (f benchFile) head() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(f.version))
	b = binary.BigEndian.AppendUint64(b, uint64(len(f.Path)))
	return append(b, f.Path...)
}

func (r *benchRemote) serve(w http.ResponseWriter, req *http.Request) {
	r.requests.Add(1)
	s := &r.states[r.shown.Load()]
	path := strings.TrimPrefix(req.URL.Path, "/")
	if path == "PULP_MANIFEST" {
		w.Header().Set("ETag", fmt.Sprintf("%q", s.id))
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(s.manifest))
		return
	}
	at, ok := slices.BinarySearchFunc(s.files, path, func(f benchFile, path string) int { return strings.Compare(f.Path, path) })
	if !ok {
		http.NotFound(w, req)
		return
	}
	f := s.files[at]
	w.Header().Set("Content-Length", fmt.Sprint(f.Size))
	w.Write(f.head())
	w.Write(benchNoise[16+len(f.Path):])
}

// write writes a state into a directory, with its pages.
func (s benchState) write(b *testing.B, dir string) {
	b.Helper()
	for _, f := range s.files {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		must(b, os.MkdirAll(filepath.Dir(name), 0o777))
		must(b, os.WriteFile(name, f.body(), 0o666))
	}
	s.writeRest(b, dir)
}

// writeRest writes manifest and pages, in place of others that may be links.
func (s benchState) writeRest(b *testing.B, dir string) {
	b.Helper()
	replace := func(path string, body []byte) {
		name := filepath.Join(dir, filepath.FromSlash(path))
		must(b, os.WriteFile(name+".tmp", body, 0o666))
		must(b, os.Rename(name+".tmp", name))
	}
	replace("PULP_MANIFEST", s.manifest)
	for _, page := range s.pages {
		replace(strings.TrimPrefix(page.Key, layout.CheckpointPrefix(benchBase, s.id)), page.Body)
	}
}

// A benchSite is a directory with a configuration that publishes the remote.
type benchSite struct {
	dir  string
	wrap func(publish.Store) publish.Store // around the store; nil for nothing
}

const benchConfig = `
bucket: %q
index: ./datestone.db
public_url: https://snapshots.example.org/
repositories:
  - name: bench
    base_path: %s
    remote: {type: file, url: "%s/PULP_MANIFEST", parallel: %d}
redirects: {targets: [nginx], out: ./redirects}
`

func newBenchSite(b *testing.B, bucket string, remote *benchRemote) benchSite {
	b.Helper()
	s := benchSite{dir: b.TempDir()}
	text := fmt.Sprintf(benchConfig, bucket, benchBase, remote.URL, benchWorkers)
	must(b, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(text), 0o666))
	return s
}

// run calls the program in this process, and wants its result.
func (s benchSite) run(b *testing.B, result string) {
	b.Helper()
	var out bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out, Now: time.Now, LookupEnv: os.LookupEnv, WrapStore: s.wrap}
	code := run(b.Context(), []string{"datestone", "--quiet", "--config", filepath.Join(s.dir, "datestone.yaml"), "run", "--json",
		"--jobs", fmt.Sprint(benchWorkers)}, e)
	if code != 0 || !strings.Contains(out.String(), fmt.Sprintf(`"result":%q`, result)) {
		b.Fatalf("run: exit code %d, said %s, want result %q", code, out.String(), result)
	}
}
