package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A countingPast serves dated states and counts how often the manifest of each
// was asked for.
type countingPast struct {
	*httptest.Server
	dir   string
	mu    sync.Mutex
	asked map[string]int // by day, 01 to 31
	on    func(day string)
}

func newCountingPast(t *testing.T, states []pastState) *countingPast {
	c := &countingPast{asked: map[string]int{}, on: func(string) {}}
	c.dir = dated(t, states)
	files := http.FileServer(http.Dir(c.dir))
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if day, ok := strings.CutSuffix(r.URL.Path, "/PULP_MANIFEST"); ok {
			day = day[len(day)-2:]
			c.mu.Lock()
			c.asked[day]++
			c.on(day)
			c.mu.Unlock()
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

// forget begins to count again, and does nothing any more when it is asked.
func (c *countingPast) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.on, c.asked = func(string) {}, map[string]int{}
}

// times is how often the manifest of a day was asked for.
func (c *countingPast) times(day string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[day]
}

func (c *countingPast) from() string { return "url:" + c.URL + "/{YYYY}/{MM}/{DD}/" }

// TestBackfill_resume interrupts a backfill as Ctrl-C does: with --resume it asks
// again for nothing that it had dealt with, and forgets nothing that it skipped.
func TestBackfill_resume(t *testing.T) {
	t.Parallel()
	states := pastHistory(16) // 07 and 14 equal the days before
	c := newCountingPast(t, states)
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	args := []string{"--quiet", "backfill", "--rate", "0", "--parallel", "1", "--from", c.from()}
	c.interrupt(t, s, "15", append(args, "myfile")...)
	c.forget()
	s.want(exitDone, pastNow, append(args, "--resume", "myfile")...)
	for i := 1; i <= 13; i++ {
		if n := c.times(fmt.Sprintf("%02d", i)); n > 0 {
			t.Errorf("day %02d was asked for %d times after --resume", i, n)
		}
	}
	if n := c.times("16"); n != 1 {
		t.Errorf("day 16 was asked for %d times after --resume", n)
	}
	smooth := newPastSite(t, s.live, fileType("mirror"))
	smooth.want(exitDone, pastNow, append(args, "myfile")...)
	if d := differ(s.bytes(), smooth.bytes()); d != "" {
		t.Error(d)
	}
	// What it remembers is of this backfill alone, and gone when it is done.
	c.forget()
	s.want(exitDone, pastNow, append(args, "--resume", "myfile")...)
	if c.times("07") != 1 || c.times("08") != 0 {
		t.Error("a new backfill does not ask for what equals the day before alone")
	}
}

// TestBackfill_resumeOtherwise interrupts a backfill at several places, and goes on
// with other sources, limits or settings, or when the sources have changed: what
// was done with then counts no more, and the site is that of a smooth backfill.
func TestBackfill_resumeOtherwise(t *testing.T) {
	t.Parallel()
	states := pastHistory(16)
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		args   []string
		says   string // where it does not go on
	}{
		"the same":         {},
		"--strict":         {args: []string{"--strict"}},
		"another --until":  {args: []string{"--until", "20250112"}, says: "other sources, limits or settings"},
		"another --since":  {args: []string{"--since", "20250102"}, says: "other sources, limits or settings"},
		"--every":          {args: []string{"--every", "2d"}, says: "other sources, limits or settings"},
		"--every-state":    {args: []string{"--every-state"}, says: "other sources, limits or settings"},
		"a later state":    {change: func(t *testing.T, dir string) { pastHistory(17)[16].write(t, dir+"/2025/01/17") }},
		"an earlier state": {change: func(t *testing.T, dir string) { states[2].write(t, dir+"/2024/12/31") }, says: "other states"},
		"a state between":  {change: func(t *testing.T, dir string) { states[1].write(t, dir+"/2025/01/04") }, says: "other states"},
		"a state went":     {change: func(t *testing.T, dir string) { must(t, os.RemoveAll(dir+"/2025/01/02")) }, says: "other states"},
		"all states went": {change: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir+"/2025/01"))
			states[0].write(t, dir+"/2025/02/01")
		}, says: "other states"},
	} {
		for _, at := range []string{"08", "15"} {
			t.Run(name+", interrupted at "+at, func(t *testing.T) {
				t.Parallel()
				past := newCountingPast(t, append(slices.Clone(states[:3]), states[4:]...))
				s := newPastSite(t, t.TempDir(), fileType("mirror"))
				args := []string{"backfill", "--rate", "0", "--parallel", "1", "--from", past.from()}
				past.interrupt(t, s, at, append(args, "myfile")...)
				if c.change != nil {
					c.change(t, past.dir)
				}
				past.forget()
				words := append(slices.Clone(args), c.args...)
				code, out, said := s.do(pastNow, append(words, "--resume", "myfile")...)
				if code != exitDone || strings.Contains(said, "msg=") || !strings.Contains(said, c.says) {
					t.Errorf("exit code %d, want %q: %s%s", code, c.says, out, said)
				}
				if again := past.times("07"); again > 0 && at > "07" && c.says == "" {
					t.Errorf("day 07, which is no checkpoint, was asked for %d times after --resume", again)
				}
				smooth := newPastSite(t, s.live, fileType("mirror"))
				smooth.want(exitDone, pastNow, append(words, "myfile")...)
				want := smooth.ids()
				if got := s.ids(); name != "--every" && !subset(want, got) { // what equals a state that is there does not come
					t.Errorf("checkpoints %q lack some of %q", got, want)
				}
				if c.change == nil && c.args == nil {
					if d := differ(s.bytes(), smooth.bytes()); d != "" {
						t.Error(d)
					}
				}
				s.want(exitDone, pastNow, "verify", "--deep", "myfile")
			})
		}
	}
}

// subset reports whether all of a are in b.
func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// interrupt runs a command and ends it, as Ctrl-C does, when the manifest of a
// day is asked for.
func (c *countingPast) interrupt(t *testing.T, s pastSite, at string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.mu.Lock()
	c.on = func(day string) {
		if day == at {
			cancel()
		}
	}
	c.mu.Unlock()
	var said strings.Builder
	e := &env{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Now: pastNow.Time, LookupEnv: os.LookupEnv}
	if code := run(ctx, append([]string{"datestone", "--config", s.config()}, args...), e); code != exitInterrupted || args[0] != "--quiet" && !strings.Contains(said.String(), "the same command with --resume goes on") {
		t.Fatalf("exit code %d: %s", code, said.String())
	}
}

// TestBackfill_silentSource gives up when nobody answers any more, and goes on
// from there.
func TestBackfill_silentSource(t *testing.T) {
	t.Parallel()
	states := pastHistory(13)
	files := http.FileServer(http.Dir(dated(t, states)))
	var down atomic.Bool
	down.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() && r.URL.Path > "/2025/01/03/z" && strings.HasSuffix(r.URL.Path, "/PULP_MANIFEST") {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := newPastSite(t, t.TempDir(), fileType("mirror"))
	args := []string{"--quiet", "backfill", "--rate", "0", "--from", "url:" + server.URL + "/{YYYY}/{MM}/{DD}/", "--resume", "myfile"}
	for _, words := range [][]string{append(slices.Clone(args[:len(args)-2]), "--dry-run", "myfile"), args} {
		code, _, said := s.do(pastNow, words...)
		if code != exitFailed || !strings.Contains(said, "nobody answered for 5 states in a row") {
			t.Errorf("%q: exit code %d: %s", words, code, said)
		}
	}
	if ids := s.ids(); len(ids) != 3 {
		t.Errorf("checkpoints %q, want those of three days", ids)
	}
	down.Store(false)
	s.want(exitDone, pastNow, args...)
	if n := len(s.ids()); n != 12 {
		t.Errorf("%d checkpoints, want 12", n)
	}
}

// TestBackfill_secrets gives a source user and password and a token: nobody
// else sees them.
func TestBackfill_secrets(t *testing.T) {
	t.Parallel()
	const user, password, token = "reader", "s3cret/pass", "t0ken-value"
	states := pastHistory(3)
	dir := dated(t, states)
	list := ""
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "no "+p, http.StatusUnauthorized)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/PULP_MANIFEST") && strings.HasPrefix(r.URL.RawQuery, "token=") && r.URL.Query().Get("token") != token {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	with := strings.Replace(server.URL, "http://", "http://reader:s3cret%2Fpass@", 1)
	for _, s := range states {
		list += fmt.Sprintf("%s,%s/%s/%s/%s/PULP_MANIFEST?token=%s\n", s.id, with, s.id[:4], s.id[4:6], s.id[6:8], token)
	}
	must(t, os.WriteFile(filepath.Join(dir, "states.csv"), []byte(list), 0o644))
	must(t, os.Remove(filepath.Join(dir, "2025", "01", "02", "pool", "a", "file-3+b.iso")))
	for name, from := range map[string]string{
		"index pages": "dir:" + with + "/{YYYY}/{MM}/{DD}/?token=" + token,
		"url":         "url:" + with + "/{YYYY}/{MM}/{DD}/?token=" + token,
		"a list":      "list:" + with + "/states.csv?token=" + token,
		"refused":     "url:" + strings.Replace(with, "s3cret", "wr0ng", 1) + "/{YYYY}/{MM}/{DD}/?token=" + token,
		"no pattern":  "url:" + with + "/?token=" + token,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPastSite(t, t.TempDir(), fileType("mirror"))
			want := map[string]int{"refused": exitFailed, "no pattern": exitUsage}[name]
			if want == 0 {
				want = exitSome
			}
			code, out, said := s.do(pastNow, "--verbose", "backfill", "--rate", "0", "--json", "--from", from, "myfile")
			if code != want {
				t.Errorf("exit code %d, want %d: %s", code, want, said)
			}
			all := out + said + fmt.Sprint(s.objects())
			index, err := os.ReadFile(filepath.Join(s.dir, "datestone.db"))
			if err == nil {
				all += string(index)
			}
			for _, secret := range []string{"s3cret", "wr0ng", token} {
				if at := strings.Index(all, secret); at >= 0 {
					t.Errorf("%q is told: …%.200q", secret, all[max(0, at-100):])
				}
			}
		})
	}
}

func TestPastSecrets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"https://u:p@h/a/{ID}/?x=y":   {"https://h/a/{ID}/", "x=y"},
		"https://u:p%40@h:8443/{ID}":  {"https://h:8443/{ID}", ""},
		"https://h/a@b/{ID}":          {"https://h/a@b/{ID}", ""},
		"https://u@h":                 {"https://h", ""},
		"/srv/a@b?c/{ID}":             {"/srv/a@b?c/{ID}", ""},
		"s3://bucket/{ID}?endpoint=x": {"s3://bucket/{ID}?endpoint=x", ""},
	} {
		if clean, query := (pastSecrets{}).hide(text); clean != want[0] || query != want[1] {
			t.Errorf("%s: got %q and %q, want %q", text, clean, query, want)
		}
	}
}
