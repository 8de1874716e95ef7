package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish/storetest/servers"
	"datestone/redirects/enginetest"

	"github.com/google/go-cmp/cmp"
)

// edges are the engines that serve a site, by their targets.
var edges = []struct {
	target    string
	start     func(t testing.TB, rules string, p enginetest.Place) enginetest.Engine
	directory bool // serves files, too
	clock     bool
	mayList   bool // is allowed to list the bucket: without, S3 says 403 for what is missing
}{
	{"nginx", enginetest.Nginx, true, false, false},
	{"haproxy", enginetest.HAProxy, false, true, false},
	{"apache", enginetest.Apache, true, true, false},
	{"caddy", enginetest.Caddy, true, true, false},
	{"cloudfront", enginetest.CloudFront, false, true, true},
	{"cloudflare", enginetest.Cloudflare, false, true, false},
}

// TestCheckPassesEveryEdge asks each real engine, in front of what the program
// published into a directory and into MinIO.
func TestCheckPassesEveryEdge(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, edge := range edges {
		for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
			if kind.server == nil && !edge.directory {
				continue
			}
			for _, public := range []string{"/", "/mirror/"} {
				t.Run(edge.target+"/"+kind.name+public, func(t *testing.T) {
					t.Parallel()
					s := newE2ESite(t, kind, remote, "", public)
					s.see("one")
					s.run(e2eFirst, "run")
					s.see("two")
					s.run(e2eSecond, "run")
					s.run(e2eSecond, "redirects", "render", "--target", edge.target)
					place := s.place()
					if edge.mayList {
						s.allow("s3:GetObject", "s3:ListBucket")
					}
					s.checkPasses(edge.start(t, filepath.Join(s.dir, "redirects"), place), edge.clock)
				})
			}
		}
	}
}

// checkPasses wants check to find nothing wrong with a site behind an engine.
func (s *e2eSite) checkPasses(e enginetest.Engine, clock bool) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	url := fmt.Sprintf("http://%s%scheckpoints/myfile", e.Addr, s.public)
	code := run(s.t.Context(), []string{"datestone", "check", url}, s.env(layout.StampOf(time.Now()), &stdout, &stderr))
	said := stdout.String()
	if code != exitDone || strings.Count(said, "ok   ") < 30 || strings.Contains(said, "no clock") == clock {
		s.t.Errorf("exit code %d\n%s%s", code, said, stderr.String())
	}
}

// TestCheckOfS3 asks buckets that real servers serve as web sites, and that
// anyone may read and list: what S3 can't do is found, as its report says, and
// nothing else. versitygw's web sites know no ranges and conditions either.
func TestCheckOfS3(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start func(testing.TB) servers.Server
		fails []string
	}{
		"versitygw": {servers.VersityGW, []string{"If-None-Match", "Range", "base path without slash", "cache of redirects", "checkpoint without slash",
			"directory without slash", "miss inside a checkpoint", "nearly a timestamp", "one hop", "rest and query", "what is private"}},
		"radosgw": {servers.RGW, []string{"base path without slash", "cache of redirects", "checkpoint without slash",
			"directory without slash", "miss inside a checkpoint", "nearly a timestamp", "rest and query", "what is private"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := c.start(t)
			bucket := server.Bucket(t)
			server.Open(t, bucket)
			front := websiteFront(t, server, bucket)
			s := newWalkSite(t)
			s.inBucket("s3://"+bucket+"?endpoint="+url.QueryEscape(server.Endpoint), front+"/")
			now := time.Now().UTC().Truncate(time.Second)
			id := func(days int) layout.Stamp { return layout.StampOf(now.AddDate(0, 0, days)) }
			s.upstream("one")
			s.run(id(0), "run", "--at", string(id(-3)))
			s.upstream("two")
			s.run(id(0), "run", "--at", string(id(-1)))
			code, results, said := checkSite(t, front+checkBase)
			if d := cmp.Diff(c.fails, rowsOf(results, "fail")); d != "" || code != exitDamage {
				t.Errorf("exit code %d, failed rows (want -, got +):\n%s%s%+v", code, d, said, results)
			}
		})
	}
}

// websiteFront is where a bucket is asked for as a web site, by its own name
// at the server.
func websiteFront(t *testing.T, server servers.Server, bucket string) string {
	t.Helper()
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", server.Website, server.WebsiteHost(bucket)
		},
		// The bodies of Ceph's 404 are longer than it says.
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	})
	t.Cleanup(front.Close)
	return front.URL
}
