package s3store_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/s3store"
	"datestone/publish/storetest"
	"datestone/publish/storetest/servers"
)

// eachServer runs a test on every server there is.
func eachServer(t *testing.T, test func(t *testing.T, server servers.Server)) {
	for name, start := range map[string]func(testing.TB) servers.Server{"minio": servers.MinIO, "versitygw": servers.VersityGW} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func open(t testing.TB, cfg s3store.Config) *s3store.Store {
	t.Helper()
	cfg.PathStyle = true
	store, err := s3store.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		for name, prefix := range map[string]string{"without prefix": "", "with prefix": "/a mirror/of+é/"} {
			t.Run(name, func(t *testing.T) {
				storetest.Run(t, func(t *testing.T) publish.Store {
					return open(t, s3store.Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t), Prefix: prefix})
				})
			})
		}
	})
}

// zeros is a large object that takes no memory.
func zeros(key string, size int64) publish.Put {
	sum := sha256.New()
	io.Copy(sum, io.LimitReader(zeroReader{}, size))
	return publish.Put{
		Object: layout.Object{Key: key, Size: size, SHA256: layout.Digest(sum.Sum(nil)), Header: layout.HeaderFor(layout.Content, key)},
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.LimitReader(zeroReader{}, size)), nil
		},
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

const partSize, large = 5 << 20, 12<<20 + 1

// openInParts returns a store that takes all but small objects in parts.
func openInParts(t *testing.T, server servers.Server) *s3store.Store {
	return open(t, s3store.Config{
		Endpoint: server.Endpoint, Bucket: server.Bucket(t), Prefix: "p", PartSize: partSize, MultipartAbove: 1 << 20, CopyAbove: partSize,
	})
}

func TestStore_inParts(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		store, ctx := openInParts(t, server), t.Context()
		p := zeros("dir/a+b é.iso", large)
		p.Create = true
		info, err := store.Put(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		wantObject(t, store, p.Object, info.Version)
		if _, err := store.Put(ctx, p); !errors.Is(err, publish.ErrConflict) {
			t.Errorf("second Put = %v, want ErrConflict", err)
		}
		p.Create, p.IfMatch = false, `"0123456789abcdef0123456789abcdef"`
		if _, err := store.Put(ctx, p); !errors.Is(err, publish.ErrConflict) {
			t.Errorf("Put over another version = %v, want ErrConflict", err)
		}
		p.IfMatch = info.Version
		if info, err = store.Put(ctx, p); err != nil {
			t.Errorf("Put over the version that stands: %v", err)
		}
		to := p.Object
		to.Key, to.Header = "copied/é +", layout.HeaderFor(layout.Listing, "x.html")
		if err := store.Link(ctx, p.Key, to); err != nil {
			t.Fatal(err)
		}
		wantObject(t, store, to, "")
		if err := store.Link(ctx, "nothing", to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Link of nothing = %v, want fs.ErrNotExist", err)
		}
	})
}

func TestStore_inParts_refuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("the source's own error")
	rows := map[string]struct {
		tail func(io.Reader) io.Reader
		want error
	}{
		"shorter":                    {func(r io.Reader) io.Reader { return io.LimitReader(r, large-1) }, publish.ErrDigest},
		"longer":                     {func(r io.Reader) io.Reader { return io.MultiReader(r, strings.NewReader("x")) }, publish.ErrDigest},
		"other bytes":                {func(r io.Reader) io.Reader { return io.MultiReader(strings.NewReader("x"), io.LimitReader(r, large-1)) }, publish.ErrDigest},
		"broken after the last byte": {func(r io.Reader) io.Reader { return io.MultiReader(r, errReader{broken}) }, broken},
	}
	eachServer(t, func(t *testing.T, server servers.Server) {
		store, ctx := openInParts(t, server), t.Context()
		for name, row := range rows {
			p := zeros(name, large)
			p.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(row.tail(io.LimitReader(zeroReader{}, large))), nil
			}
			if _, err := store.Put(ctx, p); !errors.Is(err, row.want) {
				t.Errorf("%s: Put = %v, want %v", name, err, row.want)
			}
			if _, err := store.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: Stat = %v, want fs.ErrNotExist", name, err)
			}
		}
	})
}

type errReader struct{ error }

func (r errReader) Read([]byte) (int, error) { return 0, r.error }

// wantObject holds what stands against what was written.
func wantObject(t *testing.T, store publish.Store, want layout.Object, version string) {
	t.Helper()
	body, info, err := store.Get(t.Context(), want.Key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, body); err != nil {
		t.Fatal(err)
	}
	if got := layout.Digest(sum.Sum(nil)); got != want.SHA256 || info.Size != want.Size || info.Header != want.Header {
		t.Errorf("Get = %s, %+v, want %+v", got, info, want)
	}
	if version != "" && info.Version != version {
		t.Errorf("version = %s, want that of Put, %s", info.Version, version)
	}
	if stat, err := store.Stat(t.Context(), want.Key); err != nil || !stat.SHA256.IsZero() && stat.SHA256 != want.SHA256 {
		t.Errorf("Stat = %+v, %v", stat, err)
	}
}

// A digest that the server keeps is what lets a bucket be verified without
// being read.
func TestStore_keepsDigest(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		store, ctx := open(t, s3store.Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t)}), t.Context()
		p := zeros("a", 1000)
		to := p.Object
		to.Key = "b"
		_, err := store.Put(ctx, p)
		if err := errors.Join(err, store.Link(ctx, "a", to)); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b"} {
			if info, err := store.Stat(ctx, key); err != nil || info.SHA256 != p.SHA256 {
				t.Errorf("Stat(%q) = %+v, %v, want the digest %s", key, info, err, p.SHA256)
			}
		}
	})
}

func TestStore_bucketIsGone(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		store := open(t, s3store.Config{Endpoint: server.Endpoint, Bucket: "gone", Lazy: true})
		_, statErr := store.Stat(t.Context(), "a")
		_, _, getErr := store.Get(t.Context(), "a", 0, -1)
		_, putErr := store.Put(t.Context(), zeros("a", 1))
		_, timeErr := store.Now(t.Context())
		for _, err := range []error{statErr, getErr, putErr, timeErr, store.Delete(t.Context(), "a"), store.Link(t.Context(), "a", layout.Object{Key: "b"})} {
			if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `bucket "gone" does not exist`) {
				t.Errorf("got %v, want that the bucket does not exist, and not that the object is missing", err)
			}
		}
	})
}

// This one changes the environment, so it is not parallel.
func TestNew_errors(t *testing.T) {
	for name, start := range map[string]func(testing.TB) servers.Server{"minio": servers.MinIO, "versitygw": servers.VersityGW} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			bucket := server.Bucket(t)
			refuse := func(cfg s3store.Config, want ...string) {
				t.Helper()
				cfg.PathStyle = true
				_, err := s3store.New(t.Context(), cfg)
				for _, text := range want {
					if err == nil || !strings.Contains(err.Error(), text) {
						t.Errorf("New = %v, want an error with %q", err, text)
					}
				}
				if err != nil && strings.Contains(err.Error(), "not-the-secret") {
					t.Errorf("New = %v, which has the secret", err)
				}
			}
			refuse(s3store.Config{Endpoint: server.Endpoint, Bucket: "absent"}, `bucket "absent" does not exist at `+server.Endpoint, "create it with `aws s3 mb s3://absent")
			refuse(s3store.Config{Endpoint: "http://127.0.0.1:1", Bucket: bucket}, "can't reach http://127.0.0.1:1", "refused")
			refuse(s3store.Config{Endpoint: server.Endpoint, Bucket: bucket, Prefix: "a/../b"}, "prefix")
			refuse(s3store.Config{Endpoint: server.Endpoint}, "no bucket is named")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
			refuse(s3store.Config{Endpoint: server.Endpoint, Bucket: bucket}, fmt.Sprintf("access denied to bucket %q", bucket), "SignatureDoesNotMatch", "the access key date… of ")
			t.Setenv("AWS_ACCESS_KEY_ID", "")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			refuse(s3store.Config{Endpoint: server.Endpoint, Bucket: bucket}, "no credentials found: tried ", "AWS_ACCESS_KEY_ID")
		})
	}
}
