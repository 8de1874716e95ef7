package s3suite

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

// locksFinal lets the server itself keep what is final: whole, in parts,
// copied, and copied in parts. What is replaced as the log grows is not locked.
func (d Driver) locksFinal(t *testing.T, server servers.Server) {
	bucket := server.LockingBucket(t)
	store, ctx := d.open(t, Config{
		Endpoint: server.Endpoint, Bucket: bucket, PartSize: partSize, MultipartAbove: 6 << 20, CopyAbove: partSize,
		Terms: publish.Terms{LockMode: publish.LockGovernance, LockDays: 2},
	}), t.Context()
	for name, size := range map[string]int64{"whole": 1000, "parts": large} {
		p := zeros(name, size)
		p.Create = true
		_, err := store.Put(ctx, p)
		to := p.Object
		to.Key = name + " copied"
		if err := errors.Join(err, store.Link(ctx, name, to)); err != nil {
			t.Fatal(err)
		}
		wantObject(t, store, to, "")
		for _, key := range []string{name, to.Key} {
			var held *publish.RetainedError
			if err := store.Purge(ctx, key); !errors.As(err, &held) {
				t.Errorf("%s: Purge = %v, want that it is locked", key, err)
			} else if left := time.Until(held.Until); server.Name != d.BlindTo && (left < 47*time.Hour || left > 48*time.Hour) {
				t.Errorf("%s: it is locked for %v, want two days", key, left)
			}
		}
	}
	listing := zeros("index.html", 10)
	listing.Header = layout.HeaderFor(layout.Listing, listing.Key)
	if _, err := store.Put(ctx, listing); err != nil {
		t.Fatal(err)
	}
	if err := store.Purge(ctx, listing.Key); err != nil {
		t.Errorf("a listing can't be purged: %v", err)
	}
}

// sendsTerms takes down what the server is asked for: one without a KMS, and
// with one class of storage, can't do it.
func (d Driver) sendsTerms(t *testing.T, server servers.Server) {
	record := recorder(t, server)
	terms := publish.Terms{StorageClass: "STANDARD_IA", Encryption: "aws:kms", KMSKey: "a key", Tags: map[string]string{"stage": "prod", "team": "a/b:c"}}
	store := d.open(t, Config{Endpoint: record.URL, Bucket: server.Bucket(t), Terms: terms, Lazy: true, MultipartAbove: 6 << 20, CopyAbove: partSize})
	final := map[string]string{
		"X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "a key", "X-Amz-Tagging": "stage=prod&team=a%2Fb%3Ac",
	}
	copied := maps.Clone(final)
	copied["X-Amz-Tagging-Directive"] = "REPLACE"
	listing := maps.Clone(final)
	delete(listing, "X-Amz-Storage-Class")
	page := zeros("page", 10)
	page.Header = layout.HeaderFor(layout.Listing, page.Key)
	to := zeros("to", 10).Object
	for name, row := range map[string]struct {
		do   func() error
		want map[string]string
	}{
		"content":          {func() error { _, err := store.Put(t.Context(), zeros("a", 10)); return err }, final},
		"content in parts": {func() error { _, err := store.Put(t.Context(), zeros("a", large)); return err }, final},
		"a copy":           {func() error { return store.Link(t.Context(), "a", to) }, copied},
		"a copy in parts":  {func() error { return store.Link(t.Context(), "a", zeros("to", large).Object) }, final},
		"a page":           {func() error { _, err := store.Put(t.Context(), page); return err }, listing},
	} {
		record.take()
		_ = row.do() // the server may not have what it is asked for
		if diff := cmp.Diff(row.want, record.take()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// keepsTags asks for what every server can do.
func (d Driver) keepsTags(t *testing.T, server servers.Server) {
	bucket, ctx := server.Bucket(t), t.Context()
	store := d.open(t, Config{Endpoint: server.Endpoint, Bucket: bucket, Terms: publish.Terms{Tags: map[string]string{"stage": "prod", "team": "a/b c"}}})
	p := zeros("a", 10)
	_, err := store.Put(ctx, p)
	p.Key = "b"
	if err := errors.Join(err, store.Link(ctx, "a", p.Object)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if diff := cmp.Diff(map[string]string{"stage": "prod", "team": "a/b c"}, server.Tags(t, bucket, key)); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", key, diff)
		}
	}
}

// A recording is a server behind a proxy that takes down the terms of the first
// request that has any.
type recording struct {
	*httptest.Server
	mu    sync.Mutex
	terms map[string]string
}

var termHeaders = []string{"X-Amz-Storage-Class", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Tagging", "X-Amz-Tagging-Directive"}

func recorder(t *testing.T, server servers.Server) *recording {
	t.Helper()
	to, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	// The host is signed, and stays as it is.
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host }}
	r := &recording{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.see(req.Header)
		forward.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *recording) see(h http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	signed := strings.ToLower(h.Get("Authorization"))
	seen := map[string]string{}
	for _, name := range termHeaders {
		if value := h.Get(name); value != "" && strings.Contains(signed, strings.ToLower(name)) {
			seen[name] = value
		}
	}
	if r.terms == nil && len(seen) > 0 {
		r.terms = seen
	}
}

func (r *recording) take() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	terms := r.terms
	r.terms = nil
	return terms
}
