package s3wire

import (
	"net/url"
	"strings"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// TermHeaders returns the headers by which an object that is written, or copied, at
// now comes under the terms. What is copied does not take over the tags of its
// source.
func TermHeaders(t publish.Terms, h layout.Header, copied bool, now time.Time) map[string]string {
	set := map[string]string{}
	if t.LockMode != "" && h.IsFinal() {
		set["X-Amz-Object-Lock-Mode"] = strings.ToUpper(t.LockMode)
		set["X-Amz-Object-Lock-Retain-Until-Date"] = RetainUntil(t, now).Format(time.RFC3339)
	}
	if t.StorageClass != "" && h.IsFinal() {
		set["X-Amz-Storage-Class"] = t.StorageClass
	}
	if t.Encryption != "" {
		set["X-Amz-Server-Side-Encryption"] = t.Encryption
	}
	if t.KMSKey != "" {
		set["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] = t.KMSKey
	}
	if len(t.Tags) > 0 {
		set["X-Amz-Tagging"] = tagging(t.Tags)
		if copied {
			set["X-Amz-Tagging-Directive"] = "REPLACE"
		}
	}
	return set
}

// RetainUntil returns the end of the lock of what is written at now.
func RetainUntil(t publish.Terms, now time.Time) time.Time {
	return now.UTC().Add(t.LockTime()).Truncate(time.Second)
}

// tagging encodes tags as a query.
func tagging(tags map[string]string) string {
	v := url.Values{}
	for key, value := range tags {
		v.Set(key, value)
	}
	return strings.ReplaceAll(v.Encode(), "+", "%20")
}
