package redirects_test

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

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
			ask(t, e, c.targets, func(target string, status int, h http.Header, _ string) {
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
	ask(t, e, []string{"/many/frozenx", "/many/nokey"}, func(target string, status int, h http.Header, _ string) {
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
	ask(t, e, calendarTargets(), func(target string, status int, h http.Header, _ string) { agreesByClock(t, oracle, target, status, h) })
}

func TestHAProxyTakesRulesWithoutTables(t *testing.T) {
	t.Parallel()
	e := startHAProxy(t, nil, aStore(t).URL)
	ask(t, e, []string{"/", "/debian/latest/x"}, func(target string, status int, _ http.Header, _ string) {
		if status != 200 {
			t.Errorf("%s: status %d, want 200", target, status)
		}
	})
}
