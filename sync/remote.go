package reposync

import (
	"context"
	"errors"
	"io"
	"iter"

	"datestone/layout"
)

// A Remote says where a repository comes from.
type Remote struct {
	Type string // "file": a PULP_MANIFEST and the files it names
	URL  string // of the manifest; http, https, or file:
	Mode string // "mirror" (default) or "additive"
	// Headers go with every request; they may hold secrets and are never shown.
	Headers            map[string]string
	Username, Password string
	// ClientCertificate, ClientKey and CA are names of PEM files; empty means none.
	ClientCertificate, ClientKey, CA string
	// Parallel is the number of requests at once to one host; default 16.
	Parallel int
}

// A State is what a remote had at one moment.
type State struct {
	Files []layout.File // sorted by path, without FirstSeen
	// Bodies has the content of files that were read as metadata (the
	// manifest), by path: they are published byte for byte from here.
	Bodies map[string][]byte
	Remote layout.Remote
}

// A Sink puts one file in its place. It may call open again to try once more;
// what open returns yields exactly the bytes that f names, or ends with an
// error in place of the last of them.
type Sink func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error

// Errors of this package, to be asked for with errors.Is.
var (
	// ErrNotModified says that the remote still has the state of the validators.
	ErrNotModified = errors.New("not modified")
	// ErrMoved is a file that is gone or other than the metadata said: the
	// metadata must be read again.
	ErrMoved = errors.New("the remote changed while it was read")
)

// A Client reads remotes. It may be used by many goroutines.
type Client struct { /* to be written */
}

// Read reads the remote's metadata and returns its state, or ErrNotModified
// when it still is what known says. The validators of known count only when
// they were taken with the same configuration.
func (c *Client) Read(ctx context.Context, r Remote, known layout.Remote) (*State, error) {
	panic("to be written")
}

// Fetch hands each of files to sink, several at once, and returns the first
// error. When ctx ends it returns its cause.
func (c *Client) Fetch(ctx context.Context, r Remote, files iter.Seq2[layout.File, error], sink Sink) error {
	panic("to be written")
}
