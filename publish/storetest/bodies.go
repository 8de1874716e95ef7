package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"datestone/layout"
	"datestone/publish"
)

var errBody = errors.New("the body's own error")

var putPromises = []promise{
	{"a body that is not what was declared is refused whole", func(t *tester) {
		for _, row := range badBodies() {
			key := "bad/" + strings.ReplaceAll(row.name, " ", "-")
			p := row.put
			p.Key = key
			t.refuse(p, row.want)
			t.wantMissing(key)
			t.put(key, "what stood before")
			before := t.stat(key)
			t.refuse(p, row.want)
			t.wantBody(key, "what stood before")
			if v := t.stat(key).Version; v != before.Version {
				t.Errorf("%s: the version went from %q to %q", row.name, before.Version, v)
			}
		}
		t.wantOnly("bad/")
	}},
	{"a body that is refused leaves room for the creator", func(t *tester) {
		for _, row := range badBodies() {
			p := row.put
			p.Key, p.Create = "create/"+row.name, true
			t.refuse(p, row.want)
			good := putOf(p.Key, "good")
			good.Create = true
			t.mustPut(good)
			t.wantBody(p.Key, "good")
		}
	}},
	{"what can't be opened is not written", func(t *tester) {
		p := putOf("closed", "x")
		p.Open = func(context.Context) (io.ReadCloser, error) { return nil, errBody }
		t.refuse(p, errBody)
		t.wantMissing("closed")
	}},
	{"every body is closed", func(t *tester) {
		var open atomic.Int64
		for _, size := range []int{0, 5, 1 << 20} {
			body := noise(size)
			p := putOf(fmt.Sprint("closes/", size), body)
			p.Open = func(context.Context) (io.ReadCloser, error) {
				open.Add(1)
				return &counted{Reader: strings.NewReader(body), open: &open}, nil
			}
			t.mustPut(p)
			p.Create = true
			t.refuse(p, publish.ErrConflict)
		}
		// A transport may close a body a little after the answer is there.
		for end := time.Now().Add(5 * time.Second); open.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d bodies are still open", open.Load())
			}
		}
	}},
}

// counted is a body that is missed when it is not closed.
type counted struct {
	io.Reader
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return nil
}

// wantOnly wants nothing else under the store than under prefix: no half
// object under another name.
func (t *tester) wantOnly(prefix string) {
	t.Helper()
	for _, key := range t.list("") {
		if !strings.HasPrefix(key, prefix) {
			t.Errorf("there is %q, which nobody put", key)
		}
	}
}

type badBody struct {
	name string
	put  publish.Put
	want error
}

// badBodies are bodies that lie or break. The body that breaks after its last
// byte is how a reader that verifies says that the bytes were wrong: a store
// that sends the last byte before it has seen the end has published them.
func badBodies() []badBody {
	const size = 100_000
	body := noise(size)
	other := "x" + body[1:]
	return []badBody{
		{"shorter", bodyOf(body, strings.NewReader(body[:size-1])), publish.ErrDigest},
		{"none", bodyOf(body, strings.NewReader("")), publish.ErrDigest},
		{"longer", bodyOf(body, strings.NewReader(body+"x")), publish.ErrDigest},
		{"much longer", bodyOf(body, strings.NewReader(body+body)), publish.ErrDigest},
		{"other bytes", bodyOf(body, strings.NewReader(other)), publish.ErrDigest},
		{"something instead of nothing", bodyOf("", strings.NewReader("x")), publish.ErrDigest},
		{"nothing, of another digest", nothingOf(body), publish.ErrDigest},
		{"broken at once", bodyOf(body, broken("")), errBody},
		{"broken midway", bodyOf(body, broken(body[:size/2])), errBody},
		{"broken after the last byte", bodyOf(body, broken(body)), errBody},
		{"broken instead of nothing", bodyOf("", broken("")), errBody},
	}
}

// bodyOf declares one thing and opens another, once and for all attempts.
func bodyOf(declared string, r io.ReadSeeker) publish.Put {
	return publish.Put{Object: object("", declared), Open: func(context.Context) (io.ReadCloser, error) {
		_, err := r.Seek(0, io.SeekStart)
		// Hidden behind a plain reader, as what a remote sends is.
		return io.NopCloser(struct{ io.Reader }{r}), err
	}}
}

// nothingOf is an empty object with the digest of body.
func nothingOf(body string) publish.Put {
	p := bodyOf("", strings.NewReader(""))
	p.SHA256 = layout.DigestOf([]byte(body))
	return p
}

// broken reads as s, then breaks.
func broken(s string) io.ReadSeeker { return &brokenReader{strings.NewReader(s)} }

type brokenReader struct{ *strings.Reader }

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = fmt.Errorf("read: %w", errBody)
	}
	return n, err
}

// slow is a body that takes a minute and does not know of contexts.
type slow struct{ left int }

func slowPut(key string, reading func()) publish.Put {
	const size = 6 << 20
	return publish.Put{
		Object: layout.Object{Key: key, Size: size, SHA256: layout.DigestOf(make([]byte, size))},
		Open: func(context.Context) (io.ReadCloser, error) {
			reading()
			return io.NopCloser(&slow{size}), nil
		},
	}
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(10 * time.Millisecond)
	n := min(len(p), s.left, 1<<10)
	clear(p[:n])
	s.left -= n
	return n, nil
}
