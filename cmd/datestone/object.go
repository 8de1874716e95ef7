package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"datestone/publish"
)

// An objectContent is an object as http.ServeContent wants it: opened at its
// place only when it is read, so that HEAD and 304 cost no body.
type objectContent struct {
	ctx   context.Context
	store publish.Store
	info  publish.Info
	at    int64
	body  io.ReadCloser
	err   error
}

func (o *objectContent) Read(b []byte) (int, error) {
	if o.at >= o.info.Size {
		return 0, io.EOF
	}
	if o.body == nil {
		body, info, err := o.store.Get(o.ctx, o.info.Key, o.at, -1)
		if err == nil && info.Version != o.info.Version {
			body.Close()
			err = fmt.Errorf("get %q: %w", o.info.Key, publish.ErrConflict)
		}
		if err != nil {
			o.err = err
			return 0, err
		}
		o.body = body
	}
	n, err := o.body.Read(b)
	o.at += int64(n)
	if err == io.EOF && o.at < o.info.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		o.err = err
	}
	return n, err
}

func (o *objectContent) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.Size
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	if offset != o.at {
		o.Close()
		o.body, o.at = nil, offset
	}
	return offset, nil
}

func (o *objectContent) Close() error {
	if o.body == nil {
		return nil
	}
	return o.body.Close()
}
