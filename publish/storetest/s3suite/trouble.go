package s3suite

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// A store that retries by itself hides from its holder that it should slow
// down.
func (d Driver) oneAttempt(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for status, want := range map[int]error{503: publish.ErrSlowDown, 429: publish.ErrSlowDown, 500: publish.ErrTemporary, 504: publish.ErrTemporary} {
		var calls atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.WriteHeader(status)
		}))
		store := d.open(t, Config{Endpoint: server.URL, Bucket: "site", Lazy: true})
		_, putErr := store.Put(t.Context(), zeros("a", 1000))
		_, statErr := store.Stat(t.Context(), "a")
		_, _, getErr := store.Get(t.Context(), "a", 0, -1)
		for _, err := range []error{putErr, statErr, getErr} {
			if !errors.Is(err, want) {
				t.Errorf("status %d: %v, want %v", status, err, want)
			}
		}
		if n := calls.Load(); n != 3 {
			t.Errorf("status %d: 3 calls made %d requests", status, n)
		}
		server.Close()
	}
}

// A server may refuse a put before it has read the content, and reset the
// connection before the refusal is read.
func (d Driver) lostConflict(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("ETag", `"stands"`)
		w.Header().Set("Last-Modified", "Tue, 18 Mar 2025 14:03:38 GMT")
	}))
	defer server.Close()
	store := d.open(t, Config{Endpoint: server.URL, Bucket: "site", Lazy: true})
	for name, row := range map[string]struct {
		create  bool
		ifMatch string
		want    error
	}{
		"create where something stands": {true, "", publish.ErrConflict},
		"another version":               {false, `"other"`, publish.ErrConflict},
		"the version that stands":       {false, `"stands"`, publish.ErrTemporary},
		"no condition":                  {false, "", publish.ErrTemporary},
	} {
		p := zeros("a", 1000)
		p.Create, p.IfMatch = row.create, row.ifMatch
		_, err := store.Put(t.Context(), p)
		if !errors.Is(err, row.want) || errors.Is(err, publish.ErrTemporary) && errors.Is(err, publish.ErrConflict) {
			t.Errorf("%s: Put = %v, want %v", name, err, row.want)
		}
	}
}

func (d Driver) bucketIsGone(t *testing.T, server servers.Server) {
	store := d.open(t, Config{Endpoint: server.Endpoint, Bucket: "gone", Lazy: true})
	_, statErr := store.Stat(t.Context(), "a")
	_, _, getErr := store.Get(t.Context(), "a", 0, -1)
	_, putErr := store.Put(t.Context(), zeros("a", 1))
	_, timeErr := store.Now(t.Context())
	for _, err := range []error{statErr, getErr, putErr, timeErr, store.Delete(t.Context(), "a"), store.Link(t.Context(), "a", layout.Object{Key: "b"})} {
		if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `bucket "gone" does not exist`) {
			t.Errorf("got %v, want that the bucket does not exist, and not that the object is missing", err)
		}
	}
}

// refusesToOpen holds the errors of New to saying what to do, and no secret.
func (d Driver) refusesToOpen(t *testing.T, server servers.Server) {
	bucket := server.Bucket(t)
	refuse := func(cfg Config, want ...string) {
		t.Helper()
		_, err := d.Open(t.Context(), cfg)
		for _, text := range want {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("New = %v, want an error with %q", err, text)
			}
		}
		if err != nil && strings.Contains(err.Error(), "not-the-secret") {
			t.Errorf("New = %v, which has the secret", err)
		}
	}
	refuse(Config{Endpoint: server.Endpoint, Bucket: "absent"}, `bucket "absent" does not exist at `+server.Endpoint, "create it with `"+d.Create+"absent")
	refuse(Config{Endpoint: "http://127.0.0.1:1", Bucket: bucket}, "can't reach http://127.0.0.1:1", "refused")
	refuse(Config{Endpoint: server.Endpoint, Bucket: bucket, Prefix: "a/../b"}, "prefix")
	refuse(Config{Endpoint: server.Endpoint}, "no bucket is named")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
	refuse(Config{Endpoint: server.Endpoint, Bucket: bucket}, fmt.Sprintf("access denied to bucket %q", bucket), "SignatureDoesNotMatch", "the access key date… of ")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	refuse(Config{Endpoint: server.Endpoint, Bucket: bucket}, "no credentials found: tried ", "AWS_ACCESS_KEY_ID")
}
