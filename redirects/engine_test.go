package redirects_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"

	"golang.org/x/sync/errgroup"
)

// An engine is a running nginx.
type engine struct {
	addr    string
	loading time.Duration // until it answered
}

// startNginx runs nginx with the rules for tables and the given locations. It
// skips the test where there is no nginx, and fails it where one is required.
func startNginx(t testing.TB, tables []layout.Table, locations string) engine {
	t.Helper()
	nginx, err := findNginx()
	if err != nil {
		if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no nginx: %v", err)
	}
	rules, err := redirects.Render("nginx", tables)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, a := range rules {
		writeFile(t, filepath.Join(dir, a.Name), string(a.Body))
	}
	e := engine{addr: freeAddr(t)}
	writeFile(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(nginxConf, dir, e.addr, locations))
	cmd := exec.Command(nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			t.Errorf("nginx ended with %v", err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("nginx says: %s", log[max(0, len(log)-2000):])
		}
	})
	for time.Since(began) < 2*time.Minute {
		conn, err := net.Dial("tcp", e.addr)
		if err == nil {
			conn.Close()
			e.loading = time.Since(began)
			checkErrorLog(t, dir)
			return e
		}
		time.Sleep(10 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
	t.Fatalf("nginx does not answer: %s", log)
	return e
}

const nginxConf = `daemon off;
master_process off;
pid %[1]s/pid;
worker_rlimit_nofile 4096;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000;
	include %[1]s/nginx/datestone-http.conf;
	server {
		listen %[2]s;
		include %[1]s/nginx/datestone-server.conf;
		%[3]s
	}
}
`

func findNginx() (string, error) {
	if dir := os.Getenv("DATESTONE_TEST_BIN"); dir != "" {
		if p := filepath.Join(dir, "nginx"); exec.Command(p, "-v").Run() == nil {
			return p, nil
		}
	}
	if p, err := exec.LookPath("nginx"); err == nil {
		return p, nil
	}
	return exec.LookPath("/usr/sbin/nginx") // Debian keeps it out of a user's PATH
}

// checkErrorLog: nginx only warns when a map does not fit its hash.
func checkErrorLog(t testing.TB, dir string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "[warn]") || strings.Contains(string(log), "[emerg]") {
		t.Fatalf("nginx says: %s", log)
	}
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func writeFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// ask sends targets as they are, over several connections kept alive, and
// hands each answer to check.
func (e engine) ask(t testing.TB, targets []string, check func(target string, status int, h http.Header, body string)) {
	t.Helper()
	var g errgroup.Group
	const connections = 8
	for c := range connections {
		g.Go(func() error {
			for i := c; i < len(targets); {
				n, err := e.askSome(targets, i, connections, check)
				if err != nil {
					return err
				}
				i = n
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// askSome asks for targets i, i+step, … over one connection, until nginx
// closes it, as it does after a bad request. It returns the next one to ask.
func (e engine) askSome(targets []string, i, step int, check func(string, int, http.Header, string)) (int, error) {
	conn, err := net.Dial("tcp", e.addr)
	if err != nil {
		return i, err
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for closed := false; i < len(targets) && !closed; i += step {
		method := "GET"
		if i%5 == 4 {
			method = "HEAD"
		}
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, targets[i])
		r, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			return i, fmt.Errorf("%s: %w", targets[i], err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return i, fmt.Errorf("%s: %w", targets[i], err)
		}
		check(targets[i], r.StatusCode, r.Header, string(body))
		closed = r.Close
	}
	return i, nil
}

// snippet returns nginx's block of docs/serving.md that begins with the comment
// title, with what it says of the site replaced.
func snippet(t testing.TB, title string, replace ...string) string {
	t.Helper()
	return block(t, "nginx", title, replace...)
}

// block returns the block of docs/serving.md in the given language that begins
// with the comment title, with what it says of the site replaced.
func block(t testing.TB, language, title string, replace ...string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/serving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(doc), "```"+language+"\n# "+title+"\n")
	text, _, closed := strings.Cut(after, "```")
	if !ok || !closed {
		t.Fatalf("docs/serving.md has no block %q", title)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("block %q has no %s", title, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// inBucket is the documented location for a bucket at origin.
func inBucket(t *testing.T, origin string) string {
	return snippet(t, "a site in a bucket", "http://127.0.0.1:9000", origin)
}

// inDirectory are the documented locations for root, one for each public path.
func inDirectory(t *testing.T, root string) string {
	locations := snippet(t, "a site in a directory", "/srv/site", root)
	missing := "location @missing { return 404; }\n"
	for _, public := range []string{"/mirror/", "/pub/"} {
		below := snippet(t, "a site in a directory, below a public path", "/srv/site", root, "/mirror/", public)
		locations += strings.Replace(below, missing, "", 1)
	}
	return locations
}
