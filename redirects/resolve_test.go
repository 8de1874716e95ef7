package redirects_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"

	"github.com/google/go-cmp/cmp"
)

type vectors struct {
	Now    layout.Stamp
	Tables []layout.Table
	Cases  []vectorCase
}

type vectorCase struct {
	Path    string
	Clock   vectorAnswer
	NoClock vectorAnswer `json:"no_clock"`
}

type vectorAnswer struct {
	Status   int
	Location string
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile("../testdata/vectors/resolve.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 80 {
		t.Fatalf("%d vectors", len(v.Cases))
	}
	return v
}

func TestResolveVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, c := range v.Cases {
		for _, side := range []struct {
			name string
			now  layout.Stamp
			want vectorAnswer
		}{{"clock", v.Now, c.Clock}, {"no clock", "", c.NoClock}} {
			a := redirects.Resolve(v.Tables, c.Path, side.now)
			if got := (vectorAnswer{a.Status, a.Location}); got != side.want {
				t.Errorf("%s, %s: got %+v, want %+v", c.Path, side.name, got, side.want)
			}
			if path, _, _ := strings.Cut(c.Path, "?"); a.Status == 200 && a.Serves != path {
				t.Errorf("%s, %s: serves %s", c.Path, side.name, a.Serves)
			}
			cache := map[int]string{200: "", 301: "public, max-age=86400", 302: "no-cache", 404: "no-cache"}[a.Status]
			if a.CacheControl != cache {
				t.Errorf("%s, %s: Cache-Control %q, want %q", c.Path, side.name, a.CacheControl, cache)
			}
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	deb := table("debian", "20250101T000000Z", "20250301T120000Z")
	deb.FinalUntil = "20250401T000000Z"
	deb.Channels = map[string]layout.Stamp{"prod": "20250101T000000Z", "lost": "20240101T000000Z"}
	rewrite := deb
	rewrite.BasePath, rewrite.Answer = "rw", layout.AnswerRewrite
	untouched := table("new", "20250101T000000Z")
	pruned := table("pruned", "20250101T000000Z", "20250301T120000Z")
	pruned.FinalUntil = "20250401T000000Z"
	pruned.Gone = []layout.Span{{From: "20250301T110000Z", Until: "20250301T130000Z"}, {From: "20250201T000000Z", Until: "20250301T115959Z"}}
	tables := []layout.Table{deb, rewrite, untouched, pruned}
	const day = "public, max-age=86400"
	for _, c := range []struct{ name, target, want string }{
		{"another path is the store's", "/debian-security/20250102T000000Z/x", "200 /debian-security/20250102T000000Z/x"},
		{"the query does not reach the store", "/debian/20250101T000000Z/x?versions", "200 /debian/20250101T000000Z/x"},
		{"slash keeps the query", "/debian?a=/b?c", "301 /debian/?a=/b?c " + day},
		{"slash of a checkpoint keeps the query", "/debian/20250101T000000Z?", "301 /debian/20250101T000000Z/? " + day},
		{"slash and time in one hop, query kept", "/debian/20250102?x", "301 /debian/20250101T000000Z/?x " + day},
		{"a day whose midnight is a checkpoint", "/debian/20250101/x", "301 /debian/20250101T000000Z/x " + day},
		{"question mark without query", "/debian/20250102T000000Z/x?", "301 /debian/20250101T000000Z/x? " + day},
		{"a channel whose checkpoint is no more", "/debian/lost/x", "404 no-cache"},
		{"a channel keeps rest and query", "/debian/prod//x%2F?y", "302 /debian/20250101T000000Z//x%2F?y no-cache"},
		{"an escaped channel is the store's", "/debian/%6eow/x", "200 /debian/%6eow/x"},
		{"nothing is final before the first seen", "/new/20250102T000000Z/x", "302 /new/20250101T000000Z/x no-cache"},
		{"rewrite serves the checkpoint", "/rw/20250102T000000Z/a%2Bb?q", "200 /rw/20250101T000000Z/a%2Bb"},
		{"rewrite serves a directory", "/rw/20250102/", "200 /rw/20250101T000000Z/"},
		{"rewrite without slash redirects", "/rw/20250102", "301 /rw/20250101T000000Z/ " + day},
		{"rewrite leaves what is provisional", "/rw/20250402/x", "302 /rw/20250301T120000Z/x no-cache"},
		{"a checkpoint in a gone span stands", "/pruned/20250301T120000Z/x", "200 /pruned/20250301T120000Z/x"},
		{"after it the span goes on", "/pruned/20250301T120001Z/x", "404 no-cache"},
		{"gone spans need no order", "/pruned/20250215/x", "404 no-cache"},
		{"after the span", "/pruned/20250301T130001Z/x", "301 /pruned/20250301T120000Z/x " + day},
		{"a dot segment is no key's", "/debian/20250101T000000Z/../x", "404 no-cache"},
		{"an escaped dot segment is no key's", "/debian/20250101T000000Z/a%2f%2E./x", "404 no-cache"},
		{"a rewritten dot segment is no key's", "/rw/20250102/../x", "404 no-cache"},
		{"two dots in a name are a name", "/debian/20250101T000000Z/a..b", "200 /debian/20250101T000000Z/a..b"},
		{"what is datestone's own", "/.datestone/locks/debian.json", "404 no-cache"},
		{"what is datestone's own, escaped", "//%2edatestone", "404 no-cache"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := line(redirects.Resolve(tables, c.target, "")); got != c.want {
				t.Errorf("%s: got %s, want %s", c.target, got, c.want)
			}
		})
	}
}

func line(a redirects.Answer) string {
	return strings.Join(strings.Fields(fmt.Sprint(a.Status, " ", a.Location, " ", a.Serves, " ", a.CacheControl)), " ")
}

func table(base string, ids ...layout.Stamp) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: strings.ReplaceAll(base, "/", "-"), BasePath: base, PublicPath: "/"})
	for _, id := range ids {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id})
	}
	return t
}

func TestA301NeverComesToMeanAnotherCheckpoint(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	old := randomTable(rng, "r", 40)
	newer := old
	newer.Checkpoints = append([]layout.Checkpoint(nil), old.Checkpoints...)
	for range 20 {
		id := layout.StampOf(max(newer.FinalUntil, newer.Newest()).Time().Add(time.Duration(1+rng.IntN(1e6)) * time.Second))
		if rng.IntN(2) == 0 {
			newer.Checkpoints = append(newer.Checkpoints, layout.Checkpoint{ID: id})
		}
		newer.FinalUntil = id
		before, after := redirects.New([]layout.Table{old}), redirects.New([]layout.Table{newer})
		for range 500 {
			target := "/r/" + string(momentNear(rng, newer)) + "/x"
			a, b := before.Resolve(target, ""), after.Resolve(target, "")
			if a.Status == 301 && a != b {
				t.Fatalf("%s was %+v and is %+v", target, a, b)
			}
		}
		old = newer
		old.Checkpoints = append([]layout.Checkpoint(nil), newer.Checkpoints...)
	}
}

func ExampleResolve() {
	deb := table("debian", "20250318T140338Z", "20250318T140442Z")
	deb.FinalUntil = "20250318T150000Z"
	for _, target := range []string{
		"/debian/20250318T140340Z/dists/x?y=1", "/debian/20250320/", "/debian/latest", "/debian/20250318T140338Z/a", "/debian/20250101/",
	} {
		a := redirects.Resolve([]layout.Table{deb}, target, "20250401T000000Z")
		fmt.Println(target, a.Status, a.Location+a.Serves)
	}
	// Output:
	// /debian/20250318T140340Z/dists/x?y=1 301 /debian/20250318T140338Z/dists/x?y=1
	// /debian/20250320/ 302 /debian/20250318T140442Z/
	// /debian/latest 302 /debian/20250318T140442Z/
	// /debian/20250318T140338Z/a 200 /debian/20250318T140338Z/a
	// /debian/20250101/ 404
}

func FuzzResolve(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Cases {
		f.Add(c.Path)
	}
	f.Add("/debian?")
	r := redirects.New(v.Tables)
	f.Fuzz(func(t *testing.T, target string) {
		a := r.Resolve(target, v.Now)
		path, query, asked := strings.Cut(target, "?")
		if asked {
			query = "?" + query
		}
		switch a.Status {
		case 200:
			if a.Serves != path || a.Location != "" {
				t.Errorf("%q: %+v", target, a)
			}
		case 301, 302:
			checkLocation(t, v.Tables, path, query, a)
		case 404:
			if cmp.Diff(a, redirects.Answer{Status: 404, CacheControl: "no-cache"}) != "" {
				t.Errorf("%q: %+v", target, a)
			}
		default:
			t.Errorf("%q: %+v", target, a)
		}
	})
}

// checkLocation: a base, at most one segment, and the rest as sent.
func checkLocation(t *testing.T, tables []layout.Table, path, query string, a redirects.Answer) {
	t.Helper()
	for _, table := range tables {
		base := table.PublicPath + table.BasePath
		if path == base && a.Location == base+"/"+query {
			return
		}
		inside, ok := strings.CutPrefix(path, base+"/")
		if !ok {
			continue
		}
		_, rest, _ := strings.Cut(inside, "/")
		to, ok := strings.CutPrefix(a.Location, base+"/")
		if !ok || !strings.HasSuffix(to, "/"+rest+query) {
			break
		}
		if id := strings.TrimSuffix(to, "/"+rest+query); redirectable(table, id) {
			return
		}
	}
	t.Errorf("%q leads to %q", path+query, a.Location)
}

func redirectable(t layout.Table, id string) bool {
	_, ok := t.Find(layout.Stamp(id))
	return ok
}
