package enginetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An Engine is one that runs until the test ends.
type Engine struct {
	Addr    string        // host:port
	Loading time.Duration // until it listened
	// Reload is the documented command that loads new rules and waits until
	// they answer; nil where there is none.
	Reload []string
}

// A Place is where the site stands that an engine serves: in a directory or in
// a bucket.
type Place struct {
	Dir    string
	Public []string // public paths for Dir, beside "/"
	Bucket string   // URL of a bucket, or a prefix in it, without last slash
}

// Find returns the program of an engine.
func Find(t testing.TB, name string) string {
	t.Helper()
	candidates := []string{name, "/usr/sbin/" + name} // Debian keeps it out of a user's PATH
	if dir := os.Getenv("DATESTONE_TEST_BIN"); dir != "" {
		candidates = append([]string{filepath.Join(dir, name)}, candidates...)
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return path
		}
	}
	if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
		t.Fatalf("there is no %s, and DATESTONE_TEST_REQUIRE is set", name)
	}
	t.Skipf("there is no %s", name)
	return ""
}

// Run runs cmd until the test ends, and returns how long it took to listen at
// addr. What it says to stderr is shown when the test fails.
func Run(t testing.TB, cmd *exec.Cmd, addr string) time.Duration {
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
		stop(cmd, ended)
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

// stop ends a process, and with it its children: a master that is killed would
// leave its workers.
func stop(cmd *exec.Cmd, ended <-chan error) {
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		<-ended
	}
}

// FreeAddr returns an address of this machine that nobody listens at.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Write writes a file, and the directories above it.
func Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
