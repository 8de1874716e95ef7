package main

import (
	"context"
	"fmt"

	"datestone/publish"
	"datestone/publish/dirstore"
	"datestone/publish/miniostore"
	"datestone/publish/s3store"
)

// driver returns the store of a bucket, to be asked jobs requests at once (0
// for the drivers' own idea). Whether an S3 bucket is there shows
// at the first request, so that opening it costs none.
func driver(ctx context.Context, b bucket, jobs int) (publish.Store, error) {
	switch b.Scheme {
	case schemeFile:
		return dirstore.New(dirstore.Config{Root: b.Dir})
	case schemeS3:
		return s3store.New(ctx, s3store.Config{Bucket: b.Name, Prefix: b.Prefix, Region: b.Region,
			Endpoint: b.Endpoint, PathStyle: b.PathStyle, Jobs: jobs, Lazy: true, Terms: b.Terms})
	case schemeMinio:
		return miniostore.New(ctx, miniostore.Config{Endpoint: b.Host, Bucket: b.Name, Prefix: b.Prefix, Region: b.Region,
			Secure: b.TLS, Jobs: jobs, Lazy: true, Terms: b.Terms})
	}
	return nil, fmt.Errorf("no driver for %s", b.Scheme)
}
