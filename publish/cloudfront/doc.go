// Package cloudfront puts redirect rules in force at Amazon CloudFront: a
// Function, and the KeyValueStore that it reads.
//
// It speaks the protocols and knows nothing of rules: what to send, and in
// which order, its caller knows. Every write is under the ETag of what was
// read, so that of two who push one wins and the other gets
// publish.ErrConflict. Associating the Function with a distribution's
// viewer-request is left to whoever owns the distribution.
//
//	edge, err := cloudfront.New(ctx, cloudfront.Config{Function: "datestone"})
//	have, err := edge.Read(ctx)
//	err = edge.Update(ctx, &have, puts, deletes)
//	err = edge.Publish(ctx, &have, code)
package cloudfront
