package redirects_test

import (
	"net/http"
	"path/filepath"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// rendered returns a directory with the rules of target for tables.
func rendered(t testing.TB, target string, tables []layout.Table) string {
	t.Helper()
	dir := t.TempDir()
	writeRules(t, dir, target, tables)
	return dir
}

func writeRules(t testing.TB, dir, target string, tables []layout.Table) {
	t.Helper()
	rules, err := redirects.Render(target, tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range rules {
		enginetest.Write(t, filepath.Join(dir, a.Name), string(a.Body))
	}
}

func startNginx(t testing.TB, tables []layout.Table, p enginetest.Place) enginetest.Engine {
	t.Helper()
	return enginetest.Nginx(t, rendered(t, "nginx", tables), p)
}

// startNginxWith runs nginx with locations of the test's own.
func startNginxWith(t testing.TB, tables []layout.Table, locations string) enginetest.Engine {
	t.Helper()
	return enginetest.NginxWith(t, rendered(t, "nginx", tables), locations)
}

func startHAProxy(t testing.TB, tables []layout.Table, origin string) enginetest.Engine {
	t.Helper()
	return enginetest.HAProxy(t, rendered(t, "haproxy", tables), enginetest.Place{Bucket: origin + "/bucket"})
}

// ask sends targets as they are, and hands each answer to check.
func ask(t testing.TB, e enginetest.Engine, targets []string, check func(target string, status int, h http.Header, body string)) {
	t.Helper()
	e.Ask(t, targets, func(a enginetest.Answer) { check(a.Target, a.Status, a.Header, a.Body) })
}
