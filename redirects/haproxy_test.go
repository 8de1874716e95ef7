package redirects_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
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

// findEngine returns the program of an engine. It skips the test where there
// is none, and fails it where one is required.
func findEngine(t testing.TB, name, version string) string {
	t.Helper()
	candidates := []string{name, "/usr/sbin/" + name} // Debian keeps it out of a user's PATH
	if dir := os.Getenv("DATESTONE_TEST_BIN"); dir != "" {
		candidates = append([]string{filepath.Join(dir, name)}, candidates...)
	}
	for _, c := range candidates {
		if exec.Command(c, version).Run() == nil {
			return c
		}
	}
	if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
		t.Fatalf("no %s", name)
	}
	t.Skipf("no %s", name)
	return ""
}

func writeRules(t testing.TB, dir, target string, tables []layout.Table) {
	t.Helper()
	rules, err := redirects.Render(target, tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range rules {
		writeFile(t, filepath.Join(dir, a.Name), string(a.Body))
	}
}

// runEngine runs cmd until the test ends, and returns how long it took to
// listen at addr. What it says to stderr is shown when the test fails.
func runEngine(t testing.TB, cmd *exec.Cmd, addr string) time.Duration {
	t.Helper()
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s says: %s", cmd.Path, said.Bytes()[max(0, said.Len()-2000):])
		}
	})
	for time.Since(began) < 2*time.Minute {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return time.Since(began)
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", cmd.Path, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("%s does not answer", cmd.Path)
	return 0
}

// agreesByClock checks an answer that an engine with a clock makes itself, and
// returns what Resolve says where the store answers. The clock may have gone
// on between the question and now.
func agreesByClock(t testing.TB, oracle *redirects.Resolver, target string, status int, h http.Header) (serves string) {
	t.Helper()
	got := redirects.Answer{Status: status, Location: h.Get("Location"), CacheControl: strings.Join(h.Values("Cache-Control"), " | ")}
	var a redirects.Answer
	for _, ago := range []time.Duration{0, time.Second, 3 * time.Second} {
		if a = oracle.Resolve(target, layout.StampOf(time.Now().Add(-ago))); a.Status == 200 || a == got {
			return a.Serves
		}
	}
	t.Errorf("%s: the engine says %+v, want %+v", target, got, a)
	return ""
}

// aStore answers every request, naming the one it got.
func aStore(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Asked", r.RequestURI)
		switch {
		case strings.HasSuffix(r.RequestURI, "/frozenx"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.RequestURI, "/nokey"):
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return s
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

// checkStored: the store was asked for the key of serves, and its answer came
// through.
func checkStored(t *testing.T, tables []layout.Table, serves, target string, status int, h http.Header) {
	t.Helper()
	if strings.HasSuffix(serves, "/frozenx") {
		if status != 404 {
			t.Errorf("%s: status %d, want 404", target, status)
		}
		return
	}
	if got, want := h.Get("Asked"), "/bucket"+keyOf(serves, tables); got != want || status != 200 {
		t.Errorf("%s: the store was asked for %q (status %d), want %q", target, got, status, want)
	}
	if got := h.Values("Cache-Control"); len(got) != 1 || got[0] != "public, max-age=60" {
		t.Errorf("%s: Cache-Control %q is not the store's", target, got)
	}
}

func momentsAround(now time.Time, base string) (targets []string) {
	for _, d := range []time.Duration{-time.Hour, -time.Minute, -time.Second, 0, 20 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		m := string(layout.StampOf(now.Add(d)))
		targets = append(targets, base+"/"+m+"/x", base+"/"+m, base+"/"+m[:8]+"/x?y")
	}
	return targets
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

// calendarTargets are days and times of the calendar and beside it.
func calendarTargets() (targets []string) {
	for _, year := range []string{"0000", "0001", "0004", "0100", "0400", "1900", "2000", "2023", "2024", "2100", "9999"} {
		for month := range 14 {
			for day := range 33 {
				targets = append(targets, fmt.Sprintf("/r/%s%02d%02d/", year, month, day))
			}
		}
	}
	for hour := range 26 {
		for _, rest := range []string{"0000", "5959", "5960", "6000", "0960", "9900"} {
			targets = append(targets, fmt.Sprintf("/r/20240229T%02d%sZ/", hour, rest))
		}
	}
	return targets
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
