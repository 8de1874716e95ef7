package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// clean wants verify to find nothing, whether it reads all or not.
func (s *damagedSite) clean(what string) {
	s.t.Helper()
	for _, args := range [][]string{{"--deep"}, {}} {
		if d := cmp.Diff(nothingSeen, s.verified(args...)); d != "" {
			s.t.Errorf("%s, %v (-want +got):\n%s", what, args, d)
		}
	}
}

// append puts a record at the end of the log, as a command would that was
// interrupted then.
func (s *damagedSite) append(kind layout.Kind, id layout.Stamp, set func(*layout.Record)) {
	s.t.Helper()
	b, err := publish.New(publish.Config{Store: s.store})
	must(s.t, err)
	log := b.Log("myfile", vBase)
	table, err := log.Table(s.t.Context())
	must(s.t, err)
	r := layout.NewRecord(kind, table.Log, "myfile", vBase, id, vNow)
	set(&r)
	_, err = log.Append(s.t.Context(), r)
	must(s.t, err)
}

// TestVerifyClean wants nothing found where nothing is wrong.
func TestVerifyClean(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, kind)
			s.run(vNow, "promote", "myfile", "frozen", string(vOne))
			s.clean("a channel was promoted")
			s.see("one")
			s.run("20250321T000001Z", "sync")
			s.clean("a claim is open")
			s.see("two")
			s.run("20250321T000002Z", "run")
			s.clean("a claim was superseded")
			key := layout.Key(vBase, vTwo, "index.html")
			s.replace(key, func(b string) string { return strings.Replace(b, "<style>\n", "<style>\n/* older */\n", 1) })
			s.replace(layout.ListingKey(vBase), func(b string) string { return strings.Replace(b, "<style>\n", "<style>\n/* older */\n", 1) })
			s.clean("pages were drawn in another style")
			config := filepath.Join(s.dir, "datestone.yaml")
			body, err := os.ReadFile(config)
			must(t, err)
			must(t, os.WriteFile(config, []byte(strings.Replace(string(body), "snapshots.example.org", "other.example.org", 1)), 0o666))
			s.clean("the site has another public URL")
			must(t, os.Remove(filepath.Join(s.dir, "datestone.db")))
			s.clean("a machine without index")
		})
	}
}

// TestVerifySeveral wants nothing found in a site of several repositories: one
// that keeps what upstream removed, one that has published nothing, one empty.
func TestVerifySeveral(t *testing.T) {
	t.Parallel()
	s := newWalkSite(t)
	config := "bucket: file:site\npublic_url: http://127.0.0.1:8080/mirror/\nrepositories:\n" +
		"  - {name: myfile, base_path: a/b/myfile, remote: {type: file, mode: additive, url: 'file:upstream/PULP_MANIFEST'}}\n" +
		"  - {name: silent, base_path: a/silent, remote: {type: file, url: 'file:upstream/PULP_MANIFEST'}}\n" +
		"  - {name: empty, base_path: empty, remote: {type: file, url: 'file:upstream/PULP_MANIFEST'}}\n" +
		"redirects: {targets: [nginx, haproxy, json]}\n"
	must(t, os.WriteFile(s.config(), []byte(config), 0o666))
	s.run(vOne, "verify", "--deep")
	s.upstream("one")
	s.run(vOne, "run", "myfile")
	s.upstream("two")
	s.run(vTwo, "run", "myfile")
	s.run(vTwo, "publish", "--force", "empty")
	s.run(vNow, "verify", "--deep")
	s.run(vNow, "verify", "--deep", "--from", string(vTwo), "myfile")
	s.run(vNow, "verify", "--deep", "myfile", string(vOne))
}

// TestVerifyDeb wants nothing found in mirrors of apt repositories, whose
// checkpoints have their keys and second paths of the same content.
func TestVerifyDeb(t *testing.T) {
	t.Parallel()
	findAptTools(t)
	d := newE2EDeb(t, e2eStores[0], makeDebStates(t))
	d.publish()
	(&damagedSite{e2eSite: d.e2eSite}).clean("apt repositories")
}

// TestVerifyLog wants what is only in the log told: checkpoints that were pruned
// and stand, content that was redacted and stands, and that readers do not see
// it yet.
func TestVerifyLog(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, kind)
			s.append(layout.Prune, vOne, func(r *layout.Record) { r.Pruned = []layout.Stamp{vOne} })
			if d := cmp.Diff([]string{"stale checkpoints.json", "stale index.html"}, s.verified("--deep")); d != "" {
				t.Errorf("pruned and not announced (-want +got):\n%s", d)
			}
			s.run(vNow, "run")
			s.clean("pruned and not swept")
			key := layout.Key(vBase, vOne, "1.iso")
			s.remove(key)
			s.clean("partly swept")
			s.undo = nil

			sum := layout.DigestOf([]byte("percent"))
			s.append(layout.Redact, vNow, func(r *layout.Record) { r.Redacted, r.Reason = []layout.Digest{sum}, "a test" })
			s.run(vNow, "run", "myfile")
			found := s.verified()
			if !strings.Contains(strings.Join(found, "\n"), "redacted "+string(vTwo)+"/sub/deep/er/100%") {
				t.Errorf("redacted content stands: got %q", found)
			}
			s.remove(layout.Key(vBase, vTwo, "sub/deep/er/100%"))
			s.remove(layout.Key(vBase, vLast, "sub/deep/er/100%"))
			s.clean("redacted content is gone")
		})
	}
}

// TestVerifyHardLinks wants damage named in every checkpoint that shares it.
func TestVerifyHardLinks(t *testing.T) {
	t.Parallel()
	s := newDamagedSite(t, e2eStores[0])
	name := filepath.Join(s.dir, "site", "pre", "fix", filepath.FromSlash(layout.Key(vBase, vLast, "sub/deep/er/100%")))
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("P"), 0)
	must(t, err)
	must(t, f.Close())
	want := []string{}
	for _, id := range []layout.Stamp{vOne, vTwo, vLast} {
		want = append(want, "bytes "+string(id)+"/sub/deep/er/100%")
	}
	if d := cmp.Diff(want, s.verified("--deep")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
