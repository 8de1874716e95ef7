package s3suite

import (
	"context"
	"crypto/sha256"
	"io"

	"datestone/layout"
	"datestone/publish"
)

// zeros is a large object that takes no memory.
func zeros(key string, size int64) publish.Put {
	sum := sha256.New()
	io.Copy(sum, io.LimitReader(zeroReader{}, size))
	return zerosOf(key, size, layout.Digest(sum.Sum(nil)))
}

// zerosOf is zeros whose digest is known.
func zerosOf(key string, size int64, sum layout.Digest) publish.Put {
	return publish.Put{
		Object: layout.Object{Key: key, Size: size, SHA256: sum, Header: layout.HeaderFor(layout.Content, key)},
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
