package reposync

import (
	"context"
	"hash"
	"io"

	"datestone/layout"
)

// content is a file on its way. It yields exactly the bytes that the file's
// size and digest name: the last of them only after both were found right, so
// that whoever reads can't complete a wrong object. Without sum it sees to the
// size alone.
type content struct {
	ctx  context.Context // of open: an io.Reader gets none of its own
	file layout.File
	body io.ReadCloser
	// resume returns the content from got on, after the connection broke with
	// the given error; or the error to end with.
	resume func(c *content, broken error) (io.ReadCloser, error)
	sum    hash.Hash
	got    int64
	broken error // of body, to be seen to by the next Read
	end    error // of the content: nothing comes after it
	probe  [1]byte
}

func (c *content) Read(p []byte) (int, error) {
	if c.end != nil || len(p) == 0 {
		return 0, c.end
	}
	for c.got < c.file.Size {
		if c.broken != nil {
			if c.end = c.again(); c.end != nil {
				return 0, c.end
			}
		}
		n, err := c.body.Read(p[:min(int64(len(p)), c.file.Size-c.got)])
		if c.sum != nil {
			c.sum.Write(p[:n])
		}
		c.got += int64(n)
		c.broken = err
		if c.got == c.file.Size {
			c.end = c.finish()
			if c.end != io.EOF {
				n = 0
			}
			return n, c.end
		}
		if n > 0 {
			return n, nil
		}
	}
	c.end = c.finish() // a file of no bytes
	return 0, c.end
}

// again goes on after a body ended too early.
func (c *content) again() (err error) {
	switch {
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	case c.broken == io.EOF:
		return &DigestError{Path: c.file.Path, Want: c.file.SHA256, WantSize: c.file.Size, GotSize: c.got}
	}
	c.body.Close()
	c.body, err = c.resume(c, c.broken)
	if err != nil {
		c.body = io.NopCloser(nil)
		return err
	}
	c.broken = nil
	return nil
}

// finish returns io.EOF if all is right. How the connection ends does not
// matter then.
func (c *content) finish() error {
	if c.broken == nil {
		if n, _ := io.ReadFull(c.body, c.probe[:]); n > 0 {
			return &DigestError{Path: c.file.Path, Want: c.file.SHA256, WantSize: c.file.Size, GotSize: c.file.Size + 1}
		}
	}
	if c.sum == nil {
		return io.EOF
	}
	e := &DigestError{Path: c.file.Path, Want: c.file.SHA256, WantSize: c.file.Size, GotSize: c.got}
	if c.sum.Sum(e.Got[:0]); e.Got != e.Want {
		return e
	}
	return io.EOF
}

func (c *content) Close() error { return c.body.Close() }
