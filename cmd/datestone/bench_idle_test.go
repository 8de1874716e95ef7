package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/dirstore"
	"datestone/publish/storetest/servers"
)

// benchIdleRuns is how many runs are timed that find nothing new.
const benchIdleRuns = 20

// BenchmarkRun_nothingNew publishes the 10,000 files and then runs again while
// nothing is new. What it costs in requests is counted, and must be one to the
// remote, one to the bucket, and none that writes.
func BenchmarkRun_nothingNew(b *testing.B) {
	remote := newBenchRemote(b)
	t := &benchTable{}
	t.add("nothing new", "run, median of 20", "to the remote", "to the bucket", "of them writes")
	for _, d := range benchDrivers {
		b.Run("minio/"+d.name, func(b *testing.B) {
			server := servers.MinIO(b)
			front := &idleFront{}
			front.listen(b, server.Endpoint)
			bucket := server.Bucket(b)
			server.Endpoint = front.URL
			benchIdle(b, newBenchSite(b, d.url(server, bucket), remote), remote, &front.idleCount, "MinIO, driver "+d.name, t)
		})
	}
	b.Run("file", func(b *testing.B) {
		store := &idleStore{}
		site := newBenchSite(b, "file:"+b.TempDir(), remote)
		site.wrap = store.around
		benchIdle(b, site, remote, &store.idleCount, "file:", t)
	})
	t.print(os.Stderr)
}

func benchIdle(b *testing.B, site benchSite, remote *benchRemote, count *idleCount, name string, t *benchTable) {
	site.run(b, "published")
	var took []time.Duration
	for b.Loop() {
		for range benchIdleRuns {
			remote.requests.Store(0)
			count.all.Store(0)
			count.writes.Store(0)
			took = append(took, timed(func() { site.run(b, "unchanged") }))
			if asked, all, writes := remote.requests.Load(), count.all.Load(), count.writes.Load(); asked != 1 || all != 1 || writes != 0 {
				b.Fatalf("%d requests to the remote, %d to the bucket, %d of them writes; want 1, 1, 0", asked, all, writes)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	ms := median(took).Seconds() * 1000
	b.ReportMetric(ms, "ms/run")
	t.add(name, fmt.Sprintf("%.1f ms", ms), "1", "1", "0")
}

// An idleCount is how many requests a bucket got.
type idleCount struct{ all, writes atomic.Int64 }

func (c *idleCount) add(write bool) {
	c.all.Add(1)
	if write {
		c.writes.Add(1)
	}
}

// An idleFront stands before a server and counts what goes through.
type idleFront struct {
	*httptest.Server
	idleCount
}

func (f *idleFront) listen(b *testing.B, endpoint string) {
	to, err := url.Parse(endpoint)
	must(b, err)
	proxy := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 2 * benchWorkers, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.add(r.Method != http.MethodGet && r.Method != http.MethodHead)
		proxy.ServeHTTP(w, r)
	}))
	b.Cleanup(f.Close)
}

// An idleStore is a directory that counts its calls.
type idleStore struct {
	*dirstore.Store
	idleCount
}

func (s *idleStore) around(store publish.Store) publish.Store {
	s.Store = store.(*dirstore.Store)
	return s
}

func (s *idleStore) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	s.add(false)
	return s.Store.Get(ctx, key, offset, length)
}

func (s *idleStore) Stat(ctx context.Context, key string) (publish.Info, error) {
	s.add(false)
	return s.Store.Stat(ctx, key)
}

func (s *idleStore) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	s.add(false)
	return s.Store.List(ctx, prefix)
}

func (s *idleStore) Put(ctx context.Context, p publish.Put) (publish.Info, error) {
	s.add(true)
	return s.Store.Put(ctx, p)
}

func (s *idleStore) Link(ctx context.Context, from string, to layout.Object) error {
	s.add(true)
	return s.Store.Link(ctx, from, to)
}

func (s *idleStore) Delete(ctx context.Context, keys ...string) error {
	s.add(true)
	return s.Store.Delete(ctx, keys...)
}

func (s *idleStore) Sync(ctx context.Context) error {
	s.add(true)
	return s.Store.Sync(ctx)
}
