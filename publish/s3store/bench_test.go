package s3store_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"datestone/publish/storetest/s3suite"
	"datestone/publish/storetest/servers"
)

func BenchmarkStore_Put(b *testing.B) { s3suite.BenchmarkPut(b, driver, barePut) }

func barePut(b *testing.B, server servers.Server) s3suite.BarePut {
	cfg, err := config.LoadDefaultConfig(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = aws.String(server.Endpoint), true
	})
	return func(ctx context.Context, bucket, key string, body []byte) error {
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
		return err
	}
}
