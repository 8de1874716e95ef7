package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// TestReadersWhileRunsPublish lets readers poll through nginx while one run
// after another publishes and reloads it.
func TestReadersWhileRunsPublish(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			const checkpoints = 20
			remote := newE2ERemote(t)
			for i := range checkpoints {
				remote.states[fmt.Sprint(i)] = e2eGrowing(i)
			}
			s := newE2ESite(t, kind, remote, "", "/")
			nginx := s.edge()
			stop := make(chan struct{})
			readers := make([]*e2eReader, 2)
			var all sync.WaitGroup
			for i := range readers {
				readers[i] = newE2EReader(t, "http://"+nginx.Addr, remote, uint64(i))
				all.Go(func() { readers[i].read(stop) })
			}
			for i := range checkpoints {
				s.configure(fmt.Sprint(i), execOf(nginx))
				s.run(e2eHour(i), "run")
			}
			close(stop)
			all.Wait()
			for _, r := range readers {
				r.judge(s)
			}
		})
	}
}

// e2eHour is when the checkpoint i is taken.
func e2eHour(i int) layout.Stamp {
	return layout.StampOf(e2eFirst.Time().Add(time.Duration(i) * time.Hour))
}

// e2eGrowing is the remote's state i: one file stays, one changes, one comes,
// one goes.
func e2eGrowing(i int) content {
	return content{"stays": "stays", "changes": fmt.Sprint("now ", i), fmt.Sprint("g++_", i, "~rc.deb"): "new", "dir/also new": fmt.Sprint(i)}
}

// edge starts nginx with the rules of the site that is still empty.
func (s *e2eSite) edge() enginetest.Engine {
	s.t.Helper()
	s.see("0")
	s.run(e2eHour(0), "redirects", "render", "--target", "nginx")
	return enginetest.Nginx(s.t, filepath.Join(s.dir, "redirects"), s.place())
}

// execOf is the configuration that lets a run reload an engine.
func execOf(e enginetest.Engine) string {
	words, err := json.Marshal(e.Reload)
	if err != nil {
		panic(err) // strings always encode
	}
	return ", exec: " + string(words)
}

// An e2eReader is a client that does not know when runs publish.
type e2eReader struct {
	t      *testing.T
	url    string
	remote *e2eRemote
	rng    *rand.Rand
	client *http.Client
	// final is where a 301 led, by the path that was asked for.
	final map[string]string
	// known are the checkpoints that were announced.
	known map[layout.Stamp]bool
	// told are the places of announcements that were there once.
	told map[string]bool
}

func newE2EReader(t *testing.T, url string, remote *e2eRemote, seed uint64) *e2eReader {
	r := &e2eReader{t: t, url: url, remote: remote, rng: rand.New(rand.NewPCG(seed, 31)), final: map[string]string{}, known: map[layout.Stamp]bool{}, told: map[string]bool{}}
	r.client = &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(r.client.CloseIdleConnections)
	return r
}

// read polls until stop is closed, and then once more, to see the last one too.
func (r *e2eReader) read(stop <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-stop:
			r.look(0)
			return
		default:
		}
		r.look(round)
		r.ask()
		time.Sleep(2 * time.Millisecond) // leave something of a small machine to the runs
	}
}

// look wants all that is announced to be complete.
func (r *e2eReader) look(round int) {
	for _, id := range r.announced(round) {
		if !r.known[id] || r.rng.IntN(10) == 0 {
			r.complete(id)
		}
		r.known[id] = true
	}
}

var e2eID = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z`)

// announced returns the checkpoints that the table, or the page, or the
// channel names. Before the first there is none of them.
func (r *e2eReader) announced(round int) []layout.Stamp {
	path := []string{"checkpoints.json", "", "latest/PULP_MANIFEST"}[round%3]
	status, location, body := r.get("/checkpoints/myfile/" + path)
	switch {
	case status == http.StatusNotFound && !r.told[path]:
		return nil
	case status != http.StatusOK && status != http.StatusFound:
		r.t.Errorf("/checkpoints/myfile/%s: status %d, when %d checkpoints were announced", path, status, len(r.known))
		return nil
	}
	r.told[path] = true
	if status == http.StatusFound {
		return r.ids(location)
	}
	if path == "" {
		body, _, _ = strings.Cut(body, "</pre>") // what follows tells how to ask for times
	}
	if path != "checkpoints.json" {
		return r.ids(body)
	}
	table, err := layout.DecodeTable([]byte(body))
	if err != nil {
		r.t.Error(err)
	}
	var ids []layout.Stamp
	for _, c := range table.Checkpoints {
		ids = append(ids, c.ID)
	}
	return ids
}

func (r *e2eReader) ids(text string) (ids []layout.Stamp) {
	for _, id := range e2eID.FindAllString(text, -1) {
		ids = append(ids, layout.Stamp(id))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// complete wants all files and pages of an announced checkpoint.
func (r *e2eReader) complete(id layout.Stamp) {
	i := int(id.Time().Sub(e2eFirst.Time()) / time.Hour)
	want := maps.Clone(r.remote.states[fmt.Sprint(i)])
	want["PULP_MANIFEST"] = want.manifest()
	for _, page := range []string{"", "dir/"} {
		if status, location, _ := r.get("/checkpoints/myfile/" + string(id) + "/" + page); status != http.StatusOK {
			r.t.Errorf("%s was announced, but its page %q is answered with %d %s", id, page, status, location)
		}
	}
	for path, body := range want {
		status, location, got := r.get("/checkpoints/myfile/" + string(id) + layout.URLPath(path))
		if status != http.StatusOK || got != body {
			r.t.Errorf("%s was announced, but %s is answered with %d %s %.100q, want %.100q", id, path, status, location, got, body)
		}
	}
}

// ask asks for a time, and remembers where it leads if that is final.
func (r *e2eReader) ask() {
	m := e2eFirst.Time().Add(time.Duration(r.rng.IntN(22*60)-60) * time.Minute)
	path := "/checkpoints/myfile/" + string(layout.StampOf(m)) + "/stays"
	switch status, location, _ := r.get(path); status {
	case http.StatusMovedPermanently:
		if before, ok := r.final[path]; ok && before != location {
			r.t.Errorf("%s led to %s for ever, and now leads to %s", path, before, location)
		}
		r.final[path] = location
	case http.StatusFound:
		if before, ok := r.final[path]; ok && before != location {
			r.t.Errorf("%s led to %s for ever, and is answered with 302 to %s", path, before, location)
		}
	case http.StatusOK, http.StatusNotFound:
		if before, ok := r.final[path]; ok {
			r.t.Errorf("%s led to %s for ever, and is answered with %d", path, before, status)
		}
	default:
		r.t.Errorf("%s is answered with %d %s", path, status, location)
	}
}

// get asks as a patient client does: a worker of nginx that is reloaded again
// and again may drop a connection.
func (r *e2eReader) get(path string) (status int, location, body string) {
	var err error
	for range 3 {
		var res *http.Response
		if res, err = r.client.Get(r.url + path); err != nil {
			continue
		}
		var b []byte
		b, err = io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			return res.StatusCode, res.Header.Get("Location"), string(b)
		}
	}
	r.t.Errorf("%s: %v", path, err)
	return 0, "", ""
}

// judge holds what the reader learned against the site as it is in the end.
func (r *e2eReader) judge(s *e2eSite) {
	r.t.Helper()
	table, err := layout.DecodeTable([]byte(e2eRead(r.t, s.open(), layout.TableKey("checkpoints/myfile"))))
	must(r.t, err)
	for path, location := range r.final {
		m := layout.Stamp(strings.Split(path, "/")[3])
		if want := "/checkpoints/myfile/" + string(table.At(m)) + "/stays"; location != want {
			r.t.Errorf("%s led to %s for ever, but leads to %s", path, location, want)
		}
	}
	if len(r.known) != len(table.Checkpoints) || len(r.final) < 10 {
		r.t.Errorf("the reader saw only %d of %d checkpoints, and %d final answers", len(r.known), len(table.Checkpoints), len(r.final))
	}
	rules, err := os.ReadDir(filepath.Join(s.dir, "redirects", "nginx"))
	must(r.t, err)
	if len(rules) != 2 {
		r.t.Errorf("%d files of rules, want 2", len(rules))
	}
}
