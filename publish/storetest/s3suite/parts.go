package s3suite

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest/servers"
)

const partSize, large = 5 << 20, 12<<20 + 1

// openInParts returns a store that takes all but small objects in parts.
func (d Driver) openInParts(t *testing.T, server servers.Server) Store {
	return d.open(t, Config{
		Endpoint: server.Endpoint, Bucket: server.Bucket(t), Prefix: "p", PartSize: partSize, MultipartAbove: 1 << 20, CopyAbove: partSize,
	})
}

func (d Driver) inParts(t *testing.T, server servers.Server) {
	store, ctx := d.openInParts(t, server), t.Context()
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
}

func (d Driver) inPartsRefuses(t *testing.T, server servers.Server) {
	broken := errors.New("the source's own error")
	rows := map[string]struct {
		tail func(io.Reader) io.Reader
		want error
	}{
		"shorter":                    {func(r io.Reader) io.Reader { return io.LimitReader(r, large-1) }, publish.ErrDigest},
		"longer":                     {func(r io.Reader) io.Reader { return io.MultiReader(r, strings.NewReader("x")) }, publish.ErrDigest},
		"other bytes":                {func(r io.Reader) io.Reader { return io.MultiReader(strings.NewReader("x"), io.LimitReader(r, large-1)) }, publish.ErrDigest},
		"broken after the last byte": {func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(broken)) }, broken},
	}
	store, ctx := d.openInParts(t, server), t.Context()
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
}

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
func (d Driver) keepsDigest(t *testing.T, server servers.Server) {
	store, ctx := d.open(t, Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t)}), t.Context()
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
}
