package publish

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"datestone/layout"
)

// Config says how to work on a store.
type Config struct {
	Store Store
	// Jobs is the number of requests at once; default 32. A store that asks to
	// slow down gets fewer, until it stops asking.
	Jobs int
	// Attempts is how often a request is made that fails temporarily; default 8.
	Attempts int
	// Pause is the wait before the second attempt, which grows from there;
	// default 200 ms.
	Pause time.Duration
	// Unconditional is for a store that ignores conditions (see Probe): the
	// bucket looks whether they hold before it writes, and takes no locks. Who
	// sets it promises that no two processes ever write at once.
	Unconditional bool
	// Log takes what is worth knowing; default none.
	Log *slog.Logger
}

// A Bucket is a store together with patience: it makes requests again that
// failed temporarily, never more at once than the store can bear, and knows
// how to write what may be written once, and what may only go forward.
type Bucket struct {
	store    Store
	linker   Linker
	deleter  Deleter
	jobs     int
	attempts int
	pause    time.Duration
	pace     *pace
	log      *slog.Logger
	// unconditional is that of Config.
	unconditional bool
}

// New returns the bucket that stands in c.Store, which must be able to link
// and to delete.
func New(c Config) (*Bucket, error) {
	b := &Bucket{store: c.Store, jobs: c.Jobs, attempts: c.Attempts, pause: c.Pause, log: c.Log, unconditional: c.Unconditional}
	var canLink, canDelete bool
	b.linker, canLink = c.Store.(Linker)
	b.deleter, canDelete = c.Store.(Deleter)
	if !canLink || !canDelete {
		return nil, fmt.Errorf("store %T can't link and delete: %w", c.Store, errors.ErrUnsupported)
	}
	if b.jobs <= 0 {
		b.jobs = 32
	}
	if b.attempts <= 0 {
		b.attempts = 8
	}
	if b.pause <= 0 {
		b.pause = 200 * time.Millisecond
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.pace = newPace(b.jobs)
	return b, nil
}

// Jobs returns how many requests the bucket is asked at once, at most.
func (b *Bucket) Jobs() int { return b.jobs }

// try makes a request when there is room for it, again and again while it
// fails temporarily.
func (b *Bucket) try(ctx context.Context, op string, request func() error) error {
	return b.again(ctx, op, func() error { return b.pace.do(ctx, request) })
}

// again is try without waiting for room.
func (b *Bucket) again(ctx context.Context, op string, request func() error) error {
	first := request()
	if first == nil { // as nearly always, and then nothing else is worth setting up
		return nil
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = b.pause
	wait.MaxInterval = 20 * time.Second
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := first
		if tries++; tries > 1 {
			err = request()
		}
		if err != nil && !errors.Is(err, ErrTemporary) && !errors.Is(err, ErrSlowDown) {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(uint(b.attempts)), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, d time.Duration) { b.notify(ctx, op, err, d) }))
	if ctx.Err() != nil && err != nil {
		return context.Cause(ctx)
	}
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		return permanent.Unwrap()
	}
	return err
}

// notify tells of a request that is made again after d.
func (b *Bucket) notify(ctx context.Context, op string, err error, d time.Duration) {
	level := slog.LevelDebug
	if d >= time.Second { // a wait that people notice
		level = slog.LevelWarn
	}
	b.log.Log(ctx, level, "request is made again", "operation", op, "after", d.Round(time.Millisecond), "error", err)
}

// Read returns a small object whole; more than limit bytes are an error.
func (b *Bucket) Read(ctx context.Context, key string, limit int64) (body []byte, info Info, err error) {
	err = b.try(ctx, "get", func() error {
		var r io.ReadCloser
		if r, info, err = b.store.Get(ctx, key, 0, -1); err != nil {
			return err
		}
		defer r.Close()
		body, err = io.ReadAll(io.LimitReader(r, limit+1))
		if err != nil {
			return fmt.Errorf("get %q: %w: %w", key, err, ErrTemporary)
		}
		return nil
	})
	if err == nil && int64(len(body)) > limit {
		return nil, info, fmt.Errorf("get %q: %w than %d bytes", key, errTooLong, limit)
	}
	return body, info, err
}

// errTooLong is an object that is read whole, and too long for that.
var errTooLong = errors.New("more")

func (b *Bucket) stat(ctx context.Context, key string) (info Info, err error) {
	err = b.try(ctx, "stat", func() error {
		info, err = b.store.Stat(ctx, key)
		return err
	})
	return info, err
}

func (b *Bucket) put(ctx context.Context, p Put) error {
	return b.try(ctx, "put", func() error {
		_, err := b.putOnce(ctx, p)
		return err
	})
}

// putOnce is a put without patience. All that asks for conditions comes by here,
// but the probe, which asks the store itself.
func (b *Bucket) putOnce(ctx context.Context, p Put) (Info, error) {
	if b.unconditional {
		if err := b.holdsNow(ctx, p); err != nil {
			return Info{}, err
		}
		p.Create, p.IfMatch = false, ""
	}
	return b.store.Put(ctx, p)
}

// holdsNow looks whether the conditions of p hold: the next moment they may not.
func (b *Bucket) holdsNow(ctx context.Context, p Put) error {
	if !p.Create && p.IfMatch == "" {
		return nil
	}
	info, err := b.store.Stat(ctx, p.Key)
	stands := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	case p.Create && stands, p.IfMatch != "" && (!stands || info.Version != p.IfMatch):
		return fmt.Errorf("put %q: %w", p.Key, ErrConflict)
	}
	return nil
}

func (b *Bucket) link(ctx context.Context, from string, to layout.Object) error {
	return b.try(ctx, "link", func() error { return b.linker.Link(ctx, from, to) })
}

// deleteBatch is how many keys S3 deletes in one request.
const deleteBatch = 1000

// Delete removes what stands at the keys.
func (b *Bucket) Delete(ctx context.Context, keys iter.Seq2[string, error]) error {
	batch := make([]string, 0, deleteBatch)
	flush := func() error {
		defer func() { batch = batch[:0] }()
		return b.try(ctx, "delete", func() error { return b.deleter.Delete(ctx, batch...) })
	}
	for key, err := range keys {
		if err != nil {
			return err
		}
		if batch = append(batch, key); len(batch) == deleteBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return flush()
}

// Sync waits until all that was written is durable.
func (b *Bucket) Sync(ctx context.Context) error {
	s, ok := b.store.(Syncer)
	if !ok {
		return nil
	}
	return b.try(ctx, "sync", func() error { return s.Sync(ctx) })
}

// Create makes an object that is never changed. That it stands there already
// is success when it is the same bytes, and ErrConflict when it is not.
func (b *Bucket) Create(ctx context.Context, p Put) error {
	p.Create = true
	err := b.put(ctx, p)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	same, checkErr := b.Holds(ctx, p.Object)
	if checkErr != nil {
		return checkErr
	}
	if !same {
		return fmt.Errorf("create %q: other bytes stand there already: %w", p.Key, ErrConflict)
	}
	return nil
}

// Holds reports whether the bytes of o stand at o.Key. It reads them where the
// store keeps no digest.
func (b *Bucket) Holds(ctx context.Context, o layout.Object) (bool, error) {
	info, err := b.stat(ctx, o.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Size != o.Size:
		return false, nil
	case !info.SHA256.IsZero():
		return info.SHA256 == o.SHA256, nil
	}
	sum, err := b.digest(ctx, o.Key)
	return sum == o.SHA256, err
}

func (b *Bucket) digest(ctx context.Context, key string) (sum layout.Digest, err error) {
	err = b.try(ctx, "get", func() error {
		r, _, err := b.store.Get(ctx, key, 0, -1)
		if err != nil {
			return err
		}
		defer r.Close()
		h := sha256.New()
		if _, err := io.Copy(h, r); err != nil {
			return fmt.Errorf("get %q: %w: %w", key, err, ErrTemporary)
		}
		h.Sum(sum[:0])
		return nil
	})
	return sum, err
}

// Advance writes a page that is replaced as the log grows. It never replaces
// one that shows more: then, and where the same bytes stand, it does nothing.
func (b *Bucket) Advance(ctx context.Context, page layout.Page) error {
	var err error
	for range maxRaces {
		var old []byte
		var info Info
		old, info, err = b.Read(ctx, page.Key, maxListing)
		p := Bytes(page.Object, page.Body)
		p.Whole = true
		switch {
		case errors.Is(err, fs.ErrNotExist):
			p.Create = true
		case err != nil:
			return err
		case bytes.Equal(old, page.Body):
			return nil
		default:
			if shown, ok := layout.ShownChanges(old); ok && shown > page.Changes {
				b.log.DebugContext(ctx, "page shows more already", "key", page.Key, "shows", shown)
				return nil
			}
			p.IfMatch = info.Version
		}
		if err = b.put(ctx, p); !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return err
}

// Shows returns how many changes the page at key shows; none when it is missing.
func (b *Bucket) Shows(ctx context.Context, key string) (int, error) {
	body, _, err := b.Read(ctx, key, maxListing)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	changes, _ := layout.ShownChanges(body)
	return changes, err
}

// maxRaces is how often a page is read and replaced again because another
// replaced it in between.
const maxRaces = 100

// maxListing is the limit for what is read whole: 1 GiB, a table of some five
// million checkpoints.
const maxListing = 1 << 30

// Now returns the bucket's own clock, and false where it has none but ours.
func (b *Bucket) Now(ctx context.Context) (now time.Time, ok bool, err error) {
	c, ok := b.store.(Clock)
	if !ok {
		return now, false, nil
	}
	err = b.try(ctx, "clock", func() error {
		now, err = c.Now(ctx)
		return err
	})
	return now, true, err
}
