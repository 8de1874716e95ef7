package redirects_test

import (
	"bufio"
	"bytes"
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

// An engine is a running web server.
type engine struct {
	addr    string
	loading time.Duration // until it answered
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

// askSome asks for targets i, i+step, … over one connection, until the engine
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
