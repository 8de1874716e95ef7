package miniostore_test

import (
	"context"
	"strings"
	"testing"

	"datestone/publish/miniostore"
	"datestone/publish/storetest/s3suite"
)

var driver = s3suite.Driver{Open: open, Create: "mc mb ALIAS/", BlindTo: "versitygw"}

func open(ctx context.Context, cfg s3suite.Config) (s3suite.Store, error) {
	return miniostore.New(ctx, miniostore.Config{
		Endpoint: strings.TrimPrefix(cfg.Endpoint, "http://"), PathStyle: true, Bucket: cfg.Bucket, Prefix: cfg.Prefix, Jobs: cfg.Jobs, Lazy: cfg.Lazy, Terms: cfg.Terms,
		PartSize: cfg.PartSize, MultipartAbove: cfg.MultipartAbove, CopyAbove: cfg.CopyAbove,
	})
}

func TestStore(t *testing.T) { s3suite.Run(t, driver) }

func TestBig(t *testing.T) { s3suite.Big(t, driver) }
