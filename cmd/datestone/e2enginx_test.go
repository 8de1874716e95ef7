package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// TestNginxAnswersAsResolve holds a real nginx, in front of a real MinIO and
// of a real directory, against the oracle: all vectors and many random
// requests.
func TestNginxAnswersAsResolve(t *testing.T) {
	t.Parallel()
	tables, targets := e2eVectors(t)
	targets = append(targets, e2eTargets(rand.New(rand.NewPCG(21, 22)), tables, 20000)...)
	oracle := redirects.New(tables)
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, nil, "", "/")
			store := s.open()
			e2eFill(t, store, tables)
			dir := t.TempDir()
			rules, err := redirects.Render("nginx", tables)
			must(t, err)
			_, err = writeRules(dir, rules)
			must(t, err)
			statuses := map[int]int{}
			for _, got := range askAll(t, enginetest.Nginx(t, dir, s.place()), targets) {
				statuses[got.Status]++
				s.checkEdge(store, oracle.Resolve(got.Target, ""), got)
			}
			for _, status := range []int{200, 301, 302, 404} {
				if statuses[status] < len(targets)/100 {
					t.Errorf("only %d of %d answers are %d", statuses[status], len(targets), status)
				}
			}
		})
	}
}

// askAll returns the answers of an engine, in any order.
func askAll(t *testing.T, e enginetest.Engine, targets []string) []enginetest.Answer {
	t.Helper()
	var mu sync.Mutex
	var answers []enginetest.Answer
	e.Ask(t, targets, func(a enginetest.Answer) {
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, a)
	})
	return answers
}

// checkEdge holds one answer of nginx against the oracle's, or what the store
// has where the oracle hands the request to it.
func (s *e2eSite) checkEdge(store publish.Store, want redirects.Answer, got enginetest.Answer) {
	s.t.Helper()
	location, gotCache := got.Header.Get("Location"), got.Header.Get("Cache-Control")
	if want.Status != http.StatusOK {
		if got.Status != want.Status || location != want.Location || gotCache != want.CacheControl {
			s.t.Errorf("%s: nginx answers %d %q %q, want %+v", got.Target, got.Status, location, gotCache, want)
		}
		return
	}
	status, body, cache := s.stands(store, want.Serves)
	if s.kind.server == nil && status != http.StatusNotFound && !e2eSpelledOut(want.Serves) {
		cache = e2eCache("") // in a directory names have many spellings; only one is known for immutable
	}
	if got.Status != status || got.Method == http.MethodGet && status == http.StatusOK && got.Body != body || gotCache != cache {
		s.t.Errorf("%s: nginx answers %d %.80q %q, but in the store there is %d %q %q", got.Target, got.Status, got.Body, gotCache, status, body, cache)
	}
}

// stands says how an edge answers a path that is handed to the store.
func (s *e2eSite) stands(store publish.Store, served string) (status int, body, cache string) {
	if inside, ok := strings.CutPrefix(served, "/mirror/"); ok {
		served = "/" + inside
	}
	key, err := url.PathUnescape(strings.TrimPrefix(served, "/"))
	must(s.t, err)
	if key == "" || strings.HasSuffix(key, "/") {
		key += "index.html"
	}
	if s.kind.server == nil { // nginx reads the names of files with slashes merged
		key = strings.TrimPrefix(path.Clean("/"+key), "/")
		if info, err := os.Stat(filepath.Join(s.dir, "site", filepath.FromSlash(key))); err == nil && info.IsDir() {
			return http.StatusMovedPermanently, "", e2eCache(key)
		}
	}
	if _, err := layout.CleanPath(key); err != nil {
		return http.StatusNotFound, "", "no-cache"
	}
	if _, err = store.Stat(s.t.Context(), key); errors.Is(err, fs.ErrNotExist) {
		return http.StatusNotFound, "", "no-cache"
	}
	must(s.t, err)
	return http.StatusOK, key, e2eCache(key)
}

var e2eInside = regexp.MustCompile(`^(/mirror)?/(checkpoints/myfile|y|n|empty)/[0-9]{8}T[0-9]{6}Z(/|$)`)

func e2eSpelledOut(served string) bool { return e2eInside.MatchString(served) }

func e2eCache(key string) string { return layout.HeaderFor(e2eVectorRole(key), key).CacheControl }

// e2eVectorRole: a file that stands below a moment is a checkpoint's.
func e2eVectorRole(key string) layout.Role {
	for segment := range strings.SplitSeq(path.Dir(key), "/") {
		if layout.HasMomentForm(segment) {
			return layout.Content
		}
	}
	if layout.HasMomentForm(path.Base(key)) {
		return layout.Content
	}
	return layout.Listing
}

// e2eVectors are the tables of the vectors, and their requests.
func e2eVectors(t testing.TB) (tables []layout.Table, targets []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "resolve.json"))
	must(t, err)
	var v struct {
		Tables []layout.Table
		Cases  []struct {
			Path    string
			NoClock struct {
				Status   int
				Location string
			} `json:"no_clock"`
		}
	}
	must(t, json.Unmarshal(b, &v))
	for _, c := range v.Cases {
		if a := redirects.Resolve(v.Tables, c.Path, ""); a.Status != c.NoClock.Status || a.Location != c.NoClock.Location {
			t.Errorf("%s: resolve says %+v, want %+v", c.Path, a, c.NoClock)
		}
		targets = append(targets, c.Path)
	}
	return v.Tables, targets
}

// e2eFill puts a few files into each checkpoint of the tables, their text
// being their key.
func e2eFill(t testing.TB, store publish.Store, tables []layout.Table) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	put := func(key string) {
		g.Go(func() error {
			page := layout.NewPage(e2eVectorRole(key), key, []byte(key), 0)
			_, err := store.Put(t.Context(), publish.Bytes(page.Object, page.Body))
			return err
		})
	}
	put("index.html")
	put(layout.PrivatePrefix + "x")
	for _, table := range tables {
		put(layout.ListingKey(table.BasePath))
		put(layout.TableKey(table.BasePath))
		for _, c := range table.Checkpoints {
			for _, name := range []string{"index.html", "x", "dir/index.html", "g++_12~rc1.deb", "a?b", "a%41", "é x", "+a+", "a/b"} {
				put(layout.Key(table.BasePath, c.ID, name))
			}
		}
	}
	must(t, g.Wait())
}

// e2eTargets are random requests for tables: moments at and beside every
// boundary, channels, what only looks like a moment; rests and queries that an
// edge must not touch.
func e2eTargets(rng *rand.Rand, tables []layout.Table, n int) []string {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	var out []string
	for range n {
		table := tables[rng.IntN(len(tables))]
		m := string(e2eMoment(rng, table))
		switch rng.IntN(10) {
		case 0:
			m = m[:8]
		case 1:
			m = pick("latest", "now", "prod", "frozen", "canary", "Prod", "prodx", "%6eow", "")
		case 2:
			m = pick(strings.ToLower(m), m+"x", "x"+m, m[:15], "%3"+m[:1]+m[1:], "checkpoints.json", "missing")
		case 3:
			m = fmt.Sprintf("20%02d%02d%02dT%02d%02d%02dZ", rng.IntN(30), rng.IntN(14), rng.IntN(33), rng.IntN(26), rng.IntN(62), rng.IntN(62))
		}
		rest := pick("", "/", "/x", "/dir/", "/missing", "/g%2B%2B_12~rc1.deb", "/a%2Fb", "/a%3Fb", "/a%2541", "/%C3%A9%20x", "/+a+", "/%2Ba%2B", "/a/./b", "/..x", "/20240229T000000Z/x", "/x/y", "/a%20b%25", "//x", "/x//")
		out = append(out, table.PublicPath+table.BasePath+"/"+m+rest+pick("", "", "", "?", "?a=1&b=%20", "?/x", "?a?b", "?versions"))
	}
	return out
}

// e2eMoment is a moment near something that a table has.
func e2eMoment(rng *rand.Rand, table layout.Table) layout.Stamp {
	edges := []layout.Stamp{"20250101T000000Z", table.FinalFrom, table.FinalUntil}
	for _, c := range table.Checkpoints {
		edges = append(edges, c.ID, c.ID)
	}
	for _, g := range table.Gone {
		edges = append(edges, g.From, g.Until)
	}
	edge := edges[rng.IntN(len(edges))]
	if edge == "" {
		edge = edges[0]
	}
	far := []time.Duration{0, 0, time.Second, -time.Second, time.Minute, 24 * time.Hour, time.Duration(rng.IntN(400*24)-200*24) * time.Hour}
	return layout.StampOf(edge.Time().Add(far[rng.IntN(len(far))]))
}

// place is where the site stands, for an edge; a bucket lets anyone read.
func (s *e2eSite) place() enginetest.Place {
	s.t.Helper()
	if s.kind.server == nil {
		return enginetest.Place{Dir: filepath.ToSlash(filepath.Join(s.dir, "site")), Public: []string{"/mirror/"}}
	}
	s.allow("s3:GetObject")
	return enginetest.Place{Bucket: s.server.Endpoint + "/" + s.bucket}
}

// allow lets anyone do this in the bucket.
func (s *e2eSite) allow(actions ...string) {
	s.t.Helper()
	words, err := json.Marshal(actions)
	must(s.t, err)
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":%s,"Resource":["arn:aws:s3:::%[2]s","arn:aws:s3:::%[2]s/*"]}]}`, words, s.bucket)
	must(s.t, e2eClient(s.t, s.server).SetBucketPolicy(s.t.Context(), s.bucket, policy))
}
