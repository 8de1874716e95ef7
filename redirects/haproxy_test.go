package redirects_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// startHAProxy runs HAProxy with the rules for tables and the documented
// frontend and backend, in front of the store at origin.
func startHAProxy(t testing.TB, tables []layout.Table, origin string) engine {
	t.Helper()
	bin := findEngine(t, "haproxy", "-v")
	dir := t.TempDir()
	writeRules(t, dir, "haproxy", tables)
	e := engine{addr: freeAddr(t)}
	conf := "global\n\tmaxconn 100\n" + block(t, "haproxy", "a site in a bucket",
		":80\n", e.addr+"\n", "127.0.0.1:9000", strings.TrimPrefix(origin, "http://"))
	writeFile(t, filepath.Join(dir, "haproxy.cfg"), conf)
	cmd := exec.Command(bin, "-db", "-f", filepath.Join(dir, "haproxy/datestone.cfg"), "-f", filepath.Join(dir, "haproxy.cfg"))
	cmd.Env = append(os.Environ(), "DATESTONE_RULES="+filepath.Join(dir, "haproxy"))
	e.loading = runEngine(t, cmd, e.addr)
	return e
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	origin := aStore(t)
	v := readVectors(t)
	many := manyTables()
	rng := rand.New(rand.NewPCG(21, 22))
	large := []layout.Table{randomTable(rng, "large", 20000)}
	for _, c := range []struct {
		name    string
		tables  []layout.Table
		targets []string
	}{
		{"vectors", v.Tables, append(vectorPaths(v), randomTargets(rng, v.Tables[:2], 500)...)},
		{"random", many, randomTargets(rng, many, 20000)},
		{"twenty thousand checkpoints", large, randomTargets(rng, large, 2000)},
		{"the second before and after now", many, momentsAround(time.Now(), "/many")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := startHAProxy(t, c.tables, origin.URL)
			oracle := redirects.New(c.tables)
			e.ask(t, c.targets, func(target string, status int, h http.Header, _ string) {
				if serves := agreesByClock(t, oracle, target, status, h); serves != "" {
					checkStored(t, c.tables, serves, target, status, h)
				}
			})
		})
	}
}

func TestHAProxyMakesMissingOfWhatTheStoreRefuses(t *testing.T) {
	t.Parallel()
	e := startHAProxy(t, manyTables(), aStore(t).URL)
	e.ask(t, []string{"/many/frozenx", "/many/nokey"}, func(target string, status int, h http.Header, _ string) {
		if status != 404 || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: status %d, %v, want 404", target, status, h)
		}
	})
}

func TestHAProxyKnowsTheCalendar(t *testing.T) {
	t.Parallel()
	tab := table("r", "00010101T000000Z")
	e := startHAProxy(t, []layout.Table{tab}, aStore(t).URL)
	oracle := redirects.New([]layout.Table{tab})
	e.ask(t, calendarTargets(), func(target string, status int, h http.Header, _ string) { agreesByClock(t, oracle, target, status, h) })
}

func TestHAProxyTakesRulesWithoutTables(t *testing.T) {
	t.Parallel()
	e := startHAProxy(t, nil, aStore(t).URL)
	e.ask(t, []string{"/", "/debian/latest/x"}, func(target string, status int, _ http.Header, _ string) {
		if status != 200 {
			t.Errorf("%s: status %d, want 200", target, status)
		}
	})
}
