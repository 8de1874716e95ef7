package redirects_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

func manyTables() []layout.Table {
	rng := rand.New(rand.NewPCG(9, 10))
	tables := []layout.Table{
		randomTable(rng, "one", 1), randomTable(rng, "deep/two", 2), randomTable(rng, "a.b", 50), randomTable(rng, "many", 1000),
		randomTable(rng, "rw", 50), randomTable(rng, "near", 200),
	}
	tables[2].PublicPath = "/pub/"
	tables[4].Answer, tables[4].PublicPath = layout.AnswerRewrite, "/pub/"
	tables[5].Pruned, tables[5].Answer = layout.PrunedNearest, layout.AnswerRewrite
	return append(tables, table("none"))
}

// randomTargets are requests for tables: moments near their boundaries in
// every form, segments that only look like one, channels, rests that an edge
// must not touch.
func randomTargets(rng *rand.Rand, tables []layout.Table, n int) []string {
	rests := []string{"", "/", "/x", "/dir/", "/a/b/c.deb", "/g%2B%2B_12~rc1.deb", "/a%2Fb", "/a%3Fb", "/a%2541", "/%C3%A9%20x", "//x", "/x//y/", "/+a+", "/index.html", "/a/./b", "/..x", "/20240101T000000Z/x"}
	queries := []string{"", "", "", "?", "?a=1&b=%20", "?/x", "?a?b", "?%2F..%2F"}
	pick := func(s []string) string { return s[rng.IntN(len(s))] }
	var out []string
	for range n {
		t := tables[rng.IntN(len(tables))]
		m := "20240615T120000Z"
		if len(t.Checkpoints) > 0 {
			m = string(momentNear(rng, t))
		}
		segment := m
		switch rng.IntN(12) {
		case 0, 1:
			segment = m[:8]
		case 2:
			segment = pick([]string{"latest", "now", "prod", "frozen", "Prod", "LATEST", "prodx", "%6eow", "canary", ""})
		case 3:
			segment = pick([]string{strings.ToLower(m), m + "x", "x" + m, m[:15], m[:10], "%3" + m[:1] + m[1:], m[:4] + "-" + m[4:6] + "-" + m[6:8], "checkpoints.json"})
		case 4:
			segment = fmt.Sprintf("%04d%02d%02dT%02d%02d%02dZ", rng.IntN(9999), rng.IntN(14), rng.IntN(33), rng.IntN(26), rng.IntN(62), rng.IntN(62))
		case 5:
			segment = fmt.Sprintf("20%02d%02d%02d", 22+rng.IntN(5), rng.IntN(14), 27+rng.IntN(6))
		}
		out = append(out, t.PublicPath+t.BasePath+"/"+segment+pick(rests)+pick(queries))
	}
	for _, t := range tables {
		b := t.PublicPath + t.BasePath
		out = append(out, b, b+"?x", b+"/", b+"/?x", b+"x/20240101/", b+"/latest/../x", b+"/x/%2e%2E/y", t.PublicPath+".datestone/x", t.PublicPath+".datestone", t.PublicPath+"%2edatestone/x", t.PublicPath)
	}
	return out
}

func TestNginxRulesShowTheDocumentedLocations(t *testing.T) {
	t.Parallel()
	rules, err := redirects.Render("nginx", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"a site in a directory", "a site in a directory, below a public path", "a site in a bucket"} {
		for l := range strings.Lines(enginetest.Block(t, "nginx", title)) {
			if !strings.Contains(string(rules[1].Body), "#   "+l) {
				t.Errorf("%s: %s lacks %q", title, rules[1].Name, l)
			}
		}
	}
}

// keyOf is what a store is asked for when path is served.
func keyOf(path string, tables []layout.Table) string {
	for _, public := range []string{"/mirror", "/pub"} {
		for _, t := range tables {
			if inside, ok := strings.CutPrefix(path, public+"/"); ok && t.PublicPath == public+"/" {
				path = "/" + inside
			}
		}
	}
	if strings.HasSuffix(path, "/") {
		path += "index.html"
	}
	return path
}

func vectorPaths(v vectors) (paths []string) {
	for _, c := range v.Cases {
		paths = append(paths, c.Path)
	}
	return paths
}

func TestNginxInFrontOfADirectory(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	many := manyTables()
	rng := rand.New(rand.NewPCG(13, 14))
	for _, c := range []struct {
		name    string
		tables  []layout.Table
		targets []string
	}{
		{"vectors", v.Tables, append(vectorPaths(v), randomTargets(rng, v.Tables[:2], 500)...)},
		{"random", many, append(randomTargets(rng, many, 20000), "/many/log/", "/many/log/1.json", "/many/log")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			writeSite(t, root, c.tables)
			e := startNginx(t, c.tables, enginetest.Place{Dir: root, Public: []string{"/mirror/", "/pub/"}})
			agree := agreement{oracle: redirects.New(c.tables), clock: false}
			e.Ask(t, c.targets, func(a enginetest.Answer) {
				if serves := agree.check(t, a); serves != "" {
					checkFile(t, root, keyOf(serves, c.tables), a.Target, a.Status, a.Header, a.Body)
				}
			})
		})
	}
}

// writeSite puts a few files into each checkpoint, their text being their key.
func writeSite(t *testing.T, root string, tables []layout.Table) {
	t.Helper()
	put := func(key string) { enginetest.Write(t, filepath.Join(root, filepath.FromSlash(key)), key) }
	put(".datestone/x")
	put("index.html")
	put("many/log/1.json")
	for _, tab := range tables {
		put(layout.ListingKey(tab.BasePath))
		put(layout.TableKey(tab.BasePath))
		for i, c := range tab.Checkpoints {
			if i > 60 {
				break
			}
			for _, f := range []string{"index.html", "x", "dir/index.html", "g++_12~rc1.deb", "a?b", "a%41", "é x", "+a+"} {
				put(layout.Key(tab.BasePath, c.ID, f))
			}
		}
	}
}

// checkFile holds the answer against the file. nginx reads a path decoded and
// with slashes merged, so that a%2Fb is a/b here, and /a//b is /a/b: the
// directory has no other names for them.
func checkFile(t *testing.T, root, key, target string, status int, h http.Header, body string) {
	t.Helper()
	plain := decoded(key)
	info, err := os.Stat(filepath.Join(root, filepath.FromSlash(plain)))
	want := 200
	switch {
	case err != nil: // a directory without a page among them, where nginx alone says 403
		want = 404
	case info.IsDir():
		want = 301
	}
	if status != want {
		t.Errorf("%s: status %d, want %d", target, status, want)
		return
	}
	if got, want := h.Values("Cache-Control"), fileCache(key, target, want); !slices.Equal(got, want) {
		t.Errorf("%s: Cache-Control %q, want %q", target, got, want)
	}
	if want == 200 && body != "" && body != strings.TrimPrefix(filepath.ToSlash(filepath.Clean(plain)), "/") {
		t.Errorf("%s: got %q, want %q", target, body, plain)
	}
}

// fileCache is the Cache-Control of the file key, asked for as target. It is
// that of the objects in a bucket (layout.HeaderFor), a rewritten answer's that
// of the redirect it stands for.
func fileCache(key, target string, status int) []string {
	asked, _, _ := strings.Cut(target, "?")
	switch checkpoint := checkpointKey.FindString(key); {
	case status == 404:
		return []string{"no-cache"}
	case checkpoint != "" && !strings.Contains(asked, checkpoint):
		return []string{"public, max-age=86400"}
	case checkpoint != "" || strings.Contains(key, "/log/"):
		return []string{"public, max-age=31536000, immutable"}
	}
	return []string{"public, max-age=60"}
}

var checkpointKey = regexp.MustCompile(`/[0-9]{8}T[0-9]{6}Z/`)

func decoded(path string) string {
	u, err := http.NewRequest("GET", "http://x"+path, nil)
	if err != nil {
		return path
	}
	return u.URL.Path
}

func TestNginxRewriteStaysBelowTheRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	enginetest.Write(t, filepath.Join(dir, "secret"), "secret")
	tab := table("r", "20250101T000000Z")
	tab.FinalUntil, tab.Answer = "20250201T000000Z", layout.AnswerRewrite
	root := filepath.Join(dir, "site")
	writeSite(t, root, []layout.Table{tab})
	e := startNginxWith(t, []layout.Table{tab}, "root "+root+";")
	targets := []string{"/r/20250102/../../../secret", "/r/20250102/%2e%2e/%2e%2e/%2e%2e/secret", "/r/20250102/..%2f..%2f..%2fsecret", "/x/../.datestone/x", "/r/..//%2e/.datestone/x"}
	ask(t, e, targets, func(target string, status int, _ http.Header, body string) {
		if status != 404 && status != 400 || body == "secret" {
			t.Errorf("%s: %d %s", target, status, body)
		}
	})
}

func TestNginxReadsTheAbsoluteForm(t *testing.T) {
	t.Parallel()
	tab := table("r", "20250101T000000Z")
	e := startNginxWith(t, []layout.Table{tab}, "root "+t.TempDir()+";")
	ask(t, e, []string{"http://example.org/r/20250102/x?y"}, func(target string, status int, h http.Header, _ string) {
		if got := h.Get("Location"); status != 302 || got != "/r/20250101T000000Z/x?y" {
			t.Errorf("%s: %d %s", target, status, got)
		}
	})
}
