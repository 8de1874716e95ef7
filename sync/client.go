package reposync

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sync/errgroup"

	"datestone/layout"
)

// A Config is what New needs; the zero Config is a good one.
type Config struct {
	Log          *slog.Logger     // default: nowhere
	Now          func() time.Time // default time.Now; for a Retry-After that is a date
	UserAgent    string           // default "datestone"
	MaxManifest  int64            // bytes; default 1 GiB
	MaxRedirects int              // default 10
	Tries        int              // for one request, or without progress for one file; default 5
	FirstWait    time.Duration    // before the second try, doubled from then on; default 0.5 s
	LongestWait  time.Duration    // between two tries, unless Retry-After says more; default 30 s
	Patience     time.Duration    // for all tries of one request, waits included; default 10 min
	Stall        time.Duration    // how long a server may stay silent; default 60 s
	Rate         float64          // requests a second to one host, at most; default any number
}

// A Client reads remotes. It may be used by many goroutines.
type Client struct {
	Config
	mu         sync.Mutex
	transports map[transportKey]*http.Transport
	mirrors    map[string]string // those in use, by the URL of the list
	spool      spool
	rate       rate
}

// New returns a client.
func New(c Config) *Client {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.UserAgent = cmp.Or(c.UserAgent, "datestone")
	c.MaxManifest = cmp.Or(c.MaxManifest, 1<<30)
	c.MaxRedirects = cmp.Or(c.MaxRedirects, 10)
	c.Tries = cmp.Or(c.Tries, 5)
	c.FirstWait = cmp.Or(c.FirstWait, 500*time.Millisecond)
	c.LongestWait = cmp.Or(c.LongestWait, 30*time.Second)
	c.Patience = cmp.Or(c.Patience, 10*time.Minute)
	c.Stall = cmp.Or(c.Stall, time.Minute)
	return &Client{Config: c, rate: rate{perSecond: c.Rate}, transports: map[transportKey]*http.Transport{}, mirrors: map[string]string{}}
}

// An origin is a remote that was opened: files below one place.
type origin interface {
	// get reads a file of metadata whole, at most limit bytes, and returns its
	// validators, without fingerprint; ErrNotModified when the remote itself
	// says that it is what known says. See isMissing for one that is not there.
	get(ctx context.Context, path string, known layout.Validators, limit int64) ([]byte, layout.Validators, error)
	// stat returns the size of a file, or -1 where the remote does not say. See
	// isMissing for one that is not there.
	stat(ctx context.Context, path string) (int64, error)
	// open opens the content of one file, without sum.
	open(ctx context.Context, f layout.File) (*content, error)
	io.Closer
}

// isMissing reports whether get or stat ended because there is no such file.
func isMissing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code == http.StatusNotFound || status.code == http.StatusGone
	}
	return errors.Is(err, fs.ErrNotExist)
}

// isForbidden reports whether get or stat ended because the remote forbids it,
// as S3 does with what is missing, for whoever may not list.
func isForbidden(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusForbidden
}

// A format knows the metadata of one type of remote.
type format interface {
	// read returns the state, or ErrNotModified when the validators of known
	// still hold.
	read(ctx context.Context, s source, known layout.Remote) (*State, error)
	// moved reports whether the metadata is another than that of the state.
	moved(ctx context.Context, s source, state *State) (bool, error)
	// closed holds the files of a state against what its metadata names.
	closed(r Remote, c *closure) error
}

// formats are those of all types.
var formats = map[string]format{typeFile: manifestFormat{}, typeDeb: debFormat{}, typeRPM: rpmFormat{}}

// A source is a remote as its format sees it.
type source struct {
	origin
	Remote
	mirror
	location
	ahead       *ahead // the origin, while the state is read
	maxManifest int64
	now         func() time.Time
	log         *slog.Logger
	spool       *spool
	before      iter.Seq2[layout.File, error] // see ReadAfter; may be nil
}

func (c *Client) open(r Remote, m mirror) (source, error) {
	s := source{Remote: r, mirror: m, maxManifest: c.MaxManifest, now: c.Now, log: c.Log, spool: &c.spool}
	if err := r.Validate(); err != nil {
		return s, err
	}
	var err error
	if s.location, err = m.locate(r); err != nil {
		return s, err
	}
	switch {
	case r.Past.alone():
		s.origin = tree{Tree: r.Past.Tree}
	case s.local():
		s.origin, err = openDirectory(s.location)
	default:
		s.origin, err = c.openSite(m.remote(r), s.location)
	}
	if err == nil {
		s.openPast()
	}
	return s, err
}

// Read reads the remote's metadata and returns its state, or ErrNotModified
// when it still is what known says. The validators of known count only when
// they were taken with the same configuration. In either mode the state is
// the remote's own: see Additive.
func (c *Client) Read(ctx context.Context, r Remote, known layout.Remote) (*State, error) {
	return c.ReadAfter(ctx, r, known, nil)
}

// ReadAfter is Read where the files of the newest state are known, sorted:
// content of which upstream declares no SHA-256 is read for that only when it
// is not among them.
func (c *Client) ReadAfter(ctx context.Context, r Remote, known layout.Remote, before iter.Seq2[layout.File, error]) (*State, error) {
	if known.Config != r.ConfigDigest() {
		known.Validators = layout.Validators{}
	}
	if r.list() != "" {
		return c.readMirrors(ctx, r, known, before)
	}
	return c.read(ctx, r, mirror{}, known, before)
}

func (c *Client) read(ctx context.Context, r Remote, m mirror, known layout.Remote, before iter.Seq2[layout.File, error]) (*State, error) {
	s, err := c.open(r, m)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.before, s.ahead = before, newAhead(s.origin)
	s.origin = s.ahead
	state, err := formats[r.Type].read(ctx, s, known)
	if err == nil {
		err = s.archive(state)
	}
	if err == nil {
		err = state.Closed(r)
	}
	if err != nil {
		return nil, newScrubber(r, s.location).err(err)
	}
	return state, nil
}

// Moved reports, by one conditional request for each file of metadata that
// leads to the others, whether the remote's metadata is another than that of
// state by now.
func (c *Client) Moved(ctx context.Context, r Remote, state *State) (bool, error) {
	s, err := c.openMirror(ctx, r)
	if err != nil {
		return false, err
	}
	defer s.Close()
	moved, err := formats[r.Type].moved(ctx, s, state)
	return moved, newScrubber(r, s.location).err(err)
}

// getKnown is get with a fingerprint: it finds out by itself where the remote
// doesn't say that nothing has changed.
func getKnown(ctx context.Context, o origin, path string, known layout.Validators, limit int64) ([]byte, layout.Validators, error) {
	body, v, err := o.get(ctx, path, known, limit)
	if ctx.Err() != nil {
		return nil, v, context.Cause(ctx)
	}
	if err != nil {
		return nil, v, err
	}
	// The size goes with the hash, which anyone can make collide within one.
	v.Fingerprint = fmt.Sprintf("%016x:%d", xxhash.Sum64(body), len(body))
	if v.Fingerprint == known.Fingerprint {
		return nil, v, ErrNotModified
	}
	return body, v, nil
}

var errTooLong = errors.New("is too long")

// readAll reads at most limit bytes; more is an error. The length is what the
// other side declares, or -1, and is not trusted with much memory.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	const trusted = 256 << 20
	var b bytes.Buffer
	b.Grow(int(max(0, min(length, limit, trusted))) + bytes.MinRead)
	if length <= limit {
		if _, err := b.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
			return nil, err
		}
	}
	if length > limit || int64(b.Len()) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLong, limit)
	}
	return b.Bytes(), nil
}

// Fetch hands each of files to sink, several at once, and returns the first
// error. When ctx ends it returns its cause.
func (c *Client) Fetch(ctx context.Context, r Remote, files iter.Seq2[layout.File, error], sink Sink) error {
	return c.FetchChecked(ctx, r, files, sink, nil)
}

// FetchChecked is Fetch for a sink that itself finds out whether content has
// the digest of its file; refused reports of an error whether it is that
// finding. Content is not hashed on its way then: only what was refused is
// fetched once more and is, so that the error says what is wrong with it.
func (c *Client) FetchChecked(ctx context.Context, r Remote, files iter.Seq2[layout.File, error], sink Sink, refused func(error) bool) error {
	o, err := c.openMirror(ctx, r)
	if err != nil {
		return err
	}
	defer o.Close()
	scrub := newScrubber(r, o.location)
	put := func(ctx context.Context, f layout.File, hashed bool) error {
		return sink(ctx, f, func(ctx context.Context) (io.ReadCloser, error) { return openContent(ctx, o, f, hashed) })
	}
	err = fetch(ctx, cmp.Or(r.Parallel, defaultParallel), files, func(ctx context.Context, f layout.File) error {
		err := put(ctx, f, refused == nil)
		if err != nil && refused != nil && refused(err) {
			err = put(ctx, f, true)
		}
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return scrub.err(err)
}

// An elsewhere is a format whose content may stand in a second place.
type elsewhere interface {
	elsewhere(f layout.File) (path string)
}

func openContent(ctx context.Context, s source, f layout.File, hashed bool) (io.ReadCloser, error) {
	if _, err := layout.CleanPath(f.Path); err != nil {
		return nil, err
	}
	if f.Path == layout.KeyringPath && s.Keyring != "" {
		return s.openKeyring(ctx, f)
	}
	c, err := s.open(ctx, f)
	if e, ok := formats[s.Type].(elsewhere); ok && errors.Is(err, ErrMoved) {
		g := f
		g.Path = e.elsewhere(f)
		if second, again := s.open(ctx, g); again == nil {
			c, err = second, nil
			c.file = f
		}
	}
	if err != nil {
		return nil, err
	}
	if hashed {
		c.sum = sha256.New()
	}
	return c, nil
}

// fetch calls do for each of files, from as many goroutines as parallel says.
func fetch(ctx context.Context, parallel int, files iter.Seq2[layout.File, error], do func(context.Context, layout.File) error) error {
	group, ctx := errgroup.WithContext(ctx)
	feed := make(chan layout.File)
	for range parallel {
		group.Go(func() error {
			for f := range feed {
				if err := do(ctx, f); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(feed)
		for f, err := range files {
			if err != nil {
				return err
			}
			select {
			case feed <- f:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	return group.Wait()
}
