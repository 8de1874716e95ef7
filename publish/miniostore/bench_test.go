package miniostore_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/miniostore"
	"datestone/publish/storetest/servers"
)

const (
	benchObjects = 5000
	benchRounds  = 10
	benchWorkers = 32
	benchSize    = 24 << 10
)

// BenchmarkStore_Put puts 5,000 objects of 24 KiB by 32 workers, and beside it
// has the bare SDK do the same, taking turns. It reports how many times as
// long the store takes.
func BenchmarkStore_Put(b *testing.B) {
	server := servers.MinIO(b)
	store := open(b, miniostore.Config{Endpoint: server.Host(), Bucket: server.Bucket(b), Jobs: benchWorkers})
	bare, bucket := bareClient(b, server), server.Bucket(b)
	body := make([]byte, benchSize)
	sum := layout.DigestOf(body)
	for b.Loop() {
		var ours, theirs time.Duration
		for round := range benchRounds {
			ours += each(b, round, func(ctx context.Context, key string) error {
				_, err := store.Put(ctx, publish.Bytes(layout.Object{Key: key, Size: benchSize, SHA256: sum, Header: layout.HeaderFor(layout.Content, key)}, body))
				return err
			})
			theirs += each(b, round, func(ctx context.Context, key string) error {
				_, err := bare.PutObject(ctx, bucket, key, bytes.NewReader(body), benchSize, minio.PutObjectOptions{})
				return err
			})
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

// bareClient is the SDK as it comes.
func bareClient(b *testing.B, server servers.Server) *minio.Client {
	c, err := minio.New(server.Host(), &minio.Options{Creds: credentials.NewEnvAWS()})
	if err != nil {
		b.Fatal(err)
	}
	return c
}
