//go:build unix

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish/storetest/servers"
)

// A costSize is what the formulas of docs/operations.md depend on: by letter,
// repositories, checkpoints, files, directories and changed files.
type costSize map[string]float64

// costSizes are small, but for one that needs more than one LIST.
var costSizes = []costSize{
	{"R": 1, "K": 4, "N": 8, "D": 3, "C": 2},
	{"R": 3, "K": 4, "N": 21, "D": 6, "C": 5},
	{"R": 2, "K": 3, "N": 400, "D": 11, "C": 3},
}

// The classes of requests, in the order of the table.
var costClasses = []string{"read", "write", "list", "delete"}

func costClass(r *http.Request) string {
	switch requestVerb(r) {
	case http.MethodGet, http.MethodHead:
		return "read"
	case "LIST":
		return "list"
	case http.MethodDelete:
		return "delete"
	}
	return "write"
}

// TestCosts holds the formulas of docs/operations.md against the requests that
// a server is really asked.
func TestCosts(t *testing.T) {
	t.Parallel()
	rows := costRows(t, "what", 5)
	for _, size := range costSizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			s := newCostSite(t, size)
			measured := s.measure()
			measured["backfill REPO, K states"] = newCostSite(t, size).countBackfill()
			for what, formulas := range rows {
				got, ok := measured[what]
				if !ok {
					t.Errorf("the table has a row %q that is not measured", what)
					continue
				}
				for i, class := range costClasses {
					if want := size.eval(t, formulas[i]); got[class] != int(want) {
						t.Errorf("%s: %d requests that %s, the table says %s = %g", what, got[class], class, formulas[i], want)
					}
				}
				delete(measured, what)
			}
			for what, got := range measured {
				t.Errorf("not in the table: %s: %v", what, got)
			}
		})
	}
}

// TestCostsExample holds the numbers of the example against the formulas.
func TestCostsExample(t *testing.T) {
	t.Parallel()
	size := costSize{"R": 40, "K": 1000, "N": 100_000, "D": 2000, "C": 1000}
	rows, example := costRows(t, "what", 5), costRows(t, "what, at that size", 5)
	for what, formulas := range rows {
		for i, class := range costClasses {
			want := thousands(int64(size.eval(t, formulas[i])))
			if len(example[what]) == 0 {
				t.Errorf("the example lacks %q", what)
				break
			}
			if got := example[what][i]; got != want {
				t.Errorf("example, %s: %s requests that %s, the formula gives %s", what, got, class, want)
			}
		}
	}
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// costRows reads the table of docs/operations.md whose first column has the
// title: the other cells by the first, without backquotes.
func costRows(t *testing.T, title string, columns int) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	must(t, err)
	rows := map[string][]string{}
	_, table, ok := strings.Cut(string(doc), "\n| "+title+" |")
	if !ok {
		t.Fatalf("no table of which the first column is %q", title)
	}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), "|")
		for i, c := range cells {
			cells[i] = strings.Trim(c, " `")
		}
		if !strings.HasPrefix(line, "| ") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		if len(cells) != columns {
			t.Fatalf("%d cells in %q, want %d", len(cells), line, columns)
		}
		rows[cells[0]] = cells[1:]
	}
	return rows
}

// eval evaluates a formula: numbers, letters, + - * and ceil(a / b).
func (s costSize) eval(t *testing.T, formula string) float64 {
	t.Helper()
	e, err := parser.ParseExpr(formula)
	must(t, err)
	var eval func(e ast.Expr) float64
	eval = func(e ast.Expr) float64 {
		switch e := e.(type) {
		case *ast.BasicLit:
			n, err := strconv.ParseFloat(e.Value, 64)
			must(t, err)
			return n
		case *ast.Ident:
			if n, ok := s[e.Name]; ok {
				return n
			}
		case *ast.ParenExpr:
			return eval(e.X)
		case *ast.CallExpr:
			return math.Ceil(eval(e.Args[0]))
		case *ast.BinaryExpr:
			x, y := eval(e.X), eval(e.Y)
			return map[token.Token]float64{token.ADD: x + y, token.SUB: x - y, token.MUL: x * y, token.QUO: x / y}[e.Op]
		}
		t.Fatalf("formula %q: can't read %T", formula, e)
		return 0
	}
	return eval(e)
}

// A costSite is a site of a size, on a server that counts what it is asked.
type costSite struct {
	*e2eSite
	size   costSize
	states []content // of all repositories, by checkpoint

	mu    sync.Mutex
	asked map[string]int
	shown map[string]int // the state that a repository has
}

func newCostSite(t *testing.T, size costSize) *costSite {
	t.Helper()
	s := &costSite{size: size, asked: map[string]int{}, shown: map[string]int{}}
	s.e2eSite = newE2ESite(t, e2eStores[1], nil, "", "/")
	proxy := listenBefore(t, servers.MinIO(t).Endpoint, func(w http.ResponseWriter, r *http.Request, to http.Handler) {
		s.mu.Lock()
		s.asked[costClass(r)]++
		s.mu.Unlock()
		to.ServeHTTP(w, r)
	})
	s.bucketURL = s.through(proxy.URL)
	for k := range int(size["K"]) {
		s.states = append(s.states, size.state(k))
	}
	s.configure(s.upstream(t).URL)
	return s
}

// state has N files, the manifest among them, in D directories, of which C are
// not those of the state before.
func (s costSize) state(k int) content {
	c := content{}
	for i := range int(s["N"]) - 1 {
		dir := "" // D counts the root
		if d := i % int(s["D"]); d > 0 {
			dir = fmt.Sprintf("dir %d/", d)
		}
		body := fmt.Sprint("file ", i)
		if i < int(s["C"])-1 {
			body += fmt.Sprint(" of state ", k)
		}
		c[fmt.Sprint(dir, i)] = body
	}
	return c
}

func (s *costSite) upstream(t *testing.T) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		repo, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		s.mu.Lock()
		c := s.states[s.shown[repo]]
		s.mu.Unlock()
		r.URL.Path = "/" + path
		c.serve(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

func (s *costSite) configure(upstream string) {
	text := fmt.Sprintf("bucket: %q\npublic_url: https://snapshots.example.org/\nredirects: {targets: [json]}\nrepositories:\n", s.bucketURL)
	for r := range int(s.size["R"]) {
		text += fmt.Sprintf("  - {name: r%d, base_path: checkpoints/r%[1]d, remote: {type: file, url: '%s/r%[1]d/PULP_MANIFEST'}}\n", r, upstream)
	}
	must(s.t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(text), 0o666))
}

// measure publishes K checkpoints of each repository, and counts what the
// server is asked by then.
func (s *costSite) measure() map[string]map[string]int {
	s.t.Helper()
	last := int(s.size["K"]) - 1
	for k := range last {
		s.show(k, "r0", "r1", "r2")
		s.run("", "run")
	}
	s.show(last, "r1", "r2")
	s.run("", "run")
	measured := map[string]map[string]int{}
	s.show(last, "r0")
	measured["run, one repository changed"] = s.count("run")
	measured["run, nothing new"] = s.count("run")
	must(s.t, os.Remove(filepath.Join(s.dir, "datestone.db")))
	measured["run, nothing new, index lost"] = s.count("run")
	measured["rebuild-index"] = s.count("rebuild-index")
	measured["verify"] = s.count("verify")
	measured["verify REPO ID"] = s.count("verify", "r0", e2eID.FindString(s.run("", "list", "r0")))
	measured["verify --deep"] = s.count("verify", "--deep")
	s.measurePrune(measured, last)
	return measured
}

// countBackfill fills r0 with the K states of a directory.
func (s *costSite) countBackfill() map[string]int {
	s.t.Helper()
	dir := s.t.TempDir()
	for k, c := range s.states {
		id := layout.StampOf(time.Date(2025, 1, 1+k, 0, 0, 0, 0, time.UTC))
		pastState{id: id, files: c}.write(s.t, filepath.Join(dir, string(id)))
	}
	s.run("", "backfill", "--dry-run", "--from", "dir:"+filepath.ToSlash(dir)+"/{ID}", "r0")
	return s.count("backfill", "--lock-lease", "1h", "--from", "dir:"+filepath.ToSlash(dir)+"/{ID}", "r0")
}

// measurePrune leaves one checkpoint less of r0.
func (s *costSite) measurePrune(measured map[string]map[string]int, keep int) {
	s.t.Helper()
	s.run("", "prune", "r0") // finds out what conditions the bucket keeps
	measured["prune REPO, nothing goes"] = s.count("prune", "r0")
	name := filepath.Join(s.dir, "datestone.yaml")
	text, err := os.ReadFile(name)
	must(s.t, err)
	with := strings.Replace(string(text), "{name: r0,", fmt.Sprintf("{name: r0, keep: {last: %d, grace: 0h},", keep), 1)
	must(s.t, os.WriteFile(name, []byte(with), 0o666))
	measured["prune REPO, a checkpoint is taken away"] = s.count("prune", "r0")
	measured["prune REPO, a checkpoint is deleted"] = s.count("prune", "r0")
}

func (s *costSite) show(state int, repos ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range repos {
		s.shown[r] = state
	}
}

// count runs the program and returns what the server was asked, by class.
func (s *costSite) count(args ...string) map[string]int {
	s.t.Helper()
	s.mu.Lock()
	clear(s.asked)
	s.mu.Unlock()
	var stdout, stderr bytes.Buffer
	e := s.env("", &stdout, &stderr)
	e.TellEvery = time.Hour
	if code := run(s.t.Context(), append([]string{"datestone", "--config", filepath.Join(s.dir, "datestone.yaml")}, args...), e); code != exitDone {
		s.t.Fatalf("%v: exit code %d: %s", args, code, stderr.String())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.asked
	s.asked = map[string]int{}
	return got
}
