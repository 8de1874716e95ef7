package redirects_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRenderIsOfTheTablesAlone(t *testing.T) {
	t.Parallel()
	tables := manyTables()
	turned := slices.Clone(tables)
	slices.Reverse(turned)
	for _, target := range redirects.Targets() {
		a, err := redirects.Render(target, tables)
		if err != nil {
			t.Fatal(err)
		}
		b, err := redirects.Render(target, turned)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s: another order of the tables gives other bytes", target)
		}
	}
}

func TestRenderGolden(t *testing.T) {
	t.Parallel()
	deb := table("debian", "20250318T140338Z", "20250318T140442Z")
	deb.FinalUntil = "20250318T150000Z"
	deb.Channels = map[string]layout.Stamp{"prod": "20250318T140338Z", "frozen": ""}
	for _, target := range redirects.Targets() {
		artifacts, err := redirects.Render(target, []layout.Table{deb})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range artifacts {
			name := filepath.Join("testdata", filepath.FromSlash(a.Name))
			if *update {
				enginetest.Write(t, name, string(a.Body))
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(a.Body)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", a.Name, diff)
			}
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	with := func(change func(*layout.Table)) []layout.Table {
		tab := table("debian", "20250318T140338Z")
		change(&tab)
		return []layout.Table{tab}
	}
	for _, c := range []struct {
		name, target string
		tables       []layout.Table
		want         string
	}{
		{"an unknown target", "ngnix", nil, `no redirect target "ngnix": there are ` + strings.Join(redirects.Targets(), ", ")},
		{"a base path that is a directive", "nginx", with(func(t *layout.Table) { t.BasePath = `x" y; }` }), `table of "debian": base path`},
		{"a public path without slash", "nginx", with(func(t *layout.Table) { t.PublicPath = "/mirror" }), `table of "debian": "/mirror" is no public path`},
		{"a channel that is a directive", "nginx", with(func(t *layout.Table) { t.Channels["a; b"] = "" }), `"a; b" is no name of a channel`},
		{"base paths that overlap", "json", []layout.Table{table("a"), table("a.b"), table("a/c")}, `tables of "a" and "a-c": base paths /a and /a/c overlap`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := redirects.Render(c.target, c.tables)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestJSONHasAllOfIt answers requests from the JSON alone, as an edge of one's
// own would, and holds it against Resolve.
func TestJSONHasAllOfIt(t *testing.T) {
	t.Parallel()
	tables := manyTables()
	artifacts, err := redirects.Render("json", tables)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version      int
		Repositories []struct {
			Base, Answer string
			Channels     map[string]*string
			Spans        [][3]any
		}
	}
	if err := json.Unmarshal(artifacts[0].Body, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != 1 || len(doc.Repositories) != len(tables) {
		t.Fatalf("version %d, %d repositories", doc.Version, len(doc.Repositories))
	}
	rng := rand.New(rand.NewPCG(17, 18))
	oracle := redirects.New(tables)
	for _, r := range doc.Repositories {
		tab := tables[slices.IndexFunc(tables, func(t layout.Table) bool { return t.PublicPath+t.BasePath == r.Base })]
		if tab.Answer != r.Answer {
			t.Errorf("%s: answer %s", r.Base, r.Answer)
		}
		for name, to := range r.Channels {
			want := "404 no-cache"
			if to != nil {
				want = fmt.Sprintf("302 %s/%s/ no-cache", r.Base, *to)
			}
			if got := line(oracle.Resolve(r.Base+"/"+name, "")); got != want {
				t.Errorf("%s/%s: JSON says %s, Resolve %s", r.Base, name, want, got)
			}
		}
		for range 1000 * min(1, len(tab.Checkpoints)) {
			m := momentNear(rng, tab)
			i, found := slices.BinarySearchFunc(r.Spans, string(m), func(s [3]any, m string) int { return strings.Compare(s[0].(string), m) })
			if !found {
				i--
			}
			to, _ := r.Spans[i][1].(string)
			want := redirects.Resolve([]layout.Table{tab}, r.Base+"/"+string(m), "")
			if got := slashless(r.Base, string(m), to, r.Spans[i][2].(bool)); got != want {
				t.Errorf("%s/%s: JSON says %+v, Resolve %+v", r.Base, m, got, want)
			}
		}
	}
	if !bytes.HasSuffix(artifacts[0].Body, []byte("\n")) {
		t.Error("no newline at the end")
	}
}

// slashless is the answer to a moment without a rest.
func slashless(base, m, to string, final bool) redirects.Answer {
	location := base + "/" + to + "/"
	switch {
	case to == "":
		return redirects.Answer{Status: 404, CacheControl: "no-cache"}
	case final || to == m:
		return redirects.Answer{Status: 301, Location: location, CacheControl: "public, max-age=86400"}
	}
	return redirects.Answer{Status: 302, Location: location, CacheControl: "no-cache"}
}
