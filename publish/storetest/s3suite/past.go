package s3suite

import (
	"io"
	"slices"
	"testing"
	"time"

	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// browses lists one level of a bucket, in more than one page.
func (d Driver) browses(t *testing.T, server servers.Server) {
	for _, prefix := range []string{"", "a mirror/of+é"} {
		store := d.open(t, Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t), Prefix: prefix})
		browser, ok := store.(publish.Browser)
		if !ok {
			t.Fatalf("%T is no publish.Browser", store)
		}
		for _, key := range []string{"top", "b/1/x", "b/1/y/z", "b/2+ é/x", "b/10/x", "b/file", "bb/3/x"} {
			if _, err := store.Put(t.Context(), zeros(key, 1)); err != nil {
				t.Fatal(err)
			}
		}
		for dir, want := range map[string][]string{"": {"b", "bb"}, "b/": {"1", "10", "2+ é"}, "b/1/": {"y"}, "b/2+ é/": nil, "nothing/": nil} {
			if got, err := browser.Folders(t.Context(), dir); err != nil || !slices.Equal(got, want) {
				t.Errorf("prefix %q: Folders(%q) = %q, %v; want %q", prefix, dir, got, err, want)
			}
		}
	}
}

// keepsHistory reads what was replaced and deleted.
func (d Driver) keepsHistory(t *testing.T, server servers.Server) {
	store, ctx := d.open(t, Config{Endpoint: server.Endpoint, Bucket: server.VersionedBucket(t), Prefix: "p"}), t.Context()
	archive, ok := store.(publish.Archive)
	if !ok {
		t.Fatalf("%T is no publish.Archive", store)
	}
	const key = "dir/a+b é"
	for _, size := range []int64{10, 20} {
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
	versions, err := archive.History(ctx, key)
	if err != nil || len(versions) != 3 || !versions[0].Deleted || versions[1].Size != 20 || versions[2].Size != 10 {
		t.Fatalf("History = %+v, %v; want a marker, 20 bytes, and 10 bytes", versions, err)
	}
	for i, v := range versions {
		// versitygw moves a version away when it is replaced, and rounds times.
		if v.Time.IsZero() || v.ID == "" || i > 0 && v.Time.After(versions[i-1].Time.Add(time.Second)) {
			t.Errorf("%+v has no time and ID, or is not in its place", v)
		}
		if v.Deleted {
			continue
		}
		body, err := archive.GetVersion(ctx, key, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, body)
		if err := body.Close(); n != v.Size || err != nil {
			t.Errorf("version %s has %d bytes, %v; want %d", v.ID, n, err, v.Size)
		}
		if err != nil {
			t.Error(err)
		}
	}
	if versions, err := archive.History(ctx, "nothing"); err != nil || len(versions) > 0 {
		t.Errorf("History of nothing = %+v, %v", versions, err)
	}
}
