package s3wire_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"datestone/publish"
	"datestone/publish/internal/s3wire"
)

var errSource = errors.New("the source's own error")

func TestBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		src  io.Reader
		size int64
		want error
	}{
		{"as declared", strings.NewReader("abcdef"), 6, nil},
		{"as declared, byte by byte", iotest.OneByteReader(strings.NewReader("abcdef")), 6, nil},
		{"as declared, its end with its last byte", iotest.DataErrReader(strings.NewReader("abcdef")), 6, nil},
		{"empty", strings.NewReader(""), 0, nil},
		{"shorter", strings.NewReader("abcde"), 6, publish.ErrDigest},
		{"longer", strings.NewReader("abcdefg"), 6, publish.ErrDigest},
		{"something instead of nothing", strings.NewReader("a"), 0, publish.ErrDigest},
		{"broken", io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(errSource)), 6, errSource},
		{"broken after the last byte", io.MultiReader(strings.NewReader("abcdef"), iotest.ErrReader(errSource)), 6, errSource},
		{"broken instead of nothing", iotest.ErrReader(errSource), 0, errSource},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			body := s3wire.NewBody(io.NopCloser(row.src), row.size)
			got, err := io.ReadAll(body)
			if row.size == 0 {
				err = body.Err()
			}
			if !errors.Is(err, row.want) || !errors.Is(body.Err(), row.want) {
				t.Fatalf("ReadAll = %v, Err = %v, want %v", err, body.Err(), row.want)
			}
			if row.want != nil && row.size > 0 && int64(len(got)) >= row.size {
				t.Errorf("all %d bytes came through before the error", len(got))
			}
			if row.want == nil && string(got) != "abcdef"[:row.size] {
				t.Errorf("ReadAll = %q", got)
			}
		})
	}
}

// blocked is a reader that ignores that it is closed, until it is let go.
type blocked struct {
	reading, letGo chan struct{}
	closed         chan struct{}
}

func (b *blocked) Read([]byte) (int, error) {
	close(b.reading)
	<-b.letGo
	return 0, io.EOF
}

func (b *blocked) Close() error {
	close(b.closed)
	return nil
}

func TestBody_Close_whileReading(t *testing.T) {
	t.Parallel()
	src := &blocked{make(chan struct{}), make(chan struct{}), make(chan struct{})}
	body := s3wire.NewBody(src, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		body.Read(make([]byte, 1))
	}()
	<-src.reading
	body.Close() // must not wait for the reader
	select {
	case <-src.closed:
		t.Error("the source was closed while it was read")
	default:
	}
	close(src.letGo)
	<-done
	<-src.closed
	if n, err := body.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("Read after Close = %d, %v, want an error", n, err)
	}
}
