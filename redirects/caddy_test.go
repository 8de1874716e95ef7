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

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// startCaddy runs Caddy with the rules for tables, in front of the store at
// origin, or of files.
func startCaddy(t testing.TB, tables []layout.Table, p enginetest.Place) enginetest.Engine {
	t.Helper()
	return enginetest.Caddy(t, rendered(t, "caddy", tables), p)
}

// TestCaddyDeviates asserts the rows of Caddy in the table of deviations of
// docs/serving.md, and that what looks like one of Caddy's placeholders is
// taken for none.
func TestCaddyDeviates(t *testing.T) {
	t.Parallel()
	tab := table("r", "20250101T000000Z")
	tab.PublicPath, tab.Answer, tab.FinalUntil = "/mirror/", layout.AnswerRewrite, "20250201T000000Z"
	e := startCaddy(t, []layout.Table{tab}, enginetest.Place{Bucket: aStore(t).URL + "/bucket"})
	want := map[string]string{
		"/mirror/r/20250102T000000Z/%zz":                      "400  ",
		"/mirror/r/20250101T000000Z/{http.request.host}":      "200  /bucket/r/20250101T000000Z/%7Bhttp.request.host%7D",
		"/mirror/r/20250101T000000Z/a\"^\u00e9":               "200  /bucket/r/20250101T000000Z/a%22%5E%C3%A9",
		"/mirror/r/20250102T000000Z/$1{http.request.host}":    "200  /bucket/r/20250101T000000Z/$1%7Bhttp.request.host%7D",
		"/mirror/r/20250101T000000Z/x?":                       "200  /bucket/r/20250101T000000Z/x?",
		"/.datestone/x":                                       "404  ",
		"/x/../y":                                             "404  ",
		"/mirror/r/20250301/{env.HOME}?{http.request.host}$1": "302 /mirror/r/20250101T000000Z/{env.HOME}?{http.request.host}$1 ",
		"/mirror/r/20250301/a\"^\u00e9":                       "302 /mirror/r/20250101T000000Z/a\"^\u00e9 ",
		"/mirror/r/latest/{$HOME}{{x}}":                       "302 /mirror/r/20250101T000000Z/{$HOME}{{x}} ",
		"http://example.org/mirror/r/20250301/x?y":            "302 /mirror/r/20250101T000000Z/x?y ",
		"/mirror/{http.vars.datestone_cut}/20250301/x":        "200  /bucket/%7Bhttp.vars.datestone_cut%7D/20250301/x",
	}
	ask(t, e, slices.Sorted(maps.Keys(want)), func(target string, status int, h http.Header, _ string) {
		if got := fmt.Sprint(status, " ", h.Get("Location"), " ", h.Get("Asked")); got != want[target] {
			t.Errorf("%s: got %q, want %q", target, got, want[target])
		}
	})
}

func TestCaddyInFrontOfADirectory(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	many := manyTables()
	rng := rand.New(rand.NewPCG(33, 34))
	for _, c := range []struct {
		name    string
		tables  []layout.Table
		public  []string
		targets []string
	}{
		{"vectors", v.Tables, []string{"/mirror/"}, append(vectorPaths(v), randomTargets(rng, v.Tables[:2], 500)...)},
		{"random", many, []string{"/pub/"}, append(randomTargets(rng, many, 5000), "/many/log/", "/many/log/1.json", "/many/log", "//many")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			writeSite(t, root, c.tables)
			e := startCaddy(t, c.tables, enginetest.Place{Dir: root, Public: c.public})
			agree := agreement{oracle: redirects.New(c.tables), clock: true}
			e.Ask(t, c.targets, func(a enginetest.Answer) {
				if serves := agree.check(t, a); serves != "" {
					checkCaddyFile(t, root, keyOf(serves, c.tables), a.Target, a.Status, a.Header, a.Body)
				}
			})
		})
	}
}

// checkCaddyFile holds the answer against the file. Caddy reads a path decoded
// and with slashes merged; a directory without a page is none to it.
func checkCaddyFile(t *testing.T, root, key, target string, status int, h http.Header, body string) {
	t.Helper()
	plain := filepath.Join(root, filepath.FromSlash(decoded(key)))
	if _, err := os.Stat(filepath.Join(plain, "index.html")); err == nil {
		path, query, asked := strings.Cut(target, "?")
		want := "/" + strings.TrimLeft(path, "/") + "/"
		if asked {
			want += "?" + query
		}
		if status != 301 || h.Get("Location") != want {
			t.Errorf("%s: status %d to %q, want 301 to %q", target, status, h.Get("Location"), want)
		}
		return
	}
	want, cache := 404, []string{"no-cache"}
	if info, err := os.Stat(plain); err == nil && info.Mode().IsRegular() {
		want, cache = 200, fileCache(key, target, 200)
	}
	if got := h.Values("Cache-Control"); status != want || !slices.Equal(got, cache) {
		t.Errorf("%s: status %d, Cache-Control %q, want %d, %q", target, status, got, want, cache)
		return
	}
	if key, _ := filepath.Rel(root, plain); want == 200 && body != "" && body != filepath.ToSlash(key) {
		t.Errorf("%s: got %q, want %q", target, body, key)
	}
}

func TestCaddyStaysBelowTheRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	enginetest.Write(t, filepath.Join(dir, "secret"), "secret")
	tab := table("r", "20250101T000000Z")
	tab.FinalUntil, tab.Answer, tab.PublicPath = "20250201T000000Z", layout.AnswerRewrite, "/mirror/"
	root := filepath.Join(dir, "site")
	writeSite(t, root, []layout.Table{tab})
	e := startCaddy(t, []layout.Table{tab}, enginetest.Place{Dir: root, Public: []string{"/mirror/"}})
	ask(t, e, []string{
		"/mirror/r/20250102/../../../secret", "/mirror/r/20250102/%2e%2e/%2e%2e/%2e%2e/secret", "/mirror/r/20250102/..%2f..%2f..%2fsecret",
		"/mirror/.datestone/x", "/mirror//.datestone/x", "//mirror/.datestone/x", "/MIRROR/.datestone/x", "/%6dirror/%2edatestone/x", "/mirror%2f.datestone/x",
		"/x/../mirror/.datestone/x", "/mirror/r/..//%2e/.datestone/x", "/mirror/./.datestone/x",
	}, func(target string, status int, _ http.Header, body string) {
		if status != 404 || body == "secret" || body == ".datestone/x" {
			t.Errorf("%s: %d %s", target, status, body)
		}
	})
}

// TestCaddyReloads: when the documented command returns, the new rules answer.
func TestCaddyReloads(t *testing.T) {
	t.Parallel()
	rules := t.TempDir()
	tab := table("r", "20250101T000000Z")
	writeRules(t, rules, "caddy", []layout.Table{tab})
	e := enginetest.Caddy(t, rules, enginetest.Place{Bucket: aStore(t).URL + "/bucket"})
	for _, id := range []layout.Stamp{"20250102T000000Z", "20250103T000000Z", "20250104T000000Z"} {
		tab.Checkpoints = append(tab.Checkpoints, layout.Checkpoint{ID: id})
		writeRules(t, rules, "caddy", []layout.Table{tab})
		if out, err := exec.Command(e.Reload[0], e.Reload[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		ask(t, e, slices.Repeat([]string{"/r/latest/x", "/r/20250601/x"}, 100), func(target string, status int, h http.Header, _ string) {
			if want := "/r/" + string(id) + "/x"; status != 302 || h.Get("Location") != want {
				t.Errorf("%s: %d %s, want %s", target, status, h.Get("Location"), want)
			}
		})
	}
	enginetest.Write(t, filepath.Join(rules, "caddy/datestone.caddy"), "no such directive")
	if err := exec.Command(e.Reload[0], e.Reload[1:]...).Run(); err == nil {
		t.Error("rules that Caddy can't read are no error")
	}
	ask(t, e, []string{"/r/latest/x"}, func(target string, status int, h http.Header, _ string) {
		if want := "/r/20250104T000000Z/x"; h.Get("Location") != want {
			t.Errorf("%s: %d %s, want %s", target, status, h.Get("Location"), want)
		}
	})
}
