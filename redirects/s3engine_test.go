package redirects_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/s3store"
	"datestone/publish/storetest/servers"
	"datestone/redirects"
	"datestone/redirects/enginetest"

	"golang.org/x/sync/errgroup"
)

// websiteServers are what serves buckets as web sites, Amazon apart, and how
// much they are asked: Ceph takes its time.
var websiteServers = []struct {
	name     string
	start    func(testing.TB) servers.Server
	requests int
}{{"versitygw", servers.VersityGW, 7000}, {"radosgw", servers.RGW, 2500}}

// TestS3ServersSayWhatTheReportSays sets buckets up as the target s3 wants
// them, on real servers, and asks.
func TestS3ServersSayWhatTheReportSays(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	all := s3Tables()
	cases := map[string][]layout.Table{"vectors": v.Tables}
	for _, name := range []string{"one", "two", "fifty", "noons", "kept in what is gone", "nearest"} {
		cases[name] = all[name]
	}
	for _, server := range websiteServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			s := server.start(t)
			for name, tables := range cases {
				t.Run(name, func(t *testing.T) {
					rng := rand.New(rand.NewPCG(51, 52))
					targets := plain(append(vectorPaths(v), randomTargets(rng, tables, server.requests)...))
					b := newS3Bucket(t, s, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/"})
					b.ask(t, targets, func(target string, status int, location string) {
						b.check(t, target, status, location)
						checkQuery(t, target, location)
					})
				})
			}
		})
	}
}

// checkQuery: versitygw keeps it with rules, Ceph does not.
func checkQuery(t testing.TB, target, location string) {
	t.Helper()
	_, want, _ := strings.Cut(target, "?")
	if _, got, _ := strings.Cut(location, "?"); got != "" && got != want {
		t.Errorf("%s: leads to %s", target, location)
	}
}

// TestS3ServersAndResolver: nginx, in front of the same buckets by the API,
// answers what they lack. It is asked last, and only once.
func TestS3ServersAndResolver(t *testing.T) {
	t.Parallel()
	tables := []layout.Table{randomTable(rand.New(rand.NewPCG(53, 54)), "r", 20)}
	for _, server := range websiteServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			s := server.start(t)
			bucket := s.Bucket(t)
			b := fillS3Bucket(t, s, bucket, redirects.Input{Tables: tables, PublicURL: "http://" + s.WebsiteHost(bucket) + "/", Resolver: "resolver.test"})
			nginx := startNginx(t, tables, enginetest.Place{Bucket: s.Endpoint + "/" + bucket})
			b.hosts = map[string]string{s.WebsiteHost(bucket) + ":80": s.Website, "resolver.test:80": nginx.Addr}
			for _, target := range plain(randomTargets(rand.New(rand.NewPCG(55, 56)), tables, 1000)) {
				if strings.HasSuffix(target, "/dir") {
					continue
				}
				got, hops := b.goThere(t, target)
				want, _ := b.chase(target, true)
				slashless := b.has(strings.TrimSuffix(strings.Split(target, "?")[0][1:], "/") + "/index.html")
				if got != want && !slashless || hops > 3 {
					t.Errorf("%s ends with %s after %d redirects, want %s", target, got, hops, want)
				}
			}
		})
	}
}

// An s3Bucket is an s3Site on a server.
type s3Bucket struct {
	*s3Site
	server servers.Server
	bucket string
	sent   []layout.WebsitePlan // when it was filled
	hosts  map[string]string    // where they are really
}

func newS3Bucket(t *testing.T, server servers.Server, in redirects.Input) *s3Bucket {
	t.Helper()
	return fillS3Bucket(t, server, server.Bucket(t), in)
}

// fillS3Bucket puts everything into place.
func fillS3Bucket(t *testing.T, server servers.Server, bucket string, in redirects.Input) *s3Bucket {
	t.Helper()
	b := &s3Bucket{s3Site: newS3Site(t, in), server: server, bucket: bucket}
	server.Open(t, b.bucket)
	store, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.Endpoint, PathStyle: true, Bucket: b.bucket})
	if err != nil {
		t.Fatal(err)
	}
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	put := func(key string) {
		g.Go(func() error {
			_, err := store.Put(ctx, publish.Bytes(layout.Object{Key: key, Size: int64(len(key)), SHA256: layout.DigestOf([]byte(key))}, []byte(key)))
			return err
		})
	}
	for _, tab := range in.Tables {
		base := (tab.PublicPath + tab.BasePath)[1:]
		put(layout.ListingKey(base))
		put(layout.TableKey(base))
		for _, c := range tab.Checkpoints {
			for _, f := range s3Files {
				put(layout.Key(base, c.ID, f))
			}
		}
	}
	g.Go(func() (err error) { b.sent, err = pushWebsite(ctx, store, 8, s3GoalOf(t, in)); return err })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	return b
}

// client follows nothing.
func (b *s3Bucket) client(t testing.TB, connections int) *http.Client {
	dialer := net.Dialer{}
	tr := &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if real := b.hosts[addr]; real != "" {
				addr = real
			}
			return dialer.DialContext(ctx, network, addr)
		}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask sends targets over several connections kept alive.
func (b *s3Bucket) ask(t *testing.T, targets []string, check func(target string, status int, location string)) {
	t.Helper()
	const connections = 8
	c := b.client(t, connections)
	var g errgroup.Group
	g.SetLimit(connections)
	for i, target := range targets {
		g.Go(func() error {
			method := http.MethodGet
			if i%5 == 4 {
				method = http.MethodHead
			}
			r, _, err := b.once(t.Context(), c, method, "http://"+b.server.Website+target, b.server.WebsiteHost(b.bucket))
			if err == nil {
				check(target, r.StatusCode, r.Header.Get("Location"))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (b *s3Bucket) once(ctx context.Context, c *http.Client, method, url, host string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, "", err
	}
	r.Host = host
	r.Close = b.server.Name == "radosgw" // the bodies of its 404 are longer than it says
	resp, err := c.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// goThere follows target to its end, as chase does, on real servers.
func (b *s3Bucket) goThere(t *testing.T, target string) (end string, hops int) {
	t.Helper()
	c := b.client(t, 1)
	url := b.origin + target
	for ; hops < 9; hops++ {
		r, body, err := b.once(t.Context(), c, http.MethodGet, url, "")
		if err != nil {
			t.Fatal(err)
		}
		location := r.Header.Get("Location")
		if location == "" && r.StatusCode == 200 {
			return "200 /" + body, hops
		}
		if location == "" {
			return fmt.Sprint(r.StatusCode, " "), hops
		}
		next, err := r.Request.URL.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		url = next.String()
	}
	return "loop", hops
}
