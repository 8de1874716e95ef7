package s3store_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"datestone/publish"
	"datestone/publish/s3store"
)

// TestDelete_withoutReason: a key that could not be deleted, with no code that
// says why, may be deleted at the next attempt.
func TestDelete_withoutReason(t *testing.T) {
	const reply = `<DeleteResult><Error><Key>a</Key><Code></Code></Error></DeleteResult>`
	for name, body := range map[string]string{"no code": reply, "broken off": reply[:30]} {
		t.Run(name, func(t *testing.T) { deleteReplied(t, body) })
	}
}

func deleteReplied(t *testing.T, body string) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/xml")
			io.WriteString(w, body)
		}
	}))
	t.Cleanup(server.Close)
	s, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.URL, Region: "us-east-1", PathStyle: true, Bucket: "bucket"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "a", "b"); !errors.Is(err, publish.ErrTemporary) {
		t.Errorf("got %v, want ErrTemporary", err)
	}
}
