package main

import (
	"context"
	"fmt"

	"datestone/publish"
	"datestone/publish/dirstore"
	"datestone/publish/s3store"
)

// driver returns the store of a bucket. Whether an S3 bucket is there shows
// at the first request, so that opening it costs none.
func driver(ctx context.Context, b bucket) (publish.Store, error) {
	switch b.Scheme {
	case schemeFile:
		return dirstore.New(dirstore.Config{Root: b.Dir})
	case schemeS3:
		return s3store.New(ctx, s3store.Config{Bucket: b.Name, Prefix: b.Prefix, Region: b.Region,
			Endpoint: b.Endpoint, PathStyle: b.PathStyle, Lazy: true})
	}
	return nil, fmt.Errorf("no driver for %s", b.Scheme)
}
