package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/publish"
	"datestone/publish/storetest/servers"
	reposync "datestone/sync"
	"datestone/sync/history"
)

func newPastOpener(t testing.TB, rate float64) *pastOpener {
	return &pastOpener{env: &env{}, ctx: t.Context(), remote: reposync.Remote{Type: "deb", URL: "https://example.org/debian"}, jobs: 8,
		client: reposync.New(reposync.Config{Rate: rate}), stores: map[string]pastBucket{}, users: pastSecrets{}}
}

// States of a list are opened side by side: each in a bucket of its own, or all
// in one that is no bucket.
func TestPastOpener_buckets(t *testing.T) {
	t.Parallel()
	host := servers.MinIO(t).Host()
	o := newPastOpener(t, 0)
	var g errgroup.Group
	for i := range 32 {
		g.Go(func() error {
			r, err := o.at(history.State{}, fmt.Sprintf("minio://%s/copies-%d/debian", host, i%16), "", false)
			if err != nil || r.Past.Tree == nil {
				return fmt.Errorf("%v: %w", r.Past, err)
			}
			return nil
		})
		g.Go(func() error {
			if r, err := o.at(history.State{}, "minio://"+host+"/no_bucket/debian", "", false); err == nil {
				return fmt.Errorf("what is no bucket is opened: %v", r.Past)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// A bucket is asked no more often than any other host.
func TestPastOpener_rate(t *testing.T) {
	t.Parallel()
	server := servers.MinIO(t)
	o := newPastOpener(t, 20)
	r, err := o.at(history.State{}, "minio://"+server.Host()+"/"+server.Bucket(t)+"/debian", "", false)
	must(t, err)
	began := time.Now()
	for range 7 {
		if body, _, err := r.Past.Tree.Open(t.Context(), "x", -1); err == nil {
			body.Close()
			t.Error("what is not there is opened")
		}
	}
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("7 requests took %v, want 300 ms or more", took)
	}
}

// Whoever serves states from a bucket that is overloaded has not lost them.
func TestStateReport_unreachableBucket(t *testing.T) {
	t.Parallel()
	for _, err := range []error{publish.ErrTemporary, publish.ErrSlowDown} {
		if !(stateReport{}).failed(fmt.Errorf("get %q: %w", "x", err)).unreachable {
			t.Errorf("%v: is taken for a state that is not whole", err)
		}
	}
	if (stateReport{}).failed(os.ErrNotExist).unreachable {
		t.Error("what is missing is taken for a source that does not answer")
	}
}

// TestBackfill_oddNames reads directories whose names mean something in a URL.
func TestBackfill_oddNames(t *testing.T) {
	t.Parallel()
	states := pastHistory(2)
	dir := filepath.Join(t.TempDir(), "what? 100% #1")
	list := ""
	for _, s := range states {
		s.write(t, filepath.Join(dir, string(s.id)))
		list += fmt.Sprintf("%s,%s/%s/PULP_MANIFEST\n", s.id, fileURLOf(dir), s.id)
	}
	must(t, os.WriteFile(filepath.Join(dir, "states.csv"), []byte(list), 0o644))
	for name, from := range map[string]string{"directories": "dir:" + dir + "/{ID}", "a list": "list:" + fileURLOf(filepath.Join(dir, "states.csv"))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPastSite(t, t.TempDir(), fileType("mirror"))
			s.want(exitDone, pastNow, "--quiet", "backfill", "--from", from, "myfile")
			if got := len(s.ids()); got != len(states) {
				t.Errorf("%d checkpoints, want %d", got, len(states))
			}
		})
	}
}
