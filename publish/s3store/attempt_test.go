package s3store_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"datestone/publish"
	"datestone/publish/s3store"
)

// A store that retries by itself hides from its holder that it should slow
// down. This one changes the environment, so it is not parallel.
func TestStore_oneAttempt(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for status, want := range map[int]error{503: publish.ErrSlowDown, 429: publish.ErrSlowDown, 500: publish.ErrTemporary, 504: publish.ErrTemporary} {
		var calls atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.WriteHeader(status)
		}))
		store := open(t, s3store.Config{Endpoint: server.URL, Bucket: "site", Lazy: true})
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
func TestStore_lostConflict(t *testing.T) {
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
	store := open(t, s3store.Config{Endpoint: server.URL, Bucket: "site", Lazy: true})
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
