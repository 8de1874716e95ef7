package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/layout"
	"datestone/publish/storetest/servers"
)

// What is mirrored: 2,000 packages of 20 KiB, and then one in a hundred more.
const (
	mirrorFirst    = 2_000
	mirrorAll      = mirrorFirst + mirrorFirst/100
	mirrorParallel = 20 // connections to the upstream of all that can have several; dnf can't have more
	mirrorDelay    = 20 * time.Millisecond
)

// A benchUpstream is a real repository in two states, and serves them over
// HTTP.
type benchUpstream struct {
	*httptest.Server
	dir    string // has the states as 0 and 1, and the keyring of a deb one
	suffix string // of packages
	entry  string // the file that leads to all others
	remote string // the rest of its configuration
	shown  atomic.Int32
}

// serve starts the server, when the states are made.
func (u *benchUpstream) serve(b *testing.B) {
	b.Helper()
	// They were made within a few seconds; clients ask for what is newer.
	then := time.Now().Add(-time.Hour)
	for state := range 2 {
		must(b, filepath.WalkDir(u.state(state), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(name, u.suffix) {
				return err
			}
			return os.Chtimes(name, then, then.Add(time.Duration(state)*time.Minute))
		}))
	}
	u.Server = httptest.NewServer(u)
	b.Cleanup(u.Close)
}

func (u *benchUpstream) state(n int) string { return filepath.Join(u.dir, strconv.Itoa(n)) }

func (u *benchUpstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	http.FileServer(http.Dir(u.state(int(u.shown.Load())))).ServeHTTP(w, r)
}

// packages returns how many a state has.
func (u *benchUpstream) packages(state int) int { return []int{mirrorFirst, mirrorAll}[state] }

// A mirrorPlace is where one contender works in one round.
type mirrorPlace struct {
	*testing.B
	upstream *benchUpstream
	url      string          // of the upstream; a longer way where requests are delayed
	dir      string          // empty, for whatever it needs
	server   *servers.Server // reached by the longer way, too; nil where it publishes to a directory
	bucket   string          // a new one of the server
	keys     func(below string) []string
}

// A mirror is a way of publishing a state of the upstream.
type mirror struct {
	name string
	// publish is what is timed.
	publish func(state int)
	// below is where the state then stands, in the bucket or the directory of
	// the place.
	below func(state int) string
}

// A mirrorMaker prepares a place, by what is done once and never again. It
// skips the benchmark where a program is missing.
type mirrorMaker func(p *mirrorPlace) mirror

// A mirrorRow is one row of the table of benchMirrors.
type mirrorRow struct {
	name   string
	delay  time.Duration
	server bool
	others []mirrorMaker
}

// benchMirrors publishes both states of the upstream by the program and by
// others that do the same: to a directory and to MinIO, here and over a way on
// which every request takes 20 ms longer in both directions.
func benchMirrors(b *testing.B, up *benchUpstream, toDir, toMinIO []mirrorMaker) {
	t := &benchTable{}
	t.add(b.Name(), "", "first", "next, 1 % new")
	for _, row := range []mirrorRow{
		{"dir", 0, false, toDir}, {"dir+20ms", mirrorDelay, false, toDir},
		{"minio", 0, true, toMinIO}, {"minio+20ms", mirrorDelay, true, toMinIO},
	} {
		b.Run(row.name, func(b *testing.B) {
			makers := append([]mirrorMaker{newOwnMirror}, row.others...)
			row.bench(b, up, makers, t)
		})
	}
	t.print(os.Stderr)
}

// bench measures the first of the makers against each of the others.
func (r mirrorRow) bench(b *testing.B, up *benchUpstream, makers []mirrorMaker, t *benchTable) {
	names, took := make([]string, len(makers)), make([][2][]time.Duration, len(makers))
	for round := 0; b.Loop(); round++ {
		places, mirrors := make([]*mirrorPlace, len(makers)), make([]mirror, len(makers))
		up.shown.Store(0)
		for i, maker := range makers {
			places[i] = r.place(b, up)
			mirrors[i] = maker(places[i])
			names[i] = mirrors[i].name
		}
		for state := range 2 {
			up.shown.Store(int32(state))
			for turn := range makers {
				i := (turn + round) % len(makers)
				settle()
				took[i][state] = append(took[i][state], timed(func() { mirrors[i].publish(state) }))
				places[i].holds(names[i], mirrors[i].below(state), state)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	r.report(b, names, took, t)
}

// report makes metrics and lines of the table: what each took, and how many
// times as long the first took as each of the others.
func (r mirrorRow) report(b *testing.B, names []string, took [][2][]time.Duration, t *benchTable) {
	for i, name := range names {
		line, ratio := []string{r.name, name}, []string{r.name, "run/" + name + ", median (least to most)"}
		for state, of := range []string{"first-", "next-"} {
			pair := benchPair{ours: took[0][state], theirs: took[i][state]}
			middle, text := pair.ratio()
			b.ReportMetric(median(pair.theirs).Seconds(), of+name+"-s")
			if i > 0 {
				b.ReportMetric(middle, of+name+"-ratio")
			}
			line, ratio = append(line, seconds(median(pair.theirs))), append(ratio, text)
		}
		t.add(line...)
		if i > 0 {
			t.add(ratio...)
		}
	}
}

// place makes a place for one contender.
func (r mirrorRow) place(b *testing.B, up *benchUpstream) *mirrorPlace {
	b.Helper()
	far := func(url string) string {
		if r.delay == 0 {
			return url
		}
		return "http://" + delayed(b, strings.TrimPrefix(url, "http://"), r.delay)
	}
	p := &mirrorPlace{B: b, upstream: up, url: far(up.URL), dir: b.TempDir()}
	p.keys = p.files
	if r.server {
		near := servers.MinIO(b)
		server := near
		server.Endpoint = far(near.Endpoint)
		p.server, p.bucket = &server, near.Bucket(b)
		p.keys = func(below string) []string { return p.objects(near, below) }
	}
	return p
}

// files returns what stands below a directory of the place, as paths below it.
func (p *mirrorPlace) files(below string) (paths []string) {
	p.Helper()
	root := filepath.Join(p.dir, filepath.FromSlash(below))
	must(p, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		paths = append(paths, filepath.ToSlash(rel))
		return err
	}))
	return paths
}

// objects is files in the bucket of the place.
func (p *mirrorPlace) objects(server servers.Server, below string) (paths []string) {
	p.Helper()
	c, err := minio.New(server.Host(), &minio.Options{Creds: credentials.NewEnvAWS()})
	must(p, err)
	for o := range c.ListObjectsIter(p.Context(), p.bucket, minio.ListObjectsOptions{Prefix: below + "/", Recursive: true}) {
		must(p, o.Err)
		paths = append(paths, strings.TrimPrefix(o.Key, below+"/"))
	}
	return paths
}

// holds wants all packages of a state to stand, each once, and the file that
// leads to them.
func (p *mirrorPlace) holds(name, below string, state int) {
	p.Helper()
	packages, entries := 0, 0
	for _, path := range p.keys(below) {
		if strings.HasSuffix(path, p.upstream.suffix) {
			packages++
		}
		if path == p.upstream.entry {
			entries++
		}
	}
	if want := p.upstream.packages(state); packages != want || entries != 1 {
		p.Fatalf("%s, state %d: %d packages below %q and %d of %q, want %d and 1", name, state, packages, below, entries, p.upstream.entry, want)
	}
}

// tool runs a program in the place, and returns its standard output.
func (p *mirrorPlace) tool(environ []string, name string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), name, args...)
	cmd.Dir = p.dir
	// rclone refuses to work where the variable is set; no server here speaks TLS.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") }),
		append([]string{"LC_ALL=C", "HOME=" + p.dir}, environ...)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("%s %q: %v: %s%s", name, args, err, out, errs.String())
	}
	return string(out)
}

// find skips the benchmark where a program is missing.
func (p *mirrorPlace) find(names ...string) {
	p.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			p.Skip(err)
		}
	}
}

const mirrorConfig = `
bucket: %q
index: ./datestone.db
public_url: https://snapshots.example.org/
repositories: [{name: bench, base_path: bench, remote: {url: %q, parallel: %d, %s}}]
redirects: {targets: [nginx], out: ./redirects}
`

// newOwnMirror is the program, as a process like the others.
func newOwnMirror(p *mirrorPlace) mirror {
	bucket := "file:site"
	if p.server != nil {
		bucket = fmt.Sprintf("minio://%s/%s", p.server.Host(), p.bucket)
	}
	must(p, os.MkdirAll(filepath.Join(p.dir, "site"), 0o777))
	must(p, os.WriteFile(filepath.Join(p.dir, "datestone.yaml"), fmt.Appendf(nil, mirrorConfig, bucket, p.url, mirrorParallel, p.upstream.remote), 0o666))
	var last report
	return mirror{
		name: "run",
		publish: func(int) {
			last = report{}
			must(p, json.Unmarshal([]byte(p.tool(nil, "datestone", "--quiet", "run", "--json")), &last))
			if last.Result != "published" {
				p.Fatalf("got %+v, want it published", last)
			}
		},
		below: func(state int) string {
			below := "bench/" + string(last.Checkpoint)
			if p.server == nil {
				below = "site/" + below
			}
			p.holdsAll(below, state)
			return below
		},
	}
}

// holdsAll wants every file of a state of the upstream to stand.
func (p *mirrorPlace) holdsAll(below string, state int) {
	p.Helper()
	stand := map[string]bool{}
	for _, path := range p.keys(below) {
		stand[path] = true
	}
	must(p, fs.WalkDir(os.DirFS(p.upstream.state(state)), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !stand[path] {
			err = fmt.Errorf("state %d: %q does not stand below %q", state, path, below)
		}
		return err
	}))
}

// mirrorNoise returns n bytes that no other package has.
func mirrorNoise(name string, n int) []byte {
	body := make([]byte, n)
	rand.NewChaCha8(layout.DigestOf([]byte(name))).Read(body)
	return body
}
