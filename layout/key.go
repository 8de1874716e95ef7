package layout

import (
	"fmt"
	"strings"
)

// What stands in the bucket, by key. See docs/formats.md, section 1.
const (
	indexPage = "index.html"

	// RootPageKey is the page that lists the repositories.
	RootPageKey = indexPage
	// RepositoriesKey is the machine's way in: Repositories as JSON.
	RepositoriesKey = "repositories.json"
	// StatusKey is how the runs went: Status as JSON.
	StatusKey = "status.json"
	// KeyringPath is where a checkpoint has the keys that its remote was
	// verified with. No file of a remote that has keys may have this path.
	KeyringPath = "datestone-keyring.asc"
	// PrivatePrefix is above all that only datestone reads.
	PrivatePrefix = ".datestone/"
)

// Key returns where a file of the checkpoint id stands.
func Key(base string, id Stamp, path string) string { return CheckpointPrefix(base, id) + path }

// CheckpointPrefix is above all objects of the checkpoint id, and nothing else.
func CheckpointPrefix(base string, id Stamp) string { return base + "/" + string(id) + "/" }

// ListingKey is the page that lists the checkpoints of a repository.
func ListingKey(base string) string { return base + "/" + indexPage }

// TableKey is the repository's table.
func TableKey(base string) string { return base + "/checkpoints.json" }

// MonthKey is the page that lists the checkpoints of the month id lies in.
func MonthKey(base string, id Stamp) string {
	return fmt.Sprintf("%s/%s/%s/%s", base, id[:4], id[4:6], indexPage)
}

// RecordKey is the record n of the repository's log, n = 1, 2, ….
func RecordKey(base string, n int) string { return fmt.Sprintf("%s/log/%d.json", base, n) }

// SignatureKey is the signature of the record n, where records are signed.
func SignatureKey(base string, n int) string { return RecordKey(base, n) + ".sig" }

// FileListKey is a file list in the log, sum being the SHA-256 of its text.
func FileListKey(base string, sum Digest) string {
	return fmt.Sprintf("%s/log/%s.files.zst", base, sum)
}

// ClaimPrefix is above the claims of a repository.
func ClaimPrefix(repository string) string { return PrivatePrefix + "pending/" + repository + "/" }

// ClaimKey is the claim of one ID.
func ClaimKey(repository string, id Stamp) string {
	return ClaimPrefix(repository) + string(id) + ".json"
}

// ClaimFilesKey is the file list that a claim names, until it is committed.
func ClaimFilesKey(repository string, id Stamp) string {
	return ClaimPrefix(repository) + string(id) + ".files.zst"
}

// FillingKey stands while a repository is filled in that was empty.
func FillingKey(repository string) string { return PrivatePrefix + "filling/" + repository + ".json" }

// LockKey is the lock of a repository.
func LockKey(repository string) string { return PrivatePrefix + "locks/" + repository + ".json" }

// MendingPrefix is above the objects that a repair found in the place of others,
// until it has ended: they may be what others lack.
func MendingPrefix(repository string) string { return PrivatePrefix + "mending/" + repository + "/" }

// MendingKey is such an object, by the digest of its bytes.
func MendingKey(repository string, sum Digest) string {
	return MendingPrefix(repository) + sum.String()
}

// ProbeKey is what a start-up probe of the store writes; it stays, empty.
const ProbeKey = PrivatePrefix + "probe"

// PushedKey is what was pushed as the bucket's web site: Pushed.
const PushedKey = PrivatePrefix + "website.json"

// PageKeysAbove returns the pages above a base path, the root first:
// index.html, a/index.html for the base path a/b.
func PageKeysAbove(base string) []string {
	keys := []string{RootPageKey}
	for i := range len(base) {
		if base[i] == '/' {
			keys = append(keys, base[:i+1]+indexPage)
		}
	}
	return keys
}

// pageDir returns the directory whose page key is: "" for the root, "a/" for
// a/index.html.
func pageDir(key string) string { return strings.TrimSuffix(key, indexPage) }
