package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/minio/minio-go/v7"

	"datestone/layout"
)

const (
	lockedPath   = "g++_12+b1~rc1_amd64.deb"
	lockedReason = "court order <7>"
)

// TestObjectLock publishes into buckets that lock what is final, prunes what is
// locked, and redacts content that is: the servers' own clocks and locks say
// what may go, and when.
func TestObjectLock(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, kind := range e2eStores[1:] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, remote, "", "/")
			s.takeBucket(s.server.LockingBucket(t))
			s.locks("one")
			s.run("", "run")
			s.locks("two")
			s.run("", "run")
			s.wantLocked()
			s.prunesNothingLocked()
			s.redactsLocked()
			s.publishesWithout()
			s.redactsWhenLocksEnd()
			s.prunesWhenLocksEnd()
		})
	}
}

// TestRedactVersions redacts content from a bucket that keeps all versions, of
// a checkpoint too that was pruned and deleted before.
func TestRedactVersions(t *testing.T) {
	t.Parallel()
	remote := newE2ERemote(t)
	for _, kind := range e2eStores[1:] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newE2ESite(t, kind, remote, "/mirror", "/mirror/")
			s.takeBucket(s.server.VersionedBucket(t))
			s.see("one")
			s.run("", "run")
			s.see("two")
			s.run("", "run")
			s.keepsLast()
			s.run("", "prune")
			if said := s.run("", "prune"); !strings.Contains(said, "deleted") {
				t.Errorf("the second prune said %q", said)
			}
			if stand, kept := s.copies(); stand != 1 || kept != 2 {
				t.Fatalf("after prune %d objects stand, and %d versions are kept, want 1 and 2", stand, kept)
			}
			for range 2 {
				out := s.run("", "redact", "--path", lockedPath, "--reason", lockedReason, "myfile")
				if strings.Count(out, "removed ") != 2 {
					t.Errorf("redact said %q", out)
				}
				if left := s.versionsOf(lockedPath); len(left) > 0 {
					t.Errorf("these versions are left: %+v", left)
				}
			}
			s.run("", "verify", "--deep")
			s.publishesWithout()
		})
	}
}

// takeBucket lets the site stand in another bucket.
func (s *e2eSite) takeBucket(name string) {
	s.bucketURL = strings.Replace(s.bucketURL, s.bucket, name, 1)
	s.bucket = name
}

// locks lets the remote have the state, and the store lock what is final.
func (s *e2eSite) locks(state string) {
	s.configure(state, "}\nobject_lock: {mode: governance, days: 1")
}

// keepsLast configures that only the newest checkpoint is kept.
func (s *e2eSite) keepsLast() {
	s.t.Helper()
	name := filepath.Join(s.dir, "datestone.yaml")
	text, err := os.ReadFile(name)
	must(s.t, err)
	text = []byte(strings.Replace(string(text), "    channels:", "    keep: {last: 1, grace: 0h}\n    channels:", 1))
	must(s.t, os.WriteFile(name, text, 0o666))
}

// versionsOf returns all versions, markers too, of a path in all checkpoints.
func (s *e2eSite) versionsOf(path string) (found []minio.ObjectInfo) {
	s.t.Helper()
	for _, v := range s.server.Versions(s.t, s.bucket, "") {
		if strings.HasSuffix(v.Key, "/"+path) {
			found = append(found, v)
		}
	}
	return found
}

// copies returns how many objects stand that redact is to remove, and how many
// versions with bytes there are of them.
func (s *e2eSite) copies() (stand, kept int) {
	s.t.Helper()
	for _, v := range s.versionsOf(lockedPath) {
		if !v.IsDeleteMarker {
			kept++
		}
	}
	for key := range s.objects() {
		if strings.HasSuffix(key, "/"+lockedPath) {
			stand++
		}
	}
	return stand, kept
}

// wantLocked asks the server itself for the lock of everything that stands.
func (s *e2eSite) wantLocked() {
	s.t.Helper()
	kinds := map[bool]int{}
	for _, v := range s.server.Versions(s.t, s.bucket, "") {
		if v.IsDeleteMarker {
			continue
		}
		mode, until := s.lockOf(v)
		final := e2eRole(v.Key) == layout.Content
		kinds[final]++
		left := time.Until(until)
		switch {
		case final && (mode != "GOVERNANCE" || left < 23*time.Hour || left > 24*time.Hour):
			s.t.Errorf("%s: the server says that it is locked %q until %s, want a day", v.Key, mode, until)
		case !final && (mode != "" || !until.IsZero()):
			s.t.Errorf("%s: the server says that it is locked %q until %s, want that it is not", v.Key, mode, until)
		}
	}
	if kinds[true] < 20 || kinds[false] < 8 {
		s.t.Errorf("%d objects are final, and %d are not: too few to tell", kinds[true], kinds[false])
	}
	s.wantUndeletable(layout.RecordKey("checkpoints/myfile", 1))
	s.wantUndeletable("checkpoints/myfile/" + string(s.ids()[0]) + "/" + lockedPath)
}

// lockOf asks for the retention of a version, in the words of the protocol: not
// every client can read the answer of every server.
func (s *e2eSite) lockOf(v minio.ObjectInfo) (mode string, until time.Time) {
	s.t.Helper()
	query := url.Values{"retention": {""}, "versionId": {v.VersionID}}
	u, err := e2eClient(s.t, s.server).Presign(s.t.Context(), http.MethodGet, s.bucket, v.Key, time.Minute, query)
	must(s.t, err)
	res, body := e2eGet(s.t, e2ePlain, u.String())
	if strings.Contains(body, "<Code>NoSuchObjectLockConfiguration</Code>") {
		return "", until
	}
	inside := func(name string) string {
		found := regexp.MustCompile("<" + name + ">([^<]*)</").FindStringSubmatch(body)
		if res.StatusCode != http.StatusOK || found == nil {
			s.t.Fatalf("%s: the server says %s: %s", v.Key, res.Status, body)
		}
		return found[1]
	}
	until, err = time.Parse(time.RFC3339, inside("RetainUntilDate"))
	must(s.t, err)
	return inside("Mode"), until
}

// wantUndeletable tries what Object Lock is there to refuse.
func (s *e2eSite) wantUndeletable(key string) {
	s.t.Helper()
	versions := slices.DeleteFunc(s.server.Versions(s.t, s.bucket, key), func(v minio.ObjectInfo) bool { return v.IsDeleteMarker })
	if len(versions) == 0 {
		s.t.Errorf("no version of %s is kept", key)
	}
	for _, v := range versions {
		err := e2eClient(s.t, s.server).RemoveObject(s.t.Context(), s.bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID})
		if err == nil {
			s.t.Errorf("a version of %s could be removed", v.Key)
		}
	}
}

// ids are the checkpoints, oldest first.
func (s *e2eSite) ids() (ids []layout.Stamp) {
	s.t.Helper()
	table, err := layout.DecodeTable([]byte(e2eRead(s.t, s.open(), layout.TableKey("checkpoints/myfile"))))
	must(s.t, err)
	for _, c := range table.Checkpoints {
		ids = append(ids, c.ID)
	}
	return ids
}

// prunesNothingLocked wants prune to say what is locked, and until when, and to
// leave everything as it is.
func (s *e2eSite) prunesNothingLocked() {
	s.t.Helper()
	s.keepsLast()
	before := s.objects()
	first := s.ids()[0]
	until := layout.StampOf(first.Time().Add(24 * time.Hour))
	if said := s.run("", "prune", "--dry-run"); !regexp.MustCompile("keeps " + string(first) + ": locked until " + string(until[:11])).MatchString(said) {
		s.t.Errorf("prune --dry-run said %q, want that %s is locked for a day", said, first)
	}
	if said := s.run("", "prune"); !strings.Contains(said, "prunes none of 2 checkpoints; 1 would go but for locks until "+string(until[:11])) {
		s.t.Errorf("prune said %q", said)
	}
	if d := differ(s.objects(), before); d != "" {
		s.t.Errorf("prune changed\n%s", d)
	}
}

// redactsLocked redacts what is locked, twice: it can't go, but no reader gets
// it any more.
func (s *e2eSite) redactsLocked() {
	s.t.Helper()
	day := time.Now().Add(24 * time.Hour).UTC()
	want := "2 objects can't be removed before " + day.Format("2006-01-02T")
	if s.kind.name == "minio on versitygw" { // minio-go can't read when its locks end
		want = "2 objects can't be removed before their locks end"
	}
	if out := s.run("", "redact", "--dry-run", "--path", lockedPath, "myfile"); strings.Count(out, "would remove ") != 2 {
		s.t.Errorf("redact --dry-run said %q", out)
	}
	var versions []minio.ObjectInfo
	for i, args := range [][]string{{"redact", "--path", lockedPath, "--reason", lockedReason, "myfile"}, {"redact", "myfile"}} {
		code, out, said := s.try("", args...)
		if code != exitFailed || !strings.Contains(said, want) || strings.Count(out, "locked ") != 2 {
			s.t.Errorf("%q: exit code %d, %q, %q, want %d and %q", args, code, out, said, exitFailed, want)
		}
		if stand, kept := s.copies(); stand != 0 || kept != 2 {
			s.t.Errorf("%q: %d objects stand and %d versions are kept, want none and the 2 that are locked", args, stand, kept)
		}
		now := s.versionsOf(lockedPath)
		if i > 0 && len(now) != len(versions) {
			s.t.Errorf("the second time %d versions became %d: %+v", len(versions), len(now), now)
		}
		versions = now
	}
	if page := s.objects()[layout.ListingKey("checkpoints/myfile")]; !strings.Contains(page, `<h2 id="removed">Removed</h2>`) || !strings.Contains(page, "court order &lt;7&gt;") {
		s.t.Errorf("the list of checkpoints does not say what was removed, and why:\n%s", page)
	}
	for _, id := range s.ids() {
		key := layout.Key("checkpoints/myfile", id, lockedPath)
		u, err := e2eClient(s.t, s.server).PresignedGetObject(s.t.Context(), s.bucket, key, time.Minute, nil)
		must(s.t, err)
		if res, _ := e2eGet(s.t, e2ePlain, u.String()); res.StatusCode != http.StatusNotFound {
			s.t.Errorf("%s: the server says %s, want a 404", key, res.Status)
		}
	}
	if out := s.run("", "verify", "--deep"); out != "" {
		s.t.Errorf("verify finds %s", out)
	}
}

// publishesWithout runs again, upstream still having what was redacted.
func (s *e2eSite) publishesWithout() {
	s.t.Helper()
	before := len(s.ids())
	code, out, said := s.try("", "run")
	if code != exitDone || !strings.Contains(said, "upstream still has content that was redacted") {
		s.t.Errorf("the run after it: exit code %d, %s%s", code, out, said)
	}
	if ids := s.ids(); len(ids) != before+1 {
		s.t.Errorf("the checkpoints are %q, want one more", ids)
	}
	if stand, _ := s.copies(); stand != 0 || slices.Contains(values(s.objects()), s.remote.states["two"][lockedPath]) {
		s.t.Error("what was redacted is published again")
	}
	if out := s.run("", "verify", "--deep"); out != "" {
		s.t.Errorf("verify finds %s", out)
	}
}

func values(site siteBytes) (all []string) {
	for _, key := range sortedKeys(site) {
		all = append(all, site[key])
	}
	return all
}

// redactsWhenLocksEnd makes the locks end soon, as someone may who is allowed to,
// and redacts again then.
func (s *e2eSite) redactsWhenLocksEnd() {
	s.t.Helper()
	before := s.objects()
	mode, end := minio.Governance, time.Now().Add(2*time.Second).UTC()
	for _, v := range s.versionsOf(lockedPath) {
		if !v.IsDeleteMarker {
			must(s.t, e2eClient(s.t, s.server).PutObjectRetention(s.t.Context(), s.bucket, v.Key,
				minio.PutObjectRetentionOptions{GovernanceBypass: true, VersionID: v.VersionID, Mode: &mode, RetainUntilDate: &end}))
		}
	}
	time.Sleep(time.Until(end.Add(time.Second)))
	for range 2 {
		if out := s.run("", "redact", "myfile"); strings.Count(out, "removed ") != 2 {
			s.t.Errorf("redact said %q", out)
		}
		if left := s.versionsOf(lockedPath); len(left) > 0 {
			s.t.Errorf("these versions are left: %+v", left)
		}
	}
	if d := differ(s.objects(), before); d != "" {
		s.t.Errorf("redact changed\n%s", d)
	}
}

// prunesWhenLocksEnd is in a world where it is two days later. The server is
// not: what prune deletes there is hidden, as in any bucket with versions.
func (s *e2eSite) prunesWhenLocksEnd() {
	s.t.Helper()
	later := layout.StampOf(time.Now().Add(48 * time.Hour))
	ids := s.ids()
	s.run(later, "prune")
	if said := s.run(later, "prune"); !strings.Contains(said, "deleted") {
		s.t.Errorf("the second prune said %q", said)
	}
	if left := s.ids(); !cmp.Equal(left, ids[len(ids)-1:]) {
		s.t.Errorf("prune left %q of %q", left, ids)
	}
	for _, id := range ids[:len(ids)-1] {
		prefix := layout.CheckpointPrefix("checkpoints/myfile", id)
		if stand := s.objects().below(prefix); stand > 0 {
			s.t.Errorf("%d objects of %s stand", stand, id)
		}
	}
	s.wantUndeletable(fmt.Sprintf("checkpoints/myfile/%s/", ids[0]))
	if out := s.run(later, "verify", "--deep"); out != "" {
		s.t.Errorf("verify finds %s", out)
	}
}
