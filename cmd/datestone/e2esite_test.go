package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// An e2eStore is a kind of store that a site can stand in.
type e2eStore struct {
	name   string
	scheme string
	server func(testing.TB) servers.Server // nil for a directory
}

var e2eStores = []e2eStore{
	{"file", schemeFile, nil},
	{"s3 on MinIO", schemeS3, servers.MinIO},
	{"s3 on versitygw", schemeS3, servers.VersityGW},
	{"minio on MinIO", schemeMinio, servers.MinIO},
	{"minio on versitygw", schemeMinio, servers.VersityGW},
}

// An e2eSite is one configuration with a bucket of its own.
type e2eSite struct {
	t    *testing.T
	name string // at the remote
	kind e2eStore
	dir  string // has configuration, index, rules

	prefix, public string
	remote         *e2eRemote
	bucketURL      string

	server         servers.Server
	bucket         string       // at the server
	bucketRequests *requestList // what the server was asked by the program
}

func newE2ESite(t *testing.T, kind e2eStore, remote *e2eRemote, prefix, public string) *e2eSite {
	t.Helper()
	s := &e2eSite{t: t, name: url.PathEscape(t.Name() + " " + kind.name), kind: kind, dir: t.TempDir(), prefix: prefix, public: public,
		remote: remote, bucketRequests: new(requestList)}
	if kind.server == nil {
		must(t, os.MkdirAll(filepath.Join(s.dir, "site", filepath.FromSlash(prefix)), 0o777))
		s.bucketURL = "file:site" + prefix
		return s
	}
	s.server = kind.server(t)
	s.bucket = s.server.Bucket(t)
	proxy := s.countingProxy()
	s.bucketURL = fmt.Sprintf("minio://%s/%s%s", strings.TrimPrefix(proxy, "http://"), s.bucket, prefix)
	if kind.scheme == schemeS3 {
		s.bucketURL = fmt.Sprintf("s3://%s%s?region=us-east-1&endpoint=%s", s.bucket, prefix, url.QueryEscape(proxy))
	}
	return s
}

// countingProxy stands in front of the server and takes down what it is asked.
func (s *e2eSite) countingProxy() string {
	s.t.Helper()
	return listenBefore(s.t, s.server.Endpoint, func(w http.ResponseWriter, r *http.Request, to http.Handler) {
		s.bucketRequests.add(r.Method + " " + r.RequestURI)
		to.ServeHTTP(w, r)
	}).URL
}

// A requestList takes down requests.
type requestList struct {
	mu   sync.Mutex
	list []string
}

func (l *requestList) add(r string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r)
}

func (l *requestList) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

func (l *requestList) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = nil
}

const e2eConfig = `
bucket: %q
public_url: https://snapshots.example.org%s
repositories:
  - name: myfile
    base_path: checkpoints/myfile
    remote: {type: file, url: "%s/PULP_MANIFEST", headers: {X-State: "%s/%s"}}
    channels: {prod: {delay: 0h}, frozen: {}}
redirects: {targets: [json, nginx], out: redirects, refresh: 240h%s}
`

// see makes the site see the remote in the given state.
func (s *e2eSite) see(state string) { s.configure(state, "") }

// configure is see, with the rest of what redirects say.
func (s *e2eSite) configure(state, rest string) {
	s.t.Helper()
	text := fmt.Sprintf(e2eConfig, s.bucketURL, s.public, s.remote.URL, s.name, state, rest)
	must(s.t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(text), 0o666))
}

// env is a world in which it is now, for the bucket too; at no time it is
// whatever the real clocks say.
func (s *e2eSite) env(now layout.Stamp, stdout, stderr io.Writer) *env {
	e := systemEnv()
	e.Stdout, e.Stderr, e.IsTerminal = stdout, stderr, false
	if now != "" {
		e.Now = now.Time
		e.WrapStore = func(inner publish.Store) publish.Store { return e2eClock{inner, now.Time()} }
	}
	return e
}

// run runs the program in-process and returns what it printed.
func (s *e2eSite) run(now layout.Stamp, args ...string) string {
	s.t.Helper()
	code, out, said := s.try(now, args...)
	if code != exitDone {
		s.t.Fatalf("%v: exit code %d: %s", args, code, said)
	}
	return out
}

// try is run for what may fail.
func (s *e2eSite) try(now layout.Stamp, args ...string) (code int, out, said string) {
	var stdout, stderr bytes.Buffer
	words := append([]string{"datestone", "--config", filepath.Join(s.dir, "datestone.yaml")}, args...)
	code = run(s.t.Context(), words, s.env(now, &stdout, &lockedWriter{new(sync.Mutex), &stderr}))
	return code, stdout.String(), stderr.String()
}

// open opens the bucket as the program does.
func (s *e2eSite) open() publish.Store {
	s.t.Helper()
	b, err := parseBucket(s.bucketURL, s.dir)
	must(s.t, err)
	store, err := driver(s.t.Context(), b, 0)
	must(s.t, err)
	if c, ok := store.(io.Closer); ok {
		s.t.Cleanup(func() { c.Close() })
	}
	return store
}

func e2eClient(t testing.TB, server servers.Server) *minio.Client {
	t.Helper()
	c, err := minio.New(server.Host(), &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: "us-east-1"})
	must(t, err)
	return c
}

// plainGet asks the server itself for an object, wants the body, and returns
// the header.
func (s *e2eSite) plainGet(key, want string) http.Header {
	s.t.Helper()
	name := strings.TrimPrefix(s.prefix+"/"+key, "/")
	u, err := e2eClient(s.t, s.server).PresignedGetObject(s.t.Context(), s.bucket, name, time.Minute, nil)
	must(s.t, err)
	res, body := e2eGet(s.t, e2ePlain, u.String())
	if res.StatusCode != http.StatusOK || body != want {
		s.t.Errorf("%s: the server says %s %.100q, want %.100q", key, res.Status, body, want)
	}
	return res.Header
}

// e2ePlain unpacks nothing, so that a Content-Encoding shows.
var e2ePlain = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}

// An e2eClock is a store in whose world it is now: IDs of tests lie in the
// past, and one far from the bucket's clock is refused.
type e2eClock struct {
	publish.Store
	now time.Time
}

func (c e2eClock) Now(context.Context) (time.Time, error) { return c.now, nil }

func (c e2eClock) Link(ctx context.Context, from string, to layout.Object) error {
	return c.Store.(publish.Linker).Link(ctx, from, to)
}

func (c e2eClock) Delete(ctx context.Context, keys ...string) error {
	return c.Store.(publish.Deleter).Delete(ctx, keys...)
}

func (c e2eClock) Sync(ctx context.Context) error {
	if s, ok := c.Store.(publish.Syncer); ok {
		return s.Sync(ctx)
	}
	return nil
}

// An e2eRemote is a web server with several states of one repository; a header
// says which of them a site sees.
type e2eRemote struct {
	*httptest.Server
	states map[string]content
	// hold is called before a file is answered, the manifest aside.
	hold func(site, path string)

	mu    sync.Mutex
	asked map[string]*requestList
}

func newE2ERemote(t testing.TB) *e2eRemote {
	t.Helper()
	r := &e2eRemote{states: map[string]content{}, asked: map[string]*requestList{}, hold: func(string, string) {}}
	for _, state := range []string{"one", "two", "three"} {
		r.states[state] = e2eState(t, state)
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// e2eState is a state of testdata/repos, with names that have to be escaped
// here or there.
func e2eState(t testing.TB, state string) content {
	t.Helper()
	c := content{
		"g++_12+b1~rc1_amd64.deb": "deb", "a:b=c&d;e@f.txt": "colon", "with space.rpm": "space", "é/ü~%41#?'\".xz": "utf-8",
		"sub/deep/er/100%": "percent", "sub/index.html": "its own",
	}
	root := filepath.Join("..", "..", "testdata", "repos", "file", state)
	files, err := readTree(root)
	must(t, err)
	maps.Copy(c, files)
	delete(c, "PULP_MANIFEST")
	return c
}

func (r *e2eRemote) requests(site string) *requestList {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked[site] == nil {
		r.asked[site] = new(requestList)
	}
	return r.asked[site]
}

func (r *e2eRemote) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	at := strings.LastIndexByte(q.Header.Get("X-State"), '/')
	if at < 0 {
		http.NotFound(w, q)
		return
	}
	site, state := q.Header.Get("X-State")[:at], q.Header.Get("X-State")[at+1:]
	r.requests(site).add(q.Method + " " + q.RequestURI)
	if q.URL.Path != "/PULP_MANIFEST" {
		r.hold(site, q.URL.Path)
	}
	r.states[state].serve(w, q)
}
