//go:build unix

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
)

// A chaosRepo is one repository of every story.
type chaosRepo struct{ name, base, mode string }

var chaosRepos = []chaosRepo{
	{"mirror", "checkpoints/mirror", "mirror"},
	{"added", "checkpoints/added", "additive"},
	{"deep", "a/b.c/deep", "mirror"},
}

// A chaosRemote is a web server whose repositories change.
type chaosRemote struct {
	*httptest.Server
	rng *rand.Rand

	mu   sync.Mutex
	now  map[string]content
	were map[layout.Digest]bool // all manifests that there ever were
	made int
}

func newChaosRemote(t *testing.T, rng *rand.Rand) *chaosRemote {
	r := &chaosRemote{rng: rng, now: map[string]content{}, were: map[layout.Digest]bool{}}
	for _, repo := range chaosRepos {
		r.now[repo.name] = content{}
		for range 5 {
			r.change(repo.name)
		}
	}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *chaosRemote) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	repo, path, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	r.mu.Lock()
	c := r.now[repo]
	r.mu.Unlock()
	q.URL.Path = "/" + path
	c.serve(w, q)
}

// had reports whether a manifest of that digest ever was.
func (r *chaosRemote) had(manifest layout.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.were[manifest]
}

// move changes the repositories now and then.
func (r *chaosRemote) move(until time.Time) {
	for time.Now().Before(until) {
		r.change(oneOfThem(r.rng, chaosRepos).name)
		time.Sleep(between(r.rng, 20*time.Millisecond, 500*time.Millisecond))
	}
}

// change makes one to three changes of a repository, which are seen at once.
func (r *chaosRemote) change(repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := maps.Clone(r.now[repo])
	for range 1 + r.rng.IntN(3) {
		r.mutate(c)
	}
	r.now[repo] = c
	r.were[layout.DigestOf([]byte(c.manifest()))] = true
}

func (r *chaosRemote) mutate(c content) {
	r.made++
	paths := sortedKeys(c)
	if n := r.rng.IntN(10); len(paths) > 3 && (n < 3 || len(paths) > 25) {
		delete(c, oneOfThem(r.rng, paths))
		return
	} else if len(paths) > 3 && n < 5 {
		c[oneOfThem(r.rng, paths)] = r.body()
		return
	} else if len(paths) > 3 && n == 5 {
		c[r.path()] = c[oneOfThem(r.rng, paths)]
		return
	}
	c[r.path()] = r.body()
}

func (r *chaosRemote) path() string {
	dir := oneOfThem(r.rng, []string{"", "dir/", "dir/sub/", "pool/l/libé+~/"})
	return fmt.Sprintf("%sfile %d.deb", dir, r.made)
}

// chaosBodies are there again and again.
var chaosBodies = []string{"known", "also known", "known, and never redacted"}

// body returns new content, or, now and then, content that there may have been.
func (r *chaosRemote) body() string {
	if chance(r.rng, 10) {
		return oneOfThem(r.rng, chaosBodies)
	}
	size := oneOfThem(r.rng, []int{0, 10, 1000, 30_000, 300_000})
	return fmt.Sprint(r.made, " ") + strings.Repeat("x", size)
}
