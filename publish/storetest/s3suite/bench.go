package s3suite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

const (
	benchObjects = 5000
	benchRounds  = 10
	benchWorkers = 32
	benchSize    = 24 << 10
)

// BarePut puts body with nothing but an SDK as it comes.
type BarePut func(ctx context.Context, bucket, key string, body []byte) error

// BenchmarkPut puts 5,000 objects of 24 KiB by 32 workers, and beside it has
// the bare SDK do the same, taking turns. It reports how many times as long
// the store takes.
func BenchmarkPut(b *testing.B, d Driver, bareOf func(*testing.B, servers.Server) BarePut) {
	server := servers.MinIO(b)
	store := d.open(b, Config{Endpoint: server.Endpoint, Bucket: server.Bucket(b), Jobs: benchWorkers})
	bare, bucket := bareOf(b, server), server.Bucket(b)
	body := make([]byte, benchSize)
	sum := layout.DigestOf(body)
	for b.Loop() {
		var ours, theirs time.Duration
		for round := range benchRounds {
			ours += each(b, round, func(ctx context.Context, key string) error {
				_, err := store.Put(ctx, publish.Bytes(layout.Object{Key: key, Size: benchSize, SHA256: sum, Header: layout.HeaderFor(layout.Content, key)}, body))
				return err
			})
			theirs += each(b, round, func(ctx context.Context, key string) error { return bare(ctx, bucket, key, body) })
		}
		b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
		b.ReportMetric(benchObjects/ours.Seconds(), "puts/s")
		b.ReportMetric(benchObjects/theirs.Seconds(), "bare-puts/s")
	}
}

// each calls put for the objects of a round and returns how long it took.
func each(b *testing.B, round int, put func(ctx context.Context, key string) error) time.Duration {
	start := time.Now()
	g, ctx := errgroup.WithContext(b.Context())
	g.SetLimit(benchWorkers)
	for n := range benchObjects / benchRounds {
		g.Go(func() error { return put(ctx, fmt.Sprintf("pool/%d/%d.deb", round, n)) })
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
