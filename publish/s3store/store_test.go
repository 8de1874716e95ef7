package s3store_test

import (
	"context"
	"testing"

	"datestone/publish/s3store"
	"datestone/publish/storetest/s3suite"
)

var driver = s3suite.Driver{Open: open, Create: "aws s3 mb s3://"}

func open(ctx context.Context, cfg s3suite.Config) (s3suite.Store, error) {
	return s3store.New(ctx, s3store.Config{
		Endpoint: cfg.Endpoint, PathStyle: true, Bucket: cfg.Bucket, Prefix: cfg.Prefix, Jobs: cfg.Jobs, Lazy: cfg.Lazy, Terms: cfg.Terms,
		PartSize: cfg.PartSize, MultipartAbove: cfg.MultipartAbove, CopyAbove: cfg.CopyAbove,
	})
}

func TestStore(t *testing.T) { s3suite.Run(t, driver) }

func TestBig(t *testing.T) { s3suite.Big(t, driver) }
