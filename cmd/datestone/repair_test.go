package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// repaired runs verify --repair, and returns what it could not repair, as
// verified does.
func (s *damagedSite) repaired(args ...string) (left []string) {
	s.t.Helper()
	code, out, said := s.try(vNow, append([]string{"verify", "--json", "--deep", "--repair"}, args...)...)
	left = []string{}
	for line := range strings.Lines(out) {
		var f finding
		must(s.t, json.Unmarshal([]byte(line), &f))
		if f.Repair == "" || f.Repaired == strings.HasPrefix(f.Repair, "not repaired: ") {
			s.t.Errorf("%s: does not say what became of it", line)
		}
		if !f.Repaired {
			left = append(left, f.Kind+" "+strings.TrimPrefix(f.Key, vBase+"/"))
		}
	}
	want := exitDone
	if len(left) > 0 {
		want = exitDamage
	}
	if code != want || out == "" {
		s.t.Errorf("exit code %d with %d findings that stay: %s%s", code, len(left), out, said)
	}
	return left
}

// whole is all that stands in the bucket that is to be the same again.
func (s *damagedSite) whole() siteBytes {
	s.t.Helper()
	all := siteBytes{}
	for info, err := range s.store.List(s.t.Context(), "") {
		must(s.t, err)
		if !strings.HasPrefix(info.Key, layout.PrivatePrefix) {
			body, h := s.read(info.Key)
			all[info.Key] = h.ContentType + " " + h.CacheControl + " " + body
		}
	}
	return all
}

// irreparable are the damages of the log that nothing makes good.
var irreparable = []string{"missing log/2.json", "missing log/3.json", "chain log/1.json", "chain log/2.json", "chain log/3.json"}

// TestRepair plants damage and wants it repaired, so that the bucket is byte for
// byte what it was, headers too; or wants said that it stays.
func TestRepair(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1], e2eStores[4]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, kind)
			want := s.whole()
			for _, d := range append(damages(), logDamages()...) {
				if len(d.want) == 0 || d.of == "s3" && s.isDirectory() || d.name == "the last record is rewritten" {
					continue
				}
				s.mend(d, want)
				if strings.Contains(d.name, "list of repositories") {
					want = s.whole() // which counts one more change
				}
			}
		})
	}
}

func (s *damagedSite) mend(d damage, want siteBytes) {
	s.t.Helper()
	d.do(s)
	stay := []string{}
	for _, f := range d.want {
		if strings.HasPrefix(f, "unknown ") || slices.Contains(irreparable, f) {
			stay = append(stay, f)
		}
	}
	if diff := cmp.Diff(stay, s.repaired()); diff != "" {
		s.t.Errorf("%s: what is left (-want +got):\n%s", d.name, diff)
	}
	if len(stay) > 0 {
		s.restore()
	}
	s.undo = nil
	if diff := differ(s.whole(), want); diff != "" && !strings.Contains(d.name, "list of repositories") {
		s.t.Fatalf("%s: after the repair\n%s", d.name, diff)
	}
	s.clean(d.name + ", repaired")
}

// TestRepairFromUpstream wants content back that no other key has, as long as
// upstream has it, and said that it is lost when that has not.
func TestRepairFromUpstream(t *testing.T) {
	t.Parallel()
	s := newDamagedSite(t, e2eStores[0])
	key := layout.Key(vBase, vLast, "with space.rpm")
	for _, id := range []layout.Stamp{vOne, vTwo, vLast} {
		s.replace(layout.Key(vBase, id, "with space.rpm"), sameLength)
	}
	s.undo = nil
	if left := s.repaired(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if body, _ := s.read(key); body != "space" {
		t.Errorf("got %q from upstream", body)
	}
	s.clean("restored from upstream")
	for _, id := range []layout.Stamp{vOne, vTwo, vLast} {
		s.remove(layout.Key(vBase, id, "with space.rpm"))
	}
	s.remote.states["three"] = content{"other": "content"}
	want := []string{}
	for _, id := range []layout.Stamp{vOne, vTwo, vLast} {
		want = append(want, "missing "+string(id)+"/with space.rpm")
	}
	if d := cmp.Diff(want, s.repaired()); d != "" {
		t.Errorf("upstream has it no more (-want +got):\n%s", d)
	}
}

// TestRepairLast wants the newest record's loss, and an edited table on a
// machine without index, told apart: the log is the truth.
func TestRepairLast(t *testing.T) {
	t.Parallel()
	s := newDamagedSite(t, e2eStores[0])
	table, _ := s.read(layout.TableKey(vBase))
	for _, body := range []string{"{}", strings.Replace(table, `"files":10`, `"files":11`, 1)} {
		must(t, os.Remove(filepath.Join(s.dir, "datestone.db")))
		want := s.whole()
		s.replace(layout.TableKey(vBase), func(string) string { return body })
		if left := s.repaired(); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		if d := differ(s.whole(), want); d != "" {
			t.Error(d)
		}
	}
	s.run(vNow, "run")
	s.clean("and runs go on")
}

// TestRepairIsLocked wants verify --repair to keep away from a run that is
// alive, and verify alone not to mind.
func TestRepairIsLocked(t *testing.T) {
	t.Parallel()
	s := newDamagedSite(t, e2eStores[0])
	b, err := publish.New(publish.Config{Store: s.store})
	must(t, err)
	err = b.Log("myfile", vBase).Locked(t.Context(), publish.LockConfig{Owner: "a test", Since: vNow, Lease: 300 * time.Millisecond}, func(context.Context) error {
		if code, _, said := s.try(vNow, "verify", "--repair"); code != exitLocked || !strings.Contains(said, "a test") {
			t.Errorf("exit code %d: %s", code, said)
		}
		s.clean("locked by another")
		return nil
	})
	must(t, err)
}
