package s3wire

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"datestone/layout"
	"datestone/publish"
)

// Nothing is Get of no bytes, which no range can ask for, made of what Stat says.
func Nothing(info publish.Info, err error) (io.ReadCloser, publish.Info, error) {
	if err != nil {
		return nil, publish.Info{}, err
	}
	info.SHA256 = layout.Digest{}
	return http.NoBody, info, nil
}

// Reader returns body, whose errors then name the object and say what they
// mean: a connection that breaks midway may be gone at the next attempt.
func (p *Place) Reader(ctx context.Context, key string, body io.ReadCloser) io.ReadCloser {
	return &reader{ReadCloser: body, wrap: func(err error) error { return p.Wrap(ctx, "get", key, err, Fault{}) }}
}

type reader struct {
	io.ReadCloser
	wrap func(error) error
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.wrap(err)
	}
	return n, err
}

// An Order sees to it that a list is sorted. Directory buckets do not sort,
// and to sort for them would take memory for all keys.
type Order struct {
	last string
	any  bool
}

// Next takes the next key, and returns an error unless it is above the last.
func (o *Order) Next(key string) error {
	if o.any && key <= o.last {
		return fmt.Errorf("the store does not sort its lists: %q comes after %q", key, o.last)
	}
	o.last, o.any = key, true
	return nil
}
