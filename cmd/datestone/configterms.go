package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"datestone/publish"
)

// termOptions are the options of a bucket URL that say on what terms S3 keeps
// what is written.
var termOptions = []string{"storage_class", "sse", "kms_key", "tags"}

// parseTerms reads them from the query of the bucket URL s.
func parseTerms(s bucketText, query url.Values) (publish.Terms, error) {
	t := publish.Terms{StorageClass: query.Get("storage_class"), Encryption: query.Get("sse"), KMSKey: query.Get("kms_key")}
	switch {
	case t.StorageClass == "GLACIER" || t.StorageClass == "DEEP_ARCHIVE":
		return t, fmt.Errorf("bucket %q: storage_class: what is in %s can't be read by a client: write GLACIER_IR, STANDARD_IA or INTELLIGENT_TIERING", s, t.StorageClass)
	case strings.Trim(t.StorageClass, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
		return t, fmt.Errorf("bucket %q: storage_class: write a class such as STANDARD_IA", s)
	}
	if t.Encryption != "" {
		if err := oneOf("AES256", "aws:kms", "aws:kms:dsse")(t.Encryption); err != nil {
			return t, fmt.Errorf("bucket %q: sse: %w", s, err)
		}
	}
	if tags := query.Get("tags"); tags != "" {
		t.Tags = map[string]string{}
		for tag := range strings.SplitSeq(tags, ",") {
			key, value, _ := strings.Cut(tag, "=")
			t.Tags[key] = value
		}
	}
	if err := t.Check(); err != nil {
		return t, fmt.Errorf("bucket %q: %w", s, err)
	}
	return t, nil
}

// objectLock reads for how long S3 is to keep what is final from being changed.
func (r *configReader) objectLock(n ast.Node) {
	r.objectLockAt = n
	r.fields(n, map[string]field{
		"mode": r.text(&r.lock.LockMode, oneOf(publish.LockGovernance, publish.LockCompliance)),
		"days": r.number(&r.lock.LockDays, 1, 36_500),
	}, "mode", "days")
}

// checkObjectLock holds it against the bucket, which may stand after it.
func (r *configReader) checkObjectLock() {
	switch {
	case r.objectLockAt == nil || r.config.Bucket.Scheme == "":
	case r.config.Bucket.Scheme == schemeFile:
		r.problem(r.objectLockAt, `a directory has no Object Lock: "object_lock" is for s3:// and minio:// buckets`)
	default:
		r.config.Bucket.Terms.LockMode, r.config.Bucket.Terms.LockDays = r.lock.LockMode, r.lock.LockDays
	}
}
