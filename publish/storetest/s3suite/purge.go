package s3suite

import (
	"errors"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// purgesVersions lets a bucket keep what was replaced and what was deleted.
func (d Driver) purgesVersions(t *testing.T, server servers.Server) {
	bucket := server.VersionedBucket(t)
	store, ctx := d.open(t, Config{Endpoint: server.Endpoint, Bucket: bucket, Prefix: "p"}), t.Context()
	const key = "dir/a+b é"
	for _, size := range []int64{10, 20, 30} {
		if _, err := store.Put(ctx, zeros(key, size)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Put(ctx, zeros(key+".deb", 1)); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(ctx, key); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(ctx, zeros(key, 40)); err != nil {
		t.Fatal(err)
	}
	if n := len(server.Versions(t, bucket, "p/"+key)); n != 6 {
		t.Fatalf("%d versions stand before, want 4, a marker, and one of another key", n)
	}
	for range 2 {
		if err := store.Purge(ctx, key, "nothing"); err != nil {
			t.Fatal(err)
		}
		left := server.Versions(t, bucket, "")
		if len(left) != 1 || left[0].Key != "p/"+key+".deb" {
			t.Errorf("left are %+v, want the other key alone", left)
		}
	}
}

// namesLock locks the older of two versions, and the other way round.
func (d Driver) namesLock(t *testing.T, server servers.Server) {
	bucket := server.LockingBucket(t)
	store, ctx := d.open(t, Config{Endpoint: server.Endpoint, Bucket: bucket}), t.Context()
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for key, locked := range map[string]int{"older": 0, "newer": 1} {
		for n := range 2 {
			if _, err := store.Put(ctx, zeros(key, int64(n))); err != nil {
				t.Fatal(err)
			}
			if n == locked {
				server.Lock(t, bucket, key, until)
			}
		}
		for range 2 {
			var held *publish.RetainedError
			if err := store.Purge(ctx, key); !errors.As(err, &held) || held.Key != key || !held.Until.Equal(until) && server.Name != d.BlindTo {
				t.Errorf("%s: Purge = %v, want that it is locked until %v", key, err, until)
			}
			if _, err := store.Stat(ctx, key); err == nil {
				t.Errorf("%s: it still stands", key)
			}
			if n := len(bytesOf(server.Versions(t, bucket, key))); n != 1 {
				t.Errorf("%s: %d versions with bytes are left, want the locked one", key, n)
			}
		}
	}
}

func bytesOf(all []minio.ObjectInfo) (versions []minio.ObjectInfo) {
	for _, v := range all {
		if !v.IsDeleteMarker {
			versions = append(versions, v)
		}
	}
	return versions
}
