// Package s3store keeps a site in an S3 bucket, through aws-sdk-go-v2.
//
// Credentials, and where nothing else is configured region and endpoint, come
// from the SDK's own chain: environment, profiles, roles. The store makes one
// attempt of each call; retries of the SDK are off, since its token bucket
// runs dry under load and whoever holds the store retries better.
//
// Content goes up as a stream, neither buffered nor hashed: its SHA-256 goes
// along as a header, and the store refuses other bytes. Only objects above
// Config.MultipartAbove go in parts, out of a bounded pool of buffers.
//
// The package may import publish and layout. It does not know what the
// objects are for.
//
//	store, err := s3store.New(ctx, s3store.Config{Bucket: "site", Prefix: "mirror", Region: "eu-west-1"})
package s3store
