package s3wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

func TestPartSize(t *testing.T) {
	t.Parallel()
	const mib, tib = 1 << 20, 1 << 40
	for _, size := range []int64{1, 16 * mib, 16*mib + 1, 160_000 * mib, 160_000*mib + 1, tib, 5 * tib, 48 * tib} {
		part := s3wire.PartSize(size, 16*mib)
		if n := s3wire.Parts(size, part); n < 1 || n > s3wire.MaxParts {
			t.Errorf("%d bytes in parts of %d: %d parts", size, part, n)
		}
		if part < 16*mib || part%mib != 0 {
			t.Errorf("PartSize(%d) = %d, want whole MiB, at least 16", size, part)
		}
	}
	if part := s3wire.PartSize(160_000*mib, 16*mib); part != 16*mib {
		t.Errorf("PartSize of 10,000 times 16 MiB = %d, want 16 MiB", part)
	}
}

// fake is an upload into memory that asserts what S3 demands.
type fake struct {
	mu        sync.Mutex
	parts     map[int][]byte
	failures  map[int]int // how often a part fails before it is taken
	fault     error
	completed []byte
	done      string
	put       func(n int)
}

func (f *fake) PutPart(_ context.Context, p s3wire.Part, body []byte, crc uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.put != nil {
		f.put(p.Number)
	}
	if f.failures[p.Number] > 0 {
		f.failures[p.Number]--
		return fmt.Errorf("part %d: %w", p.Number, f.fault)
	}
	if int64(len(body)) != p.Size || crc != crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) {
		return fmt.Errorf("part %d is not what is said of it", p.Number)
	}
	if f.parts == nil {
		f.parts = map[int][]byte{}
	}
	f.parts[p.Number] = slices.Clone(body)
	return nil
}

func (f *fake) Complete(context.Context) (string, error) {
	for n := 1; n <= len(f.parts); n++ {
		f.completed = append(f.completed, f.parts[n]...)
	}
	f.done += "completed"
	return "v", nil
}

func (f *fake) Abort(ctx context.Context) error {
	f.done += "aborted"
	return ctx.Err()
}

// content returns n bytes, and a body of them.
func content(n int) ([]byte, *s3wire.Body) {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b, s3wire.NewBody(io.NopCloser(bytes.NewReader(b)), int64(n))
}

func TestPool_Put(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, s3wire.MinPart, s3wire.MinPart + 1, 3*s3wire.MinPart - 1} {
		b, body := content(size)
		up := &fake{}
		version, err := s3wire.NewPool(s3wire.MinPart).Put(t.Context(), up, body, layout.DigestOf(b))
		if err != nil || version != "v" || up.done != "completed" {
			t.Fatalf("Put of %d bytes = %q, %v, upload %s", size, version, err, up.done)
		}
		if !bytes.Equal(up.completed, b) {
			t.Errorf("the object of %d bytes came out as another of %d", size, len(up.completed))
		}
	}
}

func TestPool_Put_failures(t *testing.T) {
	t.Parallel()
	cause := errors.New("the user has had enough")
	for _, row := range []struct {
		name  string
		fault error
		times int
		want  error
	}{
		{"a part that fails once goes up again", publish.ErrTemporary, 1, nil},
		{"a part that breaks on its way goes up again", publish.ErrDigest, 1, nil},
		{"a part that keeps failing ends the upload", publish.ErrSlowDown, 100, publish.ErrSlowDown},
		{"a part that is refused ends the upload", cause, 1, cause},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b, body := content(2*s3wire.MinPart + 1)
			up := &fake{failures: map[int]int{2: row.times}, fault: row.fault}
			_, err := s3wire.NewPool(s3wire.MinPart).Put(t.Context(), up, body, layout.DigestOf(b))
			if !errors.Is(err, row.want) {
				t.Fatalf("Put = %v, want %v", err, row.want)
			}
			if want := map[bool]string{true: "completed", false: "aborted"}[err == nil]; up.done != want {
				t.Errorf("the upload was %s, want %s", up.done, want)
			}
		})
	}
	t.Run("other bytes are not completed", func(t *testing.T) {
		t.Parallel()
		_, body := content(2 * s3wire.MinPart)
		up := &fake{}
		_, err := s3wire.NewPool(s3wire.MinPart).Put(t.Context(), up, body, layout.DigestOf(nil))
		if !errors.Is(err, publish.ErrDigest) || up.done != "aborted" || len(up.parts) == 2 {
			t.Errorf("Put = %v, upload %s with %d parts; want ErrDigest, aborted before the last part", err, up.done, len(up.parts))
		}
	})
	t.Run("a context that ends aborts with one that has not", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		b, body := content(3 * s3wire.MinPart)
		up := &fake{put: func(int) { cancel(cause) }}
		_, err := s3wire.NewPool(s3wire.MinPart).Put(ctx, up, body, layout.DigestOf(b))
		if !errors.Is(err, cause) || up.done != "aborted" {
			t.Errorf("Put = %v, upload %s, want the cause, aborted", err, up.done)
		}
	})
}

// gauge is an upload that counts how many bytes are on their way at once.
type gauge struct {
	fake
	now, most *atomic.Int64
}

func (g *gauge) PutPart(ctx context.Context, p s3wire.Part, body []byte, crc uint32) error {
	g.most.Store(max(g.most.Load(), g.now.Add(int64(cap(body)))))
	defer g.now.Add(-int64(cap(body)))
	return nil
}

func TestPool_isBounded(t *testing.T) {
	t.Parallel()
	pool := s3wire.NewPool(8 << 20)
	var now, most atomic.Int64
	var g errgroup.Group
	for range 40 {
		g.Go(func() error {
			body := s3wire.NewBody(io.NopCloser(io.LimitReader(zeros{}, 20<<20)), 20<<20)
			_, err := pool.Put(t.Context(), &gauge{now: &now, most: &most}, body, layout.Digest{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := most.Load(); got > 64<<20 || got == 0 {
		t.Errorf("%d bytes were in memory at once, want at most 64 MiB", got)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type copier struct {
	fake
	ranges []string
}

func (c *copier) CopyPart(_ context.Context, p s3wire.Part) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.Number == 3 && c.fault != nil {
		return c.fault
	}
	c.ranges = append(c.ranges, s3wire.Range(p.Offset, p.Size))
	return nil
}

func TestCopy(t *testing.T) {
	t.Parallel()
	c := &copier{}
	if version, err := s3wire.Copy(t.Context(), c, 25, 10); err != nil || version != "v" || c.done != "completed" {
		t.Fatalf("Copy = %q, %v, upload %s", version, err, c.done)
	}
	slices.Sort(c.ranges)
	if got, want := fmt.Sprint(c.ranges), "[bytes=0-9 bytes=10-19 bytes=20-24]"; got != want {
		t.Errorf("copied %s, want %s", got, want)
	}
	c = &copier{fake: fake{fault: errSource}}
	if _, err := s3wire.Copy(t.Context(), c, 1000, 10); !errors.Is(err, errSource) || c.done != "aborted" {
		t.Errorf("Copy = %v, upload %s, want the store's error, aborted", err, c.done)
	}
}
