package miniostore_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"datestone/publish/storetest/s3suite"
	"datestone/publish/storetest/servers"
)

func BenchmarkStore_Put(b *testing.B) { s3suite.BenchmarkPut(b, driver, barePut) }

func barePut(b *testing.B, server servers.Server) s3suite.BarePut {
	client, err := minio.New(server.Host(), &minio.Options{Creds: credentials.NewEnvAWS()})
	if err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, bucket, key string, body []byte) error {
		_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{})
		return err
	}
}
