package main

import (
	"os"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/publish/storetest/servers"
)

// BenchmarkRun publishes 10,000 files of 24 KiB from a remote over HTTP by the
// command run, and then the next checkpoint, in which one file in a hundred
// changed. Beside it a bare loop of the same SDK and number of workers makes
// the same requests for content and pages, and rclone copies the same objects.
// Each iteration is a round in new buckets; reported are medians.
func BenchmarkRun(b *testing.B) {
	remote := newBenchRemote(b)
	t := &benchTable{}
	t.add("server", "", "first checkpoint", "next, 1 % changed")
	for _, s := range benchServers {
		for _, d := range benchDrivers {
			b.Run(s.name+"/"+d.name, func(b *testing.B) { d.bench(b, s.start(b), remote, t) })
		}
		b.Run(s.name+"/rclone", func(b *testing.B) { benchRclone(b, s.start(b), remote, t) })
	}
	t.print(os.Stderr)
}

var benchServers = []struct {
	name  string
	start func(testing.TB) servers.Server
}{{"minio", servers.MinIO}, {"versitygw", servers.VersityGW}}

// A benchDriver is one of our drivers, and the SDK below it.
type benchDriver struct {
	name, sdk string
	url       func(s servers.Server, bucket string) string
	bare      func(b *testing.B, s servers.Server, bucket string) bareSDK
}

var benchDrivers = []benchDriver{
	{"s3", "aws-sdk-go-v2", func(s servers.Server, bucket string) string { return "s3://" + bucket + "?endpoint=" + s.Endpoint }, newBareS3},
	{"minio", "minio-go", func(s servers.Server, bucket string) string { return "minio://" + s.Host() + "/" + bucket }, newBareMinio},
}

func (d benchDriver) bench(b *testing.B, server servers.Server, remote *benchRemote, t *benchTable) {
	var first, next benchPair
	d.warmUp(b, server, remote)
	for round := 0; b.Loop(); round++ {
		ours, theirs := server.Bucket(b), server.Bucket(b)
		site := newBenchSite(b, d.url(server, ours), remote)
		loop := newBareLoop(d.bare(b, server, theirs), remote)
		bare := func(s, before *benchState) func() {
			return func() { must(b, loop.publish(b.Context(), s, before)) }
		}
		run := func() { site.run(b, "published") }
		remote.shown.Store(0)
		first.measure(round, run, bare(&remote.states[0], nil))
		remote.shown.Store(1)
		next.measure(round, run, bare(&remote.states[1], &remote.states[0]))
		want := remote.states[0].objects() + remote.states[1].objects()
		for _, bucket := range []string{ours, theirs} {
			if n := countObjects(b, server, bucket); n != want {
				b.Fatalf("bucket %s has %d objects in checkpoints, want %d", bucket, n, want)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	cells := [][]string{first.report(b, "first"), next.report(b, "next")}
	for i, what := range []string{"run, driver " + d.name, "bare loop of " + d.sdk, "run/bare, median (least to most)"} {
		t.add(server.Name, what, cells[0][i], cells[1][i])
	}
}

// warmUp has the server put a few objects: the first is the slowest.
func (d benchDriver) warmUp(b *testing.B, server servers.Server, remote *benchRemote) {
	loop := newBareLoop(d.bare(b, server, server.Bucket(b)), remote)
	s := remote.states[0]
	s.files = nil
	must(b, loop.publish(b.Context(), &s, nil))
}

// countObjects counts what stands in checkpoints.
func countObjects(b *testing.B, server servers.Server, bucket string) (n int) {
	c, err := minio.New(server.Host(), &minio.Options{Creds: credentials.NewEnvAWS()})
	must(b, err)
	for o := range c.ListObjectsIter(b.Context(), bucket, minio.ListObjectsOptions{Prefix: benchBase + "/2", Recursive: true}) {
		must(b, o.Err)
		n++
	}
	return n
}

// benchRclone measures once: it is there for orientation.
func benchRclone(b *testing.B, server servers.Server, remote *benchRemote, t *benchTable) {
	r := newRclone(b, server, remote)
	first, next := r.first(b), r.next(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(first.Seconds(), "first-s")
	b.ReportMetric(next.Seconds(), "next-s")
	t.add(server.Name, "rclone copy (--copy-dest), from a local directory", seconds(first), seconds(next))
}
