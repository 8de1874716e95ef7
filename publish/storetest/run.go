package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// Run holds a driver to every promise of publish.Store, and to those of
// publish.Linker, publish.Deleter and publish.Purger, which it must have. Each call of open
// returns a store over an empty place of its own; that may be a prefix of a
// larger one. The subtests run in parallel.
func Run(t *testing.T, open func(t *testing.T) publish.Store) {
	t.Helper()
	for _, group := range [][]promise{objectPromises, keyPromises, putPromises, conditionPromises, cancelPromises, facetPromises} {
		for _, p := range group {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				p.hold(&tester{T: t, ctx: t.Context(), store: open(t)})
			})
		}
	}
}

// A promise is one sentence about stores, and the code that tries to refute it.
type promise struct {
	name string
	hold func(t *tester)
}

// A tester is a test and the store it is about.
type tester struct {
	*testing.T
	ctx   context.Context
	store publish.Store
}

func object(key, body string) layout.Object {
	return layout.Object{
		Key: key, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body)),
		Header: layout.HeaderFor(layout.Listing, key),
	}
}

func putOf(key, body string) publish.Put { return publish.Bytes(object(key, body), []byte(body)) }

// put writes an object that nothing hinders.
func (t *tester) put(key, body string) publish.Info {
	t.Helper()
	return t.mustPut(putOf(key, body))
}

func (t *tester) mustPut(p publish.Put) publish.Info {
	t.Helper()
	info, err := t.store.Put(t.ctx, p)
	if err != nil {
		t.Fatalf("Put(%q): %v", p.Key, err)
	}
	if info.Key != p.Key || info.Size != p.Size || info.Version == "" {
		t.Errorf("Put(%q) = %+v, want its key, the size %d and a version", p.Key, info, p.Size)
	}
	return info
}

// refuse puts what must not be written, and wants the given error.
func (t *tester) refuse(p publish.Put, want error) {
	t.Helper()
	if _, err := t.store.Put(t.ctx, p); !errors.Is(err, want) {
		t.Errorf("Put(%q) = %v, want an error that is %q", p.Key, err, want)
	}
}

func (t *tester) get(key string, offset, length int64) (string, publish.Info) {
	t.Helper()
	r, info, err := t.store.Get(t.ctx, key, offset, length)
	if err != nil {
		t.Fatalf("Get(%q, %d, %d): %v", key, offset, length, err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatalf("Get(%q, %d, %d): reading: %v", key, offset, length, err)
	}
	return b.String(), info
}

func (t *tester) stat(key string) publish.Info {
	t.Helper()
	info, err := t.store.Stat(t.ctx, key)
	if err != nil {
		t.Fatalf("Stat(%q): %v", key, err)
	}
	return info
}

// wantBody holds what Get and Stat say of key against what was written.
func (t *tester) wantBody(key, body string) {
	t.Helper()
	got, fromGet := t.get(key, 0, -1)
	if got != body {
		t.Errorf("Get(%q) = %s, want %s", key, short(got), short(body))
	}
	t.wantInfo("Get", fromGet, object(key, body))
	t.wantInfo("Stat", t.stat(key), object(key, body))
}

func (t *tester) wantInfo(method string, got publish.Info, want layout.Object) {
	t.Helper()
	if got.Key != want.Key || got.Size != want.Size {
		t.Errorf("%s(%q) = %+v, want that key and the size %d", method, want.Key, got, want.Size)
	}
	if got.Version == "" || got.ModTime.IsZero() {
		t.Errorf("%s(%q) = %+v, want a version and a time", method, want.Key, got)
	}
	if !got.SHA256.IsZero() && got.SHA256 != want.SHA256 {
		t.Errorf("%s(%q): SHA-256 = %s, want %s", method, want.Key, got.SHA256, want.SHA256)
	}
	if got.Header != (layout.Header{}) && got.Header != want.Header {
		t.Errorf("%s(%q): header = %+v, want %+v", method, want.Key, got.Header, want.Header)
	}
}

func (t *tester) wantMissing(key string) {
	t.Helper()
	if info, err := t.store.Stat(t.ctx, key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat(%q) = %+v, %v, want fs.ErrNotExist", key, info, err)
	}
	r, _, err := t.store.Get(t.ctx, key, 0, -1)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get(%q) = %v, want fs.ErrNotExist", key, err)
	}
	if err == nil {
		r.Close()
	}
}

// list returns the keys under prefix.
func (t *tester) list(prefix string) []string {
	t.Helper()
	keys := []string{}
	for info, err := range t.store.List(t.ctx, prefix) {
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func (t *tester) wantList(prefix string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), t.list(prefix)); diff != "" {
		t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
	}
}

// short cuts a body to what a message can hold.
func short(body string) string {
	const most = 64
	if len(body) <= most {
		return strconv.Quote(body)
	}
	return fmt.Sprintf("%q… (%d bytes, %s)", body[:most], len(body), layout.DigestOf([]byte(body)))
}
