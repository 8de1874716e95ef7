package miniostore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"datestone/publish"
	"datestone/publish/miniostore"
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
		store := open(t, miniostore.Config{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "site", Lazy: true})
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
