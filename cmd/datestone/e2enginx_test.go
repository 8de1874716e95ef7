package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
	"datestone/redirects"
)

// TestNginxAnswersAsResolve holds a real nginx, in front of a real MinIO and
// of a real directory, against the oracle: all vectors and many random
// requests.
func TestNginxAnswersAsResolve(t *testing.T) {
	t.Parallel()
	tables, targets := e2eVectors(t)
	targets = append(targets, e2eTargets(rand.New(rand.NewPCG(21, 22)), tables, 20000)...)
	oracle := redirects.New(tables)
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, nil, "", "/")
			store := s.open()
			e2eFill(t, store, tables)
			dir := t.TempDir()
			rules, err := redirects.Render("nginx", tables)
			must(t, err)
			_, err = writeRules(dir, rules)
			must(t, err)
			n := startE2ENginx(t, dir, s.locations())
			statuses := map[int]int{}
			for i, got := range n.ask(t, targets) {
				statuses[got.status]++
				s.checkEdge(store, oracle.Resolve(targets[i], ""), targets[i], got)
			}
			for _, status := range []int{200, 301, 302, 404} {
				if statuses[status] < len(targets)/100 {
					t.Errorf("only %d of %d answers are %d", statuses[status], len(targets), status)
				}
			}
		})
	}
}

// checkEdge holds one answer of nginx against the oracle's, or what the store
// has where the oracle hands the request to it.
func (s *e2eSite) checkEdge(store publish.Store, want redirects.Answer, target string, got e2eAnswer) {
	s.t.Helper()
	if want.Status != http.StatusOK {
		if got.status != want.Status || got.header.Get("Location") != want.Location || got.header.Get("Cache-Control") != want.CacheControl {
			s.t.Errorf("%s: nginx answers %d %q %q, want %+v", target, got.status, got.header.Get("Location"), got.header.Get("Cache-Control"), want)
		}
		return
	}
	status, body, cache := s.stands(store, want.Serves)
	if s.kind.server == nil && cache != "" && !e2eSpelledOut(want.Serves) {
		cache = e2eCache("") // in a directory names have many spellings; only one is known for immutable
	}
	if got.status != status || got.method == http.MethodGet && status == http.StatusOK && got.body != body || got.header.Get("Cache-Control") != cache {
		s.t.Errorf("%s: nginx answers %d %.80q %q, but in the store there is %d %q %q", target, got.status, got.body, got.header.Get("Cache-Control"), status, body, cache)
	}
}

// stands says how an edge answers a path that is handed to the store.
func (s *e2eSite) stands(store publish.Store, served string) (status int, body, cache string) {
	if inside, ok := strings.CutPrefix(served, "/mirror/"); ok {
		served = "/" + inside
	}
	key, err := url.PathUnescape(strings.TrimPrefix(served, "/"))
	must(s.t, err)
	if key == "" || strings.HasSuffix(key, "/") {
		key += "index.html"
	}
	if s.kind.server == nil { // nginx reads the names of files with slashes merged
		key = strings.TrimPrefix(path.Clean("/"+key), "/")
		if info, err := os.Stat(filepath.Join(s.dir, "site", filepath.FromSlash(key))); err == nil && info.IsDir() {
			return http.StatusMovedPermanently, "", e2eCache(key)
		}
	}
	if _, err := layout.CleanPath(key); err != nil {
		return http.StatusNotFound, "", ""
	}
	if _, err = store.Stat(s.t.Context(), key); errors.Is(err, fs.ErrNotExist) {
		return http.StatusNotFound, "", ""
	}
	must(s.t, err)
	return http.StatusOK, key, e2eCache(key)
}

var e2eInside = regexp.MustCompile(`^(/mirror)?/(checkpoints/myfile|y|n|empty)/[0-9]{8}T[0-9]{6}Z(/|$)`)

func e2eSpelledOut(served string) bool { return e2eInside.MatchString(served) }

func e2eCache(key string) string { return layout.HeaderFor(e2eVectorRole(key), key).CacheControl }

// e2eVectorRole: a file that stands below a moment is a checkpoint's.
func e2eVectorRole(key string) layout.Role {
	for segment := range strings.SplitSeq(path.Dir(key), "/") {
		if layout.HasMomentForm(segment) {
			return layout.Content
		}
	}
	if layout.HasMomentForm(path.Base(key)) {
		return layout.Content
	}
	return layout.Listing
}

// e2eVectors are the tables of the vectors, and their requests.
func e2eVectors(t testing.TB) (tables []layout.Table, targets []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "resolve.json"))
	must(t, err)
	var v struct {
		Tables []layout.Table
		Cases  []struct {
			Path    string
			NoClock struct {
				Status   int
				Location string
			} `json:"no_clock"`
		}
	}
	must(t, json.Unmarshal(b, &v))
	for _, c := range v.Cases {
		if a := redirects.Resolve(v.Tables, c.Path, ""); a.Status != c.NoClock.Status || a.Location != c.NoClock.Location {
			t.Errorf("%s: resolve says %+v, want %+v", c.Path, a, c.NoClock)
		}
		targets = append(targets, c.Path)
	}
	return v.Tables, targets
}

// e2eFill puts a few files into each checkpoint of the tables, their text
// being their key.
func e2eFill(t testing.TB, store publish.Store, tables []layout.Table) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	put := func(key string) {
		g.Go(func() error {
			page := layout.NewPage(e2eVectorRole(key), key, []byte(key), 0)
			_, err := store.Put(t.Context(), publish.Bytes(page.Object, page.Body))
			return err
		})
	}
	put("index.html")
	put(layout.PrivatePrefix + "x")
	for _, table := range tables {
		put(layout.ListingKey(table.BasePath))
		put(layout.TableKey(table.BasePath))
		for _, c := range table.Checkpoints {
			for _, name := range []string{"index.html", "x", "dir/index.html", "g++_12~rc1.deb", "a?b", "a%41", "é x", "+a+", "a/b"} {
				put(layout.Key(table.BasePath, c.ID, name))
			}
		}
	}
	must(t, g.Wait())
}

// e2eTargets are random requests for tables: moments at and beside every
// boundary, channels, what only looks like a moment; rests and queries that an
// edge must not touch.
func e2eTargets(rng *rand.Rand, tables []layout.Table, n int) []string {
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	var out []string
	for range n {
		table := tables[rng.IntN(len(tables))]
		m := string(e2eMoment(rng, table))
		switch rng.IntN(10) {
		case 0:
			m = m[:8]
		case 1:
			m = pick("latest", "now", "prod", "frozen", "canary", "Prod", "prodx", "%6eow", "")
		case 2:
			m = pick(strings.ToLower(m), m+"x", "x"+m, m[:15], "%3"+m[:1]+m[1:], "checkpoints.json", "missing")
		case 3:
			m = fmt.Sprintf("20%02d%02d%02dT%02d%02d%02dZ", rng.IntN(30), rng.IntN(14), rng.IntN(33), rng.IntN(26), rng.IntN(62), rng.IntN(62))
		}
		rest := pick("", "/", "/x", "/dir/", "/missing", "/g%2B%2B_12~rc1.deb", "/a%2Fb", "/a%3Fb", "/a%2541", "/%C3%A9%20x", "/+a+", "/%2Ba%2B", "/a/./b", "/..x", "/20240229T000000Z/x", "/x/y", "/a%20b%25", "//x", "/x//")
		out = append(out, table.PublicPath+table.BasePath+"/"+m+rest+pick("", "", "", "?", "?a=1&b=%20", "?/x", "?a?b", "?versions"))
	}
	return out
}

// e2eMoment is a moment near something that a table has.
func e2eMoment(rng *rand.Rand, table layout.Table) layout.Stamp {
	edges := []layout.Stamp{"20250101T000000Z", table.FinalFrom, table.FinalUntil}
	for _, c := range table.Checkpoints {
		edges = append(edges, c.ID, c.ID)
	}
	for _, g := range table.Gone {
		edges = append(edges, g.From, g.Until)
	}
	edge := edges[rng.IntN(len(edges))]
	if edge == "" {
		edge = edges[0]
	}
	far := []time.Duration{0, 0, time.Second, -time.Second, time.Minute, 24 * time.Hour, time.Duration(rng.IntN(400*24)-200*24) * time.Hour}
	return layout.StampOf(edge.Time().Add(far[rng.IntN(len(far))]))
}

// locations are those that docs/serving.md has for the site's store.
func (s *e2eSite) locations() string {
	s.t.Helper()
	if s.kind.server == nil {
		root := filepath.ToSlash(filepath.Join(s.dir, "site"))
		all := e2eBlock(s.t, "a site in a directory", "/srv/site", root)
		return all + strings.Replace(e2eBlock(s.t, "a site in a directory, below a public path", "/srv/site", root), "location @missing { return 404; }", "", 1)
	}
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::%s/*"]}]}`, s.bucket)
	must(s.t, e2eClient(s.t, s.server).SetBucketPolicy(s.t.Context(), s.bucket, policy))
	return e2eBlock(s.t, "a site in a bucket", "http://127.0.0.1:9000/bucket", s.server.Endpoint+"/"+s.bucket)
}

// e2eBlock returns the block of docs/serving.md that begins with the title.
func e2eBlock(t testing.TB, title, old, replacement string) string {
	t.Helper()
	return e2eCode(t, "```nginx\n# "+title+"\n", old, replacement)
}

// e2eCode returns what follows begin up to the block's end, some of it replaced.
func e2eCode(t testing.TB, begin string, replace ...string) string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "serving.md"))
	must(t, err)
	_, after, found := strings.Cut(string(doc), begin)
	block, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("docs/serving.md has no block %q", begin)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(block, replace[i]) {
			t.Fatalf("the block %q of docs/serving.md has no %s", begin, replace[i])
		}
		block = strings.ReplaceAll(block, replace[i], replace[i+1])
	}
	return block
}

// An e2eNginx is a running nginx.
type e2eNginx struct {
	addr string
	// reload is the command that lets it load its rules again.
	reload []string
}

const e2eNginxConf = `daemon off;
worker_processes 2;
%[5]s
pid %[1]s/pid;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000;
	default_type application/octet-stream;
	include %[2]s/nginx/datestone-http.conf;
	server {
		listen %[3]s;
		include %[2]s/nginx/datestone-server.conf;
		%[4]s
	}
}
`

// startE2ENginx runs nginx with the rules that stand in the directory rules.
func startE2ENginx(t testing.TB, rules, locations string) e2eNginx {
	t.Helper()
	bin := findE2ENginx(t)
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	n := e2eNginx{addr: l.Addr().String()}
	must(t, l.Close())
	conf := filepath.Join(dir, "nginx.conf")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // its workers would be nobody, who may not read a test's directories
	}
	must(t, os.WriteFile(conf, fmt.Appendf(nil, e2eNginxConf, dir, rules, n.addr, locations, user), 0o666))
	words := []string{bin, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf}
	script := e2eCode(t, "```sh\n", "/run/nginx.pid", filepath.Join(dir, "pid"), "nginx -s reload", strings.Join(words, " ")+" -s reload")
	n.reload = []string{"sh", "-c", script}
	cmd := exec.Command(words[0], words[1:]...)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("nginx ended with %v", err)
		}
		if log, _ := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() {
			t.Logf("nginx says: %s", log[max(0, len(log)-1000):])
		}
	})
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", n.addr); err == nil {
			conn.Close()
			return n
		}
	}
	t.Fatal("nginx does not answer")
	return n
}

func findE2ENginx(t testing.TB) string {
	t.Helper()
	for _, name := range []string{filepath.Join(os.Getenv(servers.BinVariable), "nginx"), "nginx", "/usr/sbin/nginx"} {
		if bin, err := exec.LookPath(name); err == nil && filepath.IsAbs(bin) {
			return bin
		}
	}
	if os.Getenv(servers.RequireVariable) != "" {
		t.Fatalf("there is no nginx, and %s is set", servers.RequireVariable)
	}
	t.Skip("there is no nginx")
	return ""
}

// An e2eAnswer is what nginx said.
type e2eAnswer struct {
	method string
	status int
	header http.Header
	body   string
}

// ask sends targets as they are, byte for byte, over several connections, and
// returns the answers in the same order.
func (n e2eNginx) ask(t testing.TB, targets []string) []e2eAnswer {
	t.Helper()
	const connections = 8
	answers := make([]e2eAnswer, len(targets))
	var g errgroup.Group
	for c := range connections {
		g.Go(func() error {
			for i := c; i < len(targets); {
				conn, err := net.Dial("tcp", n.addr)
				if err != nil {
					return err
				}
				i, err = askE2E(conn, targets, answers, i, connections)
				conn.Close()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, g.Wait())
	return answers
}

// askE2E asks for targets i, i+step, … until the connection is closed, and
// returns the next one.
func askE2E(conn net.Conn, targets []string, answers []e2eAnswer, i, step int) (int, error) {
	r := bufio.NewReader(conn)
	for closed := false; i < len(targets) && !closed; i += step {
		method := http.MethodGet
		if i%5 == 4 {
			method = http.MethodHead
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, targets[i])
		res, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return i, fmt.Errorf("%s: %w", targets[i], err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return i, fmt.Errorf("%s: %w", targets[i], err)
		}
		answers[i] = e2eAnswer{method, res.StatusCode, res.Header, string(body)}
		closed = res.Close
	}
	return i, nil
}
