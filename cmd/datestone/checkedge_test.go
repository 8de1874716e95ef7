package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects/enginetest"
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
