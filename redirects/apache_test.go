package redirects_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// startApache runs Apache with the rules for tables, a block of the
// documentation in its virtual host, and the environment variable TZ.
func startApache(t testing.TB, tables []layout.Table, block, tz string) enginetest.Engine {
	t.Helper()
	return enginetest.ApacheWith(t, rendered(t, "apache", tables), block, tz)
}

// apacheBucket is the documented block for the bucket of a store at origin.
func apacheBucket(t testing.TB, origin string) string {
	t.Helper()
	return enginetest.ApacheBlock(t, enginetest.Place{Bucket: origin + "/bucket"})
}

// apacheDirectory is the documented block for a directory.
func apacheDirectory(t testing.TB, root string, public ...string) string {
	t.Helper()
	return enginetest.ApacheBlock(t, enginetest.Place{Dir: root, Public: public})
}

func TestApacheWithoutUTCIsAnEdgeWithoutClock(t *testing.T) {
	t.Parallel()
	many := manyTables()
	origin := aStore(t)
	agree := agreement{oracle: redirects.New(many)}
	for _, tz := range []string{"", "Europe/Berlin"} {
		e := startApache(t, many, apacheBucket(t, origin.URL), tz)
		e.Ask(t, momentsAround(time.Now(), "/many"), func(a enginetest.Answer) {
			if serves := agree.check(t, a); serves != "" {
				agree.checkStored(t, many, serves, a)
			}
		})
	}
}

func TestApacheInFrontOfADirectory(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	many := manyTables()
	rng := rand.New(rand.NewPCG(43, 44))
	below := []layout.Table{randomTable(rng, "plain", 20), randomTable(rng, "deep/rw", 20)}
	below[1].Answer = layout.AnswerRewrite
	for i := range below {
		below[i].PublicPath = "/mirror/"
	}
	for _, c := range []struct {
		name    string
		tables  []layout.Table
		block   func(root string) string
		targets []string
	}{
		{
			"vectors", v.Tables, func(root string) string { return apacheDirectory(t, root, "/mirror/") },
			append(vectorPaths(v), randomTargets(rng, v.Tables[:2], 500)...),
		},
		{
			"random", many, func(root string) string { return apacheDirectory(t, root, "/pub/") },
			append(randomTargets(rng, many, 20000), "/many/log/", "/many/log/1.json", "/many/log"),
		},
		{
			"below a public path", below, func(root string) string { return enginetest.ApacheBelow(t, root, "/mirror/") },
			randomTargets(rng, below, 2000),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			writeSite(t, root, c.tables)
			e := startApache(t, c.tables, c.block(root), "UTC")
			agree := agreement{oracle: redirects.New(c.tables), clock: true}
			e.Ask(t, c.targets, func(a enginetest.Answer) {
				if serves := agree.check(t, a); serves != "" {
					checkApacheFile(t, root, keyOf(serves, c.tables), a.Target, a.Status, a.Header, a.Body)
				}
			})
		})
	}
}

// checkApacheFile holds the answer against the file. Apache merges slashes,
// but leaves %2F as it is: a%2Fb is no name of a/b.
func checkApacheFile(t *testing.T, root, key, target string, status int, h http.Header, body string) {
	t.Helper()
	plain := decoded(strings.NewReplacer("%2F", "%252F", "%2f", "%252f").Replace(key))
	want, cache := 200, fileCache(key, target, 200)
	switch info, err := os.Stat(filepath.Join(root, filepath.FromSlash(plain))); {
	case err != nil: // a directory without a page among them, where Apache alone says 403
		want, cache = 404, []string{"no-cache"}
	case info.IsDir():
		want, cache = 301, nil
	}
	if status != want {
		t.Errorf("%s: status %d, want %d", target, status, want)
		return
	}
	if got := h.Values("Cache-Control"); !slices.Equal(got, cache) {
		t.Errorf("%s: Cache-Control %q, want %q", target, got, cache)
	}
	location, _, _ := strings.Cut(h.Get("Location"), "?")
	if want == 301 && !(strings.HasPrefix(location, "http://x/") && strings.HasSuffix(location, plain+"/")) {
		t.Errorf("%s: Location %q, want http://x…%s/", target, location, plain)
	}
	if want == 200 && body != "" && body != strings.TrimPrefix(filepath.ToSlash(filepath.Clean(plain)), "/") {
		t.Errorf("%s: got %q, want %q", target, body, plain)
	}
}

func TestApacheServesNothingAboveTheSite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tab := table("r", "20250101T000000Z")
	tab.FinalUntil, tab.Answer = "20250201T000000Z", layout.AnswerRewrite
	root := filepath.Join(dir, "site")
	writeSite(t, root, []layout.Table{tab})
	enginetest.Write(t, filepath.Join(dir, "secret"), "secret")
	e := startApache(t, []layout.Table{tab}, apacheDirectory(t, root), "UTC")
	targets := []string{
		"/r/20250102/../../../secret", "/r/20250102/%2e%2e/%2e%2e/%2e%2e/secret", "/r/20250102/..%2f..%2f..%2fsecret", "/../secret",
		"/x/../.datestone/x", "/r/..//%2e/.datestone/x", "//.datestone/x", "/.datestone/missing", "/r/20250102/%00", "/r/%zz", "/r/20250102/" + strings.Repeat("x", 300),
	}
	missing := func(target string, status int, h http.Header, body string) {
		if status != 404 || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v %s", target, status, h, body)
		}
	}
	ask(t, e, targets, missing)
	tab.PublicPath = "/mirror/"
	e = startApache(t, []layout.Table{tab}, enginetest.ApacheBelow(t, root, "/mirror/"), "UTC")
	ask(t, e, []string{"/mirror/.datestone/x", "//mirror/.datestone/x", "/./mirror//.datestone/x", "/%6dirror/.datestone/x", "/x/..//mirror/.%64atestone/x"}, missing)
}

// TestApacheReadsDirectoriesItsOwnWay holds the deviations that the
// documentation lists.
func TestApacheReadsDirectoriesItsOwnWay(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	tab := table("r", "20250101T000000Z")
	writeSite(t, root, []layout.Table{tab})
	e := startApache(t, []layout.Table{tab}, apacheDirectory(t, root)+"ServerName https://host.example\nUseCanonicalName On\n", "UTC")
	const c = "/r/20250101T000000Z"
	want := map[string]string{ // status and Location
		c + "/dir//index.html":  "200 ",
		c + "/dir%2Findex.html": "404 ",
		c + "/dir?a":            "301 https://host.example" + c + "/dir/?a",
		"/r/20250102/dir":       "302 " + c + "/dir",
	}
	ask(t, e, slices.Sorted(maps.Keys(want)), func(target string, status int, h http.Header, _ string) {
		if got := fmt.Sprint(status, " ", h.Get("Location")); got != want[target] {
			t.Errorf("%s: got %s, want %s", target, got, want[target])
		}
	})
}

// TestApacheRunsNoFile: a name that elsewhere on the server means a script, or
// another handler's file, means nothing in a checkpoint.
func TestApacheRunsNoFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const script = "Status: 500 Oh\n\nfor the handler"
	tab := table("r", "20250101T000000Z")
	targets := []string{"/r/20250101T000000Z/x.asis", "/r/20250101T000000Z/x.data"}
	for _, target := range targets {
		enginetest.Write(t, root+target, script)
	}
	for public, block := range map[string]string{"/": apacheDirectory(t, root), "/mirror/": enginetest.ApacheBelow(t, root, "/mirror/")} {
		tab.PublicPath = public
		e := startApache(t, []layout.Table{tab}, block, "UTC")
		for _, target := range targets {
			ask(t, e, []string{public + target[1:]}, func(target string, status int, _ http.Header, body string) {
				if status != 200 || body != script {
					t.Errorf("%s: %d %q", target, status, body)
				}
			})
		}
	}
}

func TestApacheReadsTheAbsoluteForm(t *testing.T) {
	t.Parallel()
	tab := table("r", "20250101T000000Z")
	e := startApache(t, []layout.Table{tab}, apacheBucket(t, aStore(t).URL), "UTC")
	ask(t, e, []string{"http://example.org/r/20250102/x?y"}, func(target string, status int, h http.Header, _ string) {
		if got := h.Get("Location"); status != 302 || got != "/r/20250101T000000Z/x?y" {
			t.Errorf("%s: %d %s", target, status, got)
		}
	})
	ask(t, e, []string{"http://example.org", "http://example.org?versions"}, func(target string, status int, h http.Header, _ string) {
		if got := h.Get("Asked"); status != 200 || got != "/bucket/index.html" {
			t.Errorf("%s: %d, the store was asked for %q", target, status, got)
		}
	})
}

// TestApacheReloadWaits: when the documented script ends, no process with the
// old rules answers a new connection.
func TestApacheReloadWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tab := randomTable(rand.New(rand.NewPCG(45, 46)), "r", 20000)
	writeRules(t, dir, "apache", []layout.Table{tab})
	e := enginetest.ApacheWith(t, dir, apacheBucket(t, aStore(t).URL), "UTC")
	for _, newest := range []layout.Stamp{"20260101T000001Z", "20260101T000002Z", "20260101T000003Z"} {
		tab.Checkpoints = append(tab.Checkpoints, layout.Checkpoint{ID: newest})
		writeRules(t, dir, "apache", []layout.Table{tab})
		if out, err := exec.Command(e.Reload[0], e.Reload[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("reload: %v: %s", err, out)
		}
		e.Ask(t, []string{"/r/latest/x", "/r/now/x"}, func(a enginetest.Answer) {
			if got, want := a.Header.Get("Location"), "/r/"+string(newest)+"/x"; got != want {
				t.Errorf("%s: %d %s, want %s", a.Target, a.Status, got, want)
			}
		})
	}
}
