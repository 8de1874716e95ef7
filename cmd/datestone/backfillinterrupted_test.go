//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// backfillStatesVar is how many states each history of the test has, 60 for the
// whole of it; 8 and a part of the cases unless it is set.
const backfillStatesVar = "DATESTONE_BACKFILL_STATES"

// process runs backfill in a process, and kills it after a while, if it is not 0.
func (s pastSite) process(now layout.Stamp, kill time.Duration, args ...string) (code int, said string) {
	s.t.Helper()
	words := append([]string{"--quiet", "--config", s.config(), "backfill", "--lock-lease", "300ms", "--rate", "0"}, args...)
	c := exec.Command("datestone", words...)
	c.Env = append(os.Environ(), "DATESTONE_TEST_NOW="+string(now))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	must(s.t, c.Start())
	if kill > 0 {
		defer time.AfterFunc(kill, func() { c.Process.Kill() }).Stop()
	}
	err := c.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Error(err)
	}
	return c.ProcessState.ExitCode(), out.String()
}

// interrupted fills a site in, killed three times on the way.
func (s pastSite) interrupted(now layout.Stamp, rng *rand.Rand, took time.Duration, args ...string) {
	s.t.Helper()
	for kills := 0; kills < 3; kills++ {
		words := args
		if rng.IntN(2) == 0 {
			words = append([]string{"--resume"}, args...)
		}
		after := time.Duration(rng.Int64N(int64(took))) + time.Millisecond
		if code, said := s.process(now, after, words...); code != -1 && code != exitDone {
			s.t.Fatalf("exit code %d: %s", code, said)
		}
		if rng.IntN(3) == 0 {
			must(s.t, os.RemoveAll(filepath.Join(s.dir, "datestone.db")))
		}
	}
	if code, said := s.process(now, 0, append([]string{"--resume"}, args...)...); code != exitDone {
		s.t.Errorf("after three kills: exit code %d: %s", code, said)
	}
}

// typesOf are the types of remotes that a kind of source is tested with.
func (k pastKind) fits(kind pastType) bool {
	return kind.name == "file" || !strings.Contains(k.name, "manifests")
}

// TestBackfill_interrupted fills sites in a directory and in MinIO from each
// kind of source, once undisturbed and once killed three times. Both must be
// the same bytes, and those of a site that had been run on those days.
func TestBackfill_interrupted(t *testing.T) {
	t.Parallel()
	n, all := 8, false
	if text := os.Getenv(backfillStatesVar); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		must(t, err)
		all = true
	}
	server := servers.MinIO(t)
	types := []pastType{fileType("mirror"), debType(t, 0), rpmType()}
	for i, kind := range types {
		states, live := kind.states(n), t.TempDir()
		want := ranOnTheDays(t, live, kind, states).bytes()
		for j, source := range append(bucketKinds(server), localKinds...) {
			if !source.fits(kind) || !all && (i+j)%5 != 0 {
				continue
			}
			for _, place := range []string{"directory", "MinIO"} {
				if !all && (place == "MinIO") != (j%2 == 0) {
					continue
				}
				t.Run(kind.name+"/"+source.name+"/"+place, func(t *testing.T) {
					if !all {
						t.Parallel()
					}
					c := interruptedCase{place: place, server: server, live: live, kind: kind, want: want}
					c.hold(t, source.make(t, kind, states))
				})
			}
		}
	}
}

type interruptedCase struct {
	place  string
	server servers.Server
	live   string
	kind   pastType
	want   siteBytes
}

func (c interruptedCase) site(t *testing.T) pastSite {
	bucket := "file:./site"
	if c.place == "MinIO" {
		bucket = "minio://" + c.server.Host() + "/" + c.server.Bucket(t)
	}
	return newPastSiteIn(t, bucket, c.live, c.kind)
}

func (c interruptedCase) hold(t *testing.T, from string) {
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	smooth, killed := c.site(t), c.site(t)
	began := time.Now()
	now := layout.StampOf(began) // MinIO has a clock, which must agree
	if code, said := smooth.process(now, 0, "--from", from, "myfile"); code != exitDone {
		t.Fatalf("exit code %d: %s", code, said)
	}
	took := time.Since(began)
	killed.interrupted(now, rng, took, "--from", from, "myfile")
	if d := differ(killed.objects(), smooth.objects()); d != "" {
		t.Errorf("interrupted:\n%s", d)
	}
	if d := differ(smooth.bytes(), c.want); d != "" {
		t.Errorf("other than runs on those days:\n%s", d)
	}
}

// bucketKinds are the sources that stand in a bucket of S3.
func bucketKinds(server servers.Server) []pastKind {
	return []pastKind{
		{"dir, in s3", func(t testing.TB, _ pastType, states []pastState) string {
			bucket := fillBucket(t, server, states)
			return fmt.Sprintf("dir:s3://%s/old copies/{YYYY}-{MM}-{DD}?endpoint=%s", bucket, server.Endpoint)
		}},
		{"dir, in minio", func(t testing.TB, _ pastType, states []pastState) string {
			return "dir:minio://" + server.Host() + "/" + fillBucket(t, server, states) + "/old copies/{YYYY}-{MM}-{DD}/"
		}},
	}
}

// fillBucket puts the states below dated prefixes of a new bucket.
func fillBucket(t testing.TB, server servers.Server, states []pastState) (bucket string) {
	t.Helper()
	bucket = server.Bucket(t)
	store := storeOf(t, server, bucket)
	for _, s := range states {
		for p, body := range s.whole() {
			putText(t, store, "old copies/"+s.id.Time().Format("2006-01-02")+"/"+p, body)
		}
	}
	return bucket
}

func storeOf(t testing.TB, server servers.Server, bucket string) publish.Store {
	t.Helper()
	b, err := parseBucket("minio://"+server.Host()+"/"+bucket, "")
	must(t, err)
	store, err := driver(t.Context(), b, 8)
	must(t, err)
	return store
}

func putText(t testing.TB, store publish.Store, key, body string) {
	t.Helper()
	o := layout.Object{Key: key, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body))}
	_, err := store.Put(t.Context(), publish.Bytes(o, []byte(body)))
	must(t, err)
}
