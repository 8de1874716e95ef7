package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
)

// TestTroubleWithServers runs the program as a user does, against servers that
// do not want it.
func TestTroubleWithServers(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, kind := range e2eStores[1:] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range []struct {
				name string
				env  []string
				url  func(*e2eSite) string
				want []string // expressions, each found in what is said
			}{
				{"wrong secret", []string{"AWS_SECRET_ACCESS_KEY=wrong"}, (*e2eSite).url, []string{"access denied to bucket \"test-", "SignatureDoesNotMatch", "access key date… of "}},
				{"unknown key", []string{"AWS_ACCESS_KEY_ID=stranger-42"}, (*e2eSite).url, []string{"access denied to bucket \"test-", "access key stra… of "}},
				{"no credentials", []string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="}, (*e2eSite).url, []string{"no credentials found: tried .*AWS_ACCESS_KEY_ID"}},
				{"no bucket", nil, (*e2eSite).noBucket, []string{`bucket "no-such-bucket" does not exist at http://127`, "create it with `"}},
			} {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					s := newE2ESite(t, kind, remote, "", "/")
					s.bucketURL = c.url(s)
					s.see("one")
					for _, args := range [][]string{{"run"}, {"list"}} {
						s.wantFailure(c.env, c.want, args...)
					}
				})
			}
		})
	}
}

// wantFailure runs the program, which must fail and say all of want.
func (s *e2eSite) wantFailure(env, want []string, args ...string) {
	s.t.Helper()
	code, out, said := s.exec(env, args...)
	if code != exitFailed || out != "" {
		s.t.Errorf("%v: exit code %d, stdout %q, want %d and nothing", args, code, out, exitFailed)
	}
	for _, w := range want {
		if !regexp.MustCompile(w).MatchString(said) {
			s.t.Errorf("%v: the message is %q, want %q in it", args, said, w)
		}
	}
	if s.server.SecretKey != "" && strings.Contains(said, s.server.SecretKey) {
		s.t.Errorf("%v: a secret in the message: %q", args, said)
	}
}

// TestNoServer asks at a port where nothing listens, which takes a while: the
// server may be about to start.
func TestNoServer(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	credentials := []string{"AWS_ACCESS_KEY_ID=someone", "AWS_SECRET_ACCESS_KEY=secret"}
	var all sync.WaitGroup
	for _, bucketURL := range []string{"s3://name?region=us-east-1&endpoint=http://127.0.0.1:1", "minio://127.0.0.1:1/name"} {
		s := newE2ESite(t, e2eStores[0], remote, "", "/")
		s.bucketURL = bucketURL
		s.see("one")
		all.Go(func() { s.wantFailure(credentials, []string{`can't reach http://127\.0\.0\.1:1: .*refused`}, "run") })
	}
	all.Wait()
}

func (s *e2eSite) url() string { return s.bucketURL }

// noBucket is the URL of a bucket that the server does not have.
func (s *e2eSite) noBucket() string {
	return strings.Replace(s.bucketURL, s.bucket, "no-such-bucket", 1)
}

// exec runs the program as a process of its own.
func (s *e2eSite) exec(env []string, args ...string) (code int, out, said string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(s.t.Context(), "datestone", append([]string{"--config", filepath.Join(s.dir, "datestone.yaml")}, args...)...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), env...)
	err := cmd.Run()
	if exit := (interface{ ExitCode() int })(nil); errors.As(err, &exit) {
		return exit.ExitCode(), stdout.String(), stderr.String()
	}
	must(s.t, err)
	return 0, stdout.String(), stderr.String()
}

// TestTwoRunsAtOnce lets a second run come while the first brings content in:
// it stops, and names the first, which is not disturbed however short its
// lease is.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range e2eStores {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			remote := newE2ERemote(t)
			first := newE2ESite(t, kind, remote, "", "/")
			second := first.elsewhere(t)
			working, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			remote.hold = func(site, path string) {
				once.Do(func() { close(working) })
				<-goOn
			}
			type result struct {
				code      int
				out, said string
			}
			ended := make(chan result)
			go func() {
				code, out, said := first.try("", "run", "--lock-lease", "600ms")
				ended <- result{code, out, said}
			}()
			<-working
			for _, wait := range []string{"0s", "1500ms"} {
				began := time.Now()
				code, out, said := second.try("", "run", "--lock-lease", "600ms", "--lock-wait", wait)
				host, _ := os.Hostname()
				if code != exitLocked || !strings.Contains(said, host) || !strings.Contains(said, "myfile") || out != "" {
					t.Errorf("second run, waiting %s: exit code %d, printed %q and said %q, want %d and the first run's owner", wait, code, out, said, exitLocked)
				}
				if d, err := time.ParseDuration(wait); err != nil || time.Since(began) < d {
					t.Errorf("second run waited %v, want %s", time.Since(began), wait)
				}
			}
			close(goOn)
			if r := <-ended; r.code != exitDone || !strings.Contains(r.out, "published") {
				t.Fatalf("first run: exit code %d, printed %q and said %q", r.code, r.out, r.said)
			}
			if out := second.run("", "run"); !strings.Contains(out, "unchanged") {
				t.Errorf("the run afterwards: %s", out)
			}
			var ids int
			for key := range first.objects() {
				if strings.HasSuffix(key, "/g++_12+b1~rc1_amd64.deb") {
					ids++
				}
			}
			if ids != 1 {
				t.Errorf("%d checkpoints stand, want 1", ids)
			}
		})
	}
}

// elsewhere is the same site, worked on from another machine.
func (s *e2eSite) elsewhere(t *testing.T) *e2eSite {
	t.Helper()
	other := *s
	other.dir = t.TempDir()
	if s.kind.server == nil {
		other.bucketURL = "file:" + filepath.ToSlash(filepath.Join(s.dir, "site"))
	}
	s.see("one")
	other.see("one")
	return &other
}

// TestRunsRace starts several runs at the same time, on machines of their own:
// together they make one checkpoint of one state.
func TestRunsRace(t *testing.T) {
	t.Parallel()
	for _, kind := range e2eStores {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, newE2ERemote(t), "", "/")
			const machines = 4
			var all sync.WaitGroup
			codes := make([]int, machines)
			for i := range machines {
				other := s.elsewhere(t)
				all.Go(func() {
					var said string
					codes[i], _, said = other.try("", "run")
					if codes[i] != exitDone && codes[i] != exitLocked {
						t.Errorf("exit code %d: %s", codes[i], said)
					}
				})
			}
			all.Wait()
			ids := map[string]bool{}
			for key := range s.objects() {
				if segment := strings.Split(key+"//", "/")[2]; layout.HasMomentForm(segment) {
					ids[segment] = true
				}
			}
			if len(ids) != 1 {
				t.Errorf("checkpoints %q, want one; exit codes %d", sortedKeys(ids), codes)
			}
		})
	}
}
