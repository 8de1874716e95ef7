package servers

import (
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// versionsDir is where versitygw keeps what is no longer the newest.
func versionsDir(dir string) string { return dir + "-versions" }

func makeVersionsDir(p *process) error {
	dir := versionsDir(p.dir)
	p.others = append(p.others, func() { os.RemoveAll(dir) })
	return os.Mkdir(dir, 0o700)
}

// VersionedBucket returns the name of a new bucket that keeps all versions.
func (s Server) VersionedBucket(t testing.TB) string {
	t.Helper()
	name := s.Bucket(t)
	c, err := s.client()
	if err == nil {
		err = c.EnableVersioning(t.Context(), name)
	}
	if err != nil {
		t.Fatalf("let bucket %q at %s keep versions: %v", name, s.Name, err)
	}
	return name
}

// LockingBucket returns the name of a new bucket that takes Object Lock.
func (s Server) LockingBucket(t testing.TB) string {
	t.Helper()
	name := newBucketName()
	c, err := s.client()
	if err == nil {
		err = c.MakeBucket(t.Context(), name, minio.MakeBucketOptions{Region: region, ObjectLocking: true})
	}
	if err != nil {
		t.Fatalf("make bucket %q with Object Lock at %s: %v", name, s.Name, err)
	}
	return name
}

// Versions returns all versions that a bucket keeps below a prefix, markers
// among them.
func (s Server) Versions(t testing.TB, bucket, prefix string) []minio.ObjectInfo {
	t.Helper()
	c, err := s.client()
	if err != nil {
		t.Fatal(err)
	}
	var all []minio.ObjectInfo
	for o := range c.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatalf("list versions in bucket %q at %s: %v", bucket, s.Name, o.Err)
		}
		all = append(all, o)
	}
	return all
}

// Tags returns the tags of an object.
func (s Server) Tags(t testing.TB, bucket, key string) map[string]string {
	t.Helper()
	c, err := s.client()
	if err != nil {
		t.Fatal(err)
	}
	tags, err := c.GetObjectTagging(t.Context(), bucket, key, minio.GetObjectTaggingOptions{})
	if err != nil {
		t.Fatalf("tags of %q in bucket %q at %s: %v", key, bucket, s.Name, err)
	}
	return tags.ToMap()
}

// Lock locks the newest version of an object, so that even its owner can't
// remove it without saying that he means to.
func (s Server) Lock(t testing.TB, bucket, key string, until time.Time) {
	t.Helper()
	c, err := s.client()
	if err != nil {
		t.Fatal(err)
	}
	mode := minio.Governance
	if err := c.PutObjectRetention(t.Context(), bucket, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until}); err != nil {
		t.Fatalf("lock %q in bucket %q at %s: %v", key, bucket, s.Name, err)
	}
}
