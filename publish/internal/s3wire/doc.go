// Package s3wire holds what the drivers of S3 share: it knows the protocol,
// and no SDK.
//
// s3store and miniostore differ in the SDK that speaks. That two codes mean
// "changed by someone else", that a body must not end with its last byte
// before it is known to be right, that a large object goes up in at most
// 10,000 parts out of a bounded pool: this is the same for both, subtle, and
// stands here once. A driver's Put and Link are a Writer's, over the Calls that
// its SDK makes; reading and deleting differ too much to share more than words.
// The package opens no connection and asks no clock.
//
//	place := &s3wire.Place{Bucket: "site", Endpoint: "https://s3.example.org"}
//	err = place.Wrap(ctx, "get", key, err, s3wire.Fault{Status: 404, Code: "NoSuchKey"})
//	errors.Is(err, fs.ErrNotExist) // true
package s3wire
