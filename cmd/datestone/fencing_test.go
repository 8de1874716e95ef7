//go:build unix

package main

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"datestone/layout"
)

// A lateLine is a way to a server on which, from the first request on that
// fits, everything is held back until it is opened again: a machine that the
// network left, or one that was put to sleep with its requests on the way.
type lateLine struct {
	want *regexp.Regexp // fits "PUT /bucket/key", or "COPY …"
	held chan struct{}  // closed when a request was held
	open chan struct{}  // closed to let all go on

	mu    sync.Mutex
	armed bool
	once  sync.Once
}

func newLateLine(want string) *lateLine {
	return &lateLine{want: regexp.MustCompile(want), held: make(chan struct{}), open: make(chan struct{})}
}

// arm lets the line fail from the next request on that fits.
func (l *lateLine) arm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = true
}

func (l *lateLine) handle(w http.ResponseWriter, r *http.Request, to http.Handler) {
	if l.holds(r) {
		<-l.open
	}
	to.ServeHTTP(w, r)
}

func (l *lateLine) holds(r *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
		return false
	case <-l.held:
		return true
	default:
	}
	if !l.armed || !l.want.MatchString(requestVerb(r)+" "+r.URL.Path) {
		return false
	}
	close(l.held)
	return true
}

func (l *lateLine) release() { l.once.Do(func() { close(l.open) }) }

// requestVerb is the method of a request, or COPY, LIST or DELETE for what S3
// says in another way.
func requestVerb(r *http.Request) string {
	switch q := r.URL.Query(); {
	case r.Header.Get("X-Amz-Copy-Source") != "":
		return "COPY"
	case r.Method == http.MethodGet && (q.Has("list-type") || q.Has("prefix")):
		return "LIST"
	case r.Method == http.MethodPost && q.Has("delete"):
		return http.MethodDelete
	}
	return r.Method
}

// TestRequestsArriveLate cuts a run off from the server at a moment of its
// work, lets another machine take over and commit something else, and then
// lets all arrive that was on its way: nothing that the other wrote may change
// by that, and what the late one leaves goes with its next run.
func TestRequestsArriveLate(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	const base = "/checkpoints/myfile/"
	for i, c := range []struct{ name, at string }{
		{"the list of the claim", `PUT .*/pending/.*\.files\.zst`},
		{"the claim", `PUT .*/pending/.*\.json`},
		{"content", `PUT .*` + base + `2[0-9TZ]*/2\.iso`},
		{"a copy", `COPY .*` + base + `2`},
		{"a page", `PUT .*` + base + `2.*/sub/deep/index\.html`},
		{"the list of the record", `(PUT|COPY) .*` + base + `log/.*\.zst`},
		{"the record", `PUT .*` + base + `log/2\.json`},
		{"the look at what follows the record", `GET .*` + base + `log/3\.json`},
		{"the table", `PUT .*` + base + `checkpoints\.json`},
		{"the listing", `PUT .*` + base + `index\.html`},
		{"the removal of the claim", `DELETE .*`},
		{"the look for claims", `LIST .*`},
	} {
		kind := []e2eStore{e2eStores[1], e2eStores[4]}[i%2]
		t.Run(c.name+" at "+kind.name, func(t *testing.T) {
			t.Parallel()
			lateMachines(t, kind, remote, c.at).meet()
		})
	}
}

// A lateStory is two machines of one site, the way of one of which can be cut.
type lateStory struct {
	t    *testing.T
	a, b *e2eSite
	line *lateLine
	fast []string
}

func lateMachines(t *testing.T, kind e2eStore, remote *e2eRemote, at string) *lateStory {
	l := &lateStory{t: t, b: newE2ESite(t, kind, remote, "", "/"), line: newLateLine(at), fast: []string{"--lock-lease", "600ms"}}
	t.Cleanup(l.line.release) // before the proxy is closed, which waits
	proxy := listenBefore(t, l.b.server.Endpoint, l.line.handle)
	t.Cleanup(l.line.release)
	l.a = l.b.elsewhere(t)
	l.a.bucketURL = l.b.through(proxy.URL)
	l.a.see("one")
	l.mustRun(l.b)
	l.mustRun(l.a)
	return l
}

func (l *lateStory) mustRun(s *e2eSite) {
	l.t.Helper()
	if code, _, said := s.exec(nil, append([]string{"run"}, l.fast...)...); code != exitDone {
		l.t.Fatalf("exit code %d: %s", code, said)
	}
}

// meet cuts a off, lets b work, lets a go on, and looks at what is left.
func (l *lateStory) meet() {
	before := tableOf(l.t, l.everything())
	l.a.see("two")
	l.line.arm()
	ended := make(chan string)
	go func() {
		code, _, said := l.a.exec(nil, append([]string{"run"}, l.fast...)...)
		ended <- fmt.Sprintf("%d: %s", code, said)
	}()
	select {
	case <-l.line.held:
	case end := <-ended:
		l.t.Fatalf("it was never held, and ended with %s", end)
	}
	l.b.see("three")
	l.mustRun(l.b)
	want := l.everything()
	l.line.release()
	l.t.Logf("the late one ended with %s", <-ended)
	got := l.everything()
	table := tableOf(l.t, want)
	for _, all := range []siteBytes{got, want} {
		delete(all, layout.StatusKey) // tells how the late one ended
		maps.DeleteFunc(all, func(key, _ string) bool {
			id := layout.Stamp(e2eID.FindString(key))
			_, known := table.Find(id)
			return strings.HasPrefix(key, layout.PrivatePrefix) || id != "" && !known
		})
	}
	if d := differ(got, want); d != "" {
		l.t.Errorf("what came late changed\n%s", d)
	}
	if n := len(table.Checkpoints) - len(before.Checkpoints); n < 1 || n > 2 {
		l.t.Errorf("%d checkpoints were added, want 1, or 2 where the late one had committed", n)
	}
	l.a.see("three")
	l.mustRun(l.a)
	all := l.everything()
	for _, err := range leftOver(all, chaosRepo{name: "myfile", base: "checkpoints/myfile"}, tableOf(l.t, all)) {
		l.t.Error(err)
	}
}

// everything reads the bucket, what is private too.
func (l *lateStory) everything() siteBytes {
	all, store := siteBytes{}, l.b.open()
	for info, err := range store.List(l.t.Context(), "") {
		must(l.t, err)
		all[info.Key] = e2eRead(l.t, store, info.Key)
	}
	return all
}

func tableOf(t *testing.T, all siteBytes) layout.Table {
	t.Helper()
	table, err := layout.DecodeTable([]byte(all[layout.TableKey("checkpoints/myfile")]))
	must(t, err)
	return table
}

// TestRepliesAreLost publishes through a line that loses the first reply to
// each request, or refuses each for the first time: the site must be the one
// that is published through a good one, and no run may fail.
func TestRepliesAreLost(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	reference := newE2ESite(t, e2eStores[0], remote, "", "/")
	reference.twoRuns()
	want := reference.objects()
	for name, first := range map[string]func(w http.ResponseWriter, r *http.Request, to http.Handler){
		"lost":       func(_ http.ResponseWriter, r *http.Request, to http.Handler) { noReply(r, to) },
		"never sent": func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) },
		"refused": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	} {
		for _, kind := range []e2eStore{e2eStores[1], e2eStores[4]} {
			t.Run(name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				s := newE2ESite(t, kind, remote, "", "/")
				var seen sync.Map
				proxy := listenBefore(t, s.server.Endpoint, func(w http.ResponseWriter, r *http.Request, to http.Handler) {
					if _, again := seen.LoadOrStore(requestVerb(r)+r.URL.Path, true); !again {
						first(w, r, to)
						return
					}
					to.ServeHTTP(w, r)
				})
				good := s.bucketURL
				s.bucketURL = s.through(proxy.URL)
				s.twoRuns()
				s.bucketURL = good
				if d := differ(s.objects(), want); d != "" {
					t.Error(d)
				}
			})
		}
	}
}

func (s *e2eSite) twoRuns() {
	s.t.Helper()
	s.see("one")
	s.run(e2eFirst, "run")
	s.see("two")
	s.run(e2eSecond, "run")
}

// through is the bucket's URL by way of a proxy.
func (s *e2eSite) through(proxy string) string {
	if s.kind.scheme == schemeS3 {
		return fmt.Sprintf("s3://%s?region=us-east-1&endpoint=%s", s.bucket, proxy)
	}
	return fmt.Sprintf("minio://%s/%s", strings.TrimPrefix(proxy, "http://"), s.bucket)
}

// TestClocksDisagree lets a machine whose clock is wrong by more than five
// minutes read, but not publish: it names both times.
func TestClocksDisagree(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, kind := range e2eStores[1:] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, remote, "", "/")
			s.see("one")
			for _, skew := range []string{"-6m", "6m", "-8760h"} {
				code, _, said := s.exec([]string{skewVar + "=" + skew}, "run")
				if times := e2eID.FindAllString(said, -1); code != exitFailed || len(times) != 2 || !strings.Contains(said, "the clocks disagree") {
					t.Errorf("wrong by %s: exit code %d, want %d and both times: %s", skew, code, exitFailed, said)
				}
			}
			all := s.objects()
			delete(all, layout.StatusKey) // says that the runs failed
			if len(all) != 0 {
				t.Errorf("published all the same: %q", sortedKeys(all))
			}
			if code, _, said := s.exec([]string{skewVar + "=2m"}, "run"); code != exitDone {
				t.Errorf("wrong by 2m: exit code %d: %s", code, said)
			}
		})
	}
}

// TestClocksDisagreeLater lets the clock be wrong when what was claimed is
// committed, and when time alone would move a channel.
func TestClocksDisagreeLater(t *testing.T) {
	t.Parallel()
	s := newE2ESite(t, e2eStores[1], newE2ERemote(t), "", "/")
	refused := func(args ...string) {
		t.Helper()
		code, _, said := s.exec([]string{skewVar + "=2h"}, args...)
		if code != exitFailed || !strings.Contains(said, "the clocks disagree") {
			t.Errorf("%q: exit code %d, want %d: %s", args, code, exitFailed, said)
		}
	}
	done := func(args ...string) {
		t.Helper()
		if code, _, said := s.exec(nil, args...); code != exitDone {
			t.Fatalf("%q: exit code %d: %s", args, code, said)
		}
	}
	s.see("one")
	s.delayProd()
	done("sync")
	refused("publish")
	if all := s.objects(); all[layout.RecordKey("checkpoints/myfile", 1)] != "" {
		t.Error("the claim was committed")
	}
	done("publish")
	refused("publish")
	refused("run")
	if table := tableOf(t, s.objects()); len(table.Checkpoints) != 1 || table.Channels["prod"] != "" {
		t.Errorf("%d checkpoints, prod leads to %q; want 1, and nowhere", len(table.Checkpoints), table.Channels["prod"])
	}
}

// delayProd lets the channel prod follow an hour later.
func (s *e2eSite) delayProd() {
	s.t.Helper()
	name := filepath.Join(s.dir, "datestone.yaml")
	b, err := os.ReadFile(name)
	must(s.t, err)
	must(s.t, os.WriteFile(name, bytes.Replace(b, []byte("prod: {delay: 0h}"), []byte("prod: {delay: 1h}"), 1), 0o666))
}

// TestClockSomewhatBehind publishes after the last ID all the same, by waiting
// for the second after it.
func TestClockSomewhatBehind(t *testing.T) {
	t.Parallel()
	s := newE2ESite(t, e2eStores[0], newE2ERemote(t), "", "/")
	for _, c := range []struct{ state, skew string }{{"one", "2s"}, {"two", "0s"}} {
		s.see(c.state)
		if code, _, said := s.exec([]string{skewVar + "=" + c.skew}, "run"); code != exitDone {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	if table := tableOf(t, s.objects()); len(table.Checkpoints) != 2 || table.Checkpoints[0].ID.Next() != table.Checkpoints[1].ID {
		t.Errorf("the checkpoints are %+v, want the second right after the first", table.Checkpoints)
	}
}

// TestLockWhateverTheClock lets a machine whose clock is wrong by hours find a
// lock that is alive: leases are not measured by the time of day.
func TestLockWhateverTheClock(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			remote := newE2ERemote(t)
			working, goOn := make(chan struct{}), make(chan struct{})
			var once sync.Once
			remote.hold = func(string, string) {
				once.Do(func() { close(working) })
				<-goOn
			}
			first := newE2ESite(t, kind, remote, "", "/")
			second := first.elsewhere(t)
			ended := make(chan int)
			go func() {
				code, _, said := first.exec(nil, "run", "--lock-lease", "600ms")
				t.Log(said)
				ended <- code
			}()
			<-working
			for _, skew := range []string{"-3h", "3h"} {
				if code, _, said := second.exec([]string{skewVar + "=" + skew}, "run", "--lock-lease", "600ms"); code != exitLocked {
					t.Errorf("with a clock that is wrong by %s: exit code %d, want %d: %s", skew, code, exitLocked, said)
				}
			}
			close(goOn)
			if code := <-ended; code != exitDone {
				t.Errorf("the first run: exit code %d", code)
			}
		})
	}
}
