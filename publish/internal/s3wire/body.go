package s3wire

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"datestone/publish"
)

// A Body is the content of one upload: exactly size bytes, or an error and
// never the last of them. A store that has not had the last byte writes
// nothing, so all that can be wrong with the content is known before it goes.
//
// net/http may go on reading a body after the call has returned; Close and
// Err may be called at any time. One goroutine at a time may read.
type Body struct {
	src  io.ReadCloser
	size int64
	n    int64

	mu           sync.Mutex
	err          error
	busy, closed bool
}

// NewBody returns src as a body of size bytes. Content that is empty is read
// to its end at once, since nothing else would.
func NewBody(src io.ReadCloser, size int64) *Body {
	b := &Body{src: src, size: size}
	if size == 0 {
		b.end()
	}
	return b
}

// Len returns the size of the content.
func (b *Body) Len() int64 { return b.size }

// Err returns what was wrong with the content; nil if nothing is known to be.
func (b *Body) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *Body) Read(p []byte) (int, error) {
	if err := b.enter(); err != nil {
		return 0, err
	}
	defer b.leave()
	if b.n == b.size {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), b.size-b.n)]
	n, err := b.src.Read(p)
	b.n += int64(n)
	switch {
	case b.n == b.size && err == io.EOF:
		return n, nil
	case b.n == b.size && err == nil:
		if err := b.end(); err != nil {
			return 0, err
		}
		return n, nil
	case err == io.EOF:
		return 0, b.fail(fmt.Errorf("%d bytes instead of %d: %w", b.n, b.size, publish.ErrDigest))
	case err != nil:
		return 0, b.fail(err)
	}
	return n, nil
}

// Close closes the content, at once or when the read in progress returns.
func (b *Body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	if b.busy {
		return nil
	}
	return b.src.Close()
}

// enter begins a read.
func (b *Body) enter() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	b.busy = b.err == nil
	return b.err
}

// leave ends a read, and closes what Close could not.
func (b *Body) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
	if b.closed {
		b.src.Close()
	}
}

var errClosed = errors.New("upload is over")

// end reads what stands behind the last byte: its end, or what is wrong.
func (b *Body) end() error {
	var one [1]byte
	for {
		n, err := b.src.Read(one[:])
		switch {
		case n > 0:
			return b.fail(fmt.Errorf("more than %d bytes: %w", b.size, publish.ErrDigest))
		case err == io.EOF:
			return nil
		case err != nil:
			return b.fail(err)
		}
	}
}

func (b *Body) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
	return err
}
