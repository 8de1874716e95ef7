package s3wire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"datestone/layout"
	"datestone/publish"
)

// Limits of the protocol and of memory.
const (
	// MaxParts is how many parts an object may have.
	MaxParts = 10_000
	// MinPart is the smallest part, the last one aside.
	MinPart = 5 << 20
	// MaxCopy is the largest object that one request copies.
	MaxCopy = 5 << 30
	// CopyPart is the size of a part that the store copies by itself.
	CopyPart = 512 << 20
	// DefaultPart is the size of a part that goes up.
	DefaultPart = 16 << 20
	// DefaultAbove is the size above which an object goes up in parts.
	DefaultAbove = 64 << 20

	poolBytes    = 64 << 20
	partAttempts = 3
	abortTimeout = 30 * time.Second
)

// PartSize returns the size of the parts of an object of size bytes: base, or
// as much more, in whole MiB, as it takes to stay within MaxParts.
func PartSize(size, base int64) int64 {
	const mib = 1 << 20
	need := (size + MaxParts - 1) / MaxParts
	if need <= base {
		return base
	}
	return (need + mib - 1) / mib * mib
}

// Parts returns how many parts of part bytes make size.
func Parts(size, part int64) int { return int((size + part - 1) / part) }

// A Part is a part of an object: Number from 1 on, and where it begins.
type Part struct {
	Number       int
	Offset, Size int64
}

// partAt returns part n of an object of size bytes.
func partAt(n int, size, part int64) Part {
	offset := int64(n-1) * part
	return Part{Number: n, Offset: offset, Size: min(part, size-offset)}
}

// An Upload is a multipart upload that has begun, as a driver's SDK makes it.
// Its errors are those of publish.Store.
type Upload interface {
	// Complete makes the object of all the parts and returns its version.
	Complete(ctx context.Context) (string, error)
	// Abort gives the parts back.
	Abort(ctx context.Context) error
}

// A PartPutter takes parts from memory. Crc is the CRC-32C of the part, which
// the store checks: the payload is not signed.
type PartPutter interface {
	Upload
	PutPart(ctx context.Context, p Part, body []byte, crc uint32) error
}

// A PartCopier takes parts of an object that stands already.
type PartCopier interface {
	Upload
	CopyPart(ctx context.Context, p Part) error
}

// A Pool holds the buffers of all large uploads of a store. However many go on
// at once, they take 64 MiB, or one part each when that is more.
type Pool struct {
	part  int64
	bytes *semaphore.Weighted
	free  chan []byte
}

// NewPool returns a pool of buffers of part bytes, DefaultPart if that is zero.
func NewPool(part int64) *Pool {
	if part == 0 {
		part = DefaultPart
	}
	part = max(part, MinPart)
	return &Pool{part: part, bytes: semaphore.NewWeighted(poolBytes), free: make(chan []byte, poolBytes/part+1)}
}

// PartSize returns the size of the parts of an object of size bytes.
func (p *Pool) PartSize(size int64) int64 { return PartSize(size, p.part) }

func weight(n int64) int64 { return min(n, poolBytes) }

// get waits for n bytes of memory. Whoever has a buffer needs no second one to
// give it back, so waiting ends.
func (p *Pool) get(ctx context.Context, n int64) ([]byte, error) {
	if err := p.bytes.Acquire(ctx, weight(n)); err != nil {
		return nil, context.Cause(ctx)
	}
	if n != p.part {
		return make([]byte, n), nil
	}
	select {
	case b := <-p.free:
		return b, nil
	default:
		return make([]byte, n), nil
	}
}

func (p *Pool) put(b []byte) {
	b = b[:cap(b)]
	if int64(len(b)) == p.part {
		select {
		case p.free <- b:
		default:
		}
	}
	p.bytes.Release(weight(int64(len(b))))
}

// Put sends body through up, one part after the other, reading the next while
// one goes up, and returns the version. The store can't check the digest of an
// object in parts, so Put does, before it completes the upload. When anything
// fails the upload is aborted.
func (p *Pool) Put(ctx context.Context, up PartPutter, body *Body, want layout.Digest) (string, error) {
	err := p.send(ctx, up, body, want)
	return finish(ctx, up, err)
}

// Copy has the store copy an object of size bytes in parts, a few at once, and
// returns the version. When anything fails the upload is aborted.
func Copy(ctx context.Context, up PartCopier, size, part int64) (string, error) {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for n := 1; n <= Parts(size, part) && inner.Err() == nil; n++ {
		g.Go(func() error {
			return attempt(inner, func() error { return up.CopyPart(inner, partAt(n, size, part)) })
		})
	}
	err := g.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return finish(ctx, up, err)
}

// finish completes up, or aborts it after err; ctx may be over by then.
func finish(ctx context.Context, up Upload, err error) (string, error) {
	if err == nil {
		var version string
		if version, err = up.Complete(ctx); err == nil {
			return version, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if abortErr := up.Abort(ctx); abortErr != nil {
		// What was sent stays in the store, and is paid for, until a rule of
		// the bucket removes it; err is what the caller acts upon.
		return "", fmt.Errorf("%w (and the parts already sent could not be removed: %v)", err, abortErr)
	}
	return "", err
}

type filled struct {
	Part
	buf []byte
	crc uint32
}

// send reads body in one goroutine and sends its parts in another.
func (p *Pool) send(ctx context.Context, up PartPutter, body *Body, want layout.Digest) error {
	g, inner := errgroup.WithContext(ctx)
	ready := make(chan filled)
	g.Go(func() error {
		defer close(ready)
		return p.fill(inner, body, want, ready)
	})
	g.Go(func() error {
		for f := range ready {
			err := attempt(inner, func() error { return up.PutPart(inner, f.Part, f.buf, f.crc) })
			p.put(f.buf)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// fill cuts body into parts. The last one is handed on only when the digest of
// the whole is the one wanted.
func (p *Pool) fill(ctx context.Context, body *Body, want layout.Digest, ready chan<- filled) error {
	part := p.PartSize(body.Len())
	last := Parts(body.Len(), part)
	sum := sha256.New()
	for n := 1; n <= last; n++ {
		buf, err := p.get(ctx, part)
		if err != nil {
			return err
		}
		f := filled{Part: partAt(n, body.Len(), part)}
		f.buf = buf[:f.Size]
		if err := fillOne(ctx, body, f.buf); err != nil {
			p.put(buf)
			return err
		}
		f.crc = crc32.Checksum(f.buf, castagnoli)
		sum.Write(f.buf)
		if got := layout.Digest(sum.Sum(nil)); n == last && !want.IsZero() && got != want {
			p.put(buf)
			return fmt.Errorf("SHA-256 %s instead of %s: %w", got, want, publish.ErrDigest)
		}
		select {
		case ready <- f:
		case <-ctx.Done():
			p.put(buf)
			return context.Cause(ctx)
		}
	}
	return nil
}

// fillOne reads all of buf, and looks at ctx between reads.
func fillOne(ctx context.Context, body *Body, buf []byte) error {
	for n := 0; n < len(buf); {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m, err := body.Read(buf[n:])
		n += m
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attempt calls do again when it may succeed. A store makes one attempt of a
// Put, but the stream behind a part can't be read twice.
func attempt(ctx context.Context, do func() error) error {
	wait := 200 * time.Millisecond
	for n := 1; ; n++ {
		err := do()
		again := errors.Is(err, publish.ErrTemporary) || errors.Is(err, publish.ErrSlowDown) || errors.Is(err, publish.ErrDigest)
		if err == nil || !again || n == partAttempts {
			return err
		}
		select {
		case <-time.After(wait):
			wait *= 4
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
