package main

import (
	"context"
	"errors"
	"io"
)

// A remoteError is a failure of the remote, or of what it gave: another state
// may still be had. What fails otherwise is the bucket's.
type remoteError struct{ err error }

func (e *remoteError) Error() string { return e.err.Error() }
func (e *remoteError) Unwrap() error { return e.err }

// A bucketError is a failure of the bucket while content came from a remote.
type bucketError struct{ err error }

func (e *bucketError) Error() string { return e.err.Error() }
func (e *bucketError) Unwrap() error { return e.err }

func isRemoteError(err error) bool {
	e := (*remoteError)(nil)
	return errors.As(err, &e)
}

// byBucket makes err the bucket's, unless it is the remote's.
func byBucket(err error) error {
	if err == nil || isRemoteError(err) {
		return err
	}
	return &bucketError{err}
}

// byRemote makes err the remote's, unless it is the bucket's or of ctx.
func byRemote(ctx context.Context, err error) error {
	if e := (*bucketError)(nil); err == nil || ctx.Err() != nil || errors.As(err, &e) || isRemoteError(err) {
		return err
	}
	return &remoteError{err}
}

// ofRemote opens as open does; failing to open or to read is the remote's.
func ofRemote(open func(context.Context) (io.ReadCloser, error)) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) {
		body, err := open(ctx)
		if err != nil {
			return nil, byRemote(ctx, err)
		}
		return remoteBody{ctx, body}, nil
	}
}

type remoteBody struct {
	ctx context.Context // of the one attempt to read it
	io.ReadCloser
}

func (b remoteBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = byRemote(b.ctx, err)
	}
	return n, err
}
