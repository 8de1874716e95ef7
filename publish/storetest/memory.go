package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"datestone/layout"
	"datestone/publish"
)

// A Memory is a store in memory, with all facets, that bites: what would break
// a site's promises is refused with an error and remembered (see Violations),
// and any call can be made to fail (see FailAt). Its zero value is empty and
// ready. Calls are counted from 1 in the order in which they begin; a Delete
// counts one for each key, so that it can end between two of them.
type Memory struct {
	// Check, where it is not nil, is called after each call that changed
	// something; what it returns is a violation. It may use Look and Snapshot.
	Check func(m *Memory) error

	mu         sync.Mutex
	objects    map[string]Object
	website    *layout.Website
	durable    map[string]Object // objects, when Sync was last called
	dirty      map[string]bool   // put since then
	violations []error
	faults     faults
}

// An Object is what stands in a Memory at one key.
type Object struct {
	Body   string
	Header layout.Header
	// Location is where an object leads that redirects.
	Location string

	digest  layout.Digest
	modTime time.Time
}

func (o Object) info(key string) publish.Info {
	return publish.Info{
		Key: key, Size: int64(len(o.Body)), ModTime: o.modTime, Version: fmt.Sprintf("%q", o.digest.String()[:32]),
		SHA256: o.digest, Header: o.Header,
	}
}

// Get implements publish.Store.
func (m *Memory) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, publish.Info, error) {
	var (
		body io.ReadCloser
		info publish.Info
	)
	err := m.call(ctx, "get", key, func() error {
		o, ok := m.Look(key)
		if !ok {
			return fs.ErrNotExist
		}
		info = o.info(key)
		info.SHA256 = layout.Digest{}
		from := min(offset, info.Size)
		to := info.Size
		if length >= 0 {
			to = min(to-from, length) + from
		}
		body = io.NopCloser(strings.NewReader(o.Body[from:to]))
		return nil
	})
	if err != nil {
		return nil, publish.Info{}, err
	}
	return body, info, nil
}

// Stat implements publish.Store.
func (m *Memory) Stat(ctx context.Context, key string) (info publish.Info, err error) {
	err = m.call(ctx, "stat", key, func() error {
		o, ok := m.Look(key)
		if !ok {
			return fs.ErrNotExist
		}
		info = o.info(key)
		return nil
	})
	return info, err
}

// Put implements publish.Store.
func (m *Memory) Put(ctx context.Context, p publish.Put) (info publish.Info, err error) {
	err = m.call(ctx, "put", p.Key, func() error {
		body, err := read(ctx, p)
		if err != nil {
			return err
		}
		o := newObject(body, p.Header)
		info = o.info(p.Key)
		return m.change(func() error {
			if err := m.condition(p); err != nil {
				return err
			}
			return m.set(p.Key, o)
		})
	})
	if err != nil {
		return publish.Info{}, err
	}
	return info, nil
}

// read returns the body of p if it is what p says.
func read(ctx context.Context, p publish.Put) (string, error) {
	r, err := p.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(&attentive{ctx, r}, p.Size+1))
	switch {
	case err != nil:
		return "", err
	case int64(b.Len()) != p.Size:
		return "", fmt.Errorf("%w: %d bytes or more, %d declared", publish.ErrDigest, b.Len(), p.Size)
	case !p.SHA256.IsZero() && layout.DigestOf(b.Bytes()) != p.SHA256:
		return "", fmt.Errorf("%w: SHA-256 %s, %s declared", publish.ErrDigest, layout.DigestOf(b.Bytes()), p.SHA256)
	}
	return b.String(), nil
}

// An attentive reader ends with its context.
type attentive struct {
	ctx context.Context
	r   io.Reader
}

func (a *attentive) Read(p []byte) (int, error) {
	if a.ctx.Err() != nil {
		return 0, context.Cause(a.ctx)
	}
	return a.r.Read(p)
}

func newObject(body string, h layout.Header) Object {
	return Object{Body: body, Header: h, digest: layout.DigestOf([]byte(body)), modTime: time.Now().UTC().Truncate(time.Second)}
}

func (m *Memory) condition(p publish.Put) error {
	old, stands := m.objects[p.Key]
	switch {
	case p.Create && stands:
		return fmt.Errorf("%w: the object exists", publish.ErrConflict)
	case p.IfMatch != "" && !stands:
		return fmt.Errorf("%w: the object does not exist", publish.ErrConflict)
	case p.IfMatch != "" && old.info(p.Key).Version != p.IfMatch:
		return fmt.Errorf("%w: its version is %s, not %s", publish.ErrConflict, old.info(p.Key).Version, p.IfMatch)
	}
	return nil
}

// List implements publish.Store.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[publish.Info, error] {
	return func(yield func(publish.Info, error) bool) {
		var all map[string]Object
		err := m.call(ctx, "list", prefix, func() error { all = m.Snapshot(); return nil })
		if err != nil {
			yield(publish.Info{}, err)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !strings.HasPrefix(key, prefix) {
				continue
			}
			o := all[key].info(key)
			if !yield(publish.Info{Key: key, Size: o.Size, Version: o.Version}, nil) {
				return
			}
		}
	}
}

// Link implements publish.Linker.
func (m *Memory) Link(ctx context.Context, from string, to layout.Object) error {
	return m.call(ctx, "link", to.Key, func() error {
		return m.change(func() error {
			o, ok := m.objects[from]
			if !ok {
				return fmt.Errorf("from %q: %w", from, fs.ErrNotExist)
			}
			if o.digest != to.SHA256 || int64(len(o.Body)) != to.Size {
				return m.violated(to.Key, fmt.Errorf("is linked as %d bytes, SHA-256 %s, from %q, which is %d bytes, SHA-256 %s",
					to.Size, to.SHA256, from, len(o.Body), o.digest))
			}
			return m.set(to.Key, newObject(o.Body, to.Header))
		})
	})
}

// Delete implements publish.Deleter.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		err := m.call(ctx, "delete", key, func() error {
			return m.change(func() error {
				if err := m.mayGo(key); err != nil {
					return m.violated(key, err)
				}
				delete(m.objects, key)
				delete(m.dirty, key)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Purge implements publish.Purger. A Memory keeps no versions.
func (m *Memory) Purge(ctx context.Context, keys ...string) error { return m.Delete(ctx, keys...) }

// Sync implements publish.Syncer.
func (m *Memory) Sync(ctx context.Context) error {
	return m.call(ctx, "sync", "", func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.durable = maps.Clone(m.objects)
		m.dirty = nil
		return nil
	})
}

// Now implements publish.Clock with this machine's clock.
func (m *Memory) Now(ctx context.Context) (now time.Time, err error) {
	err = m.call(ctx, "now", "", func() error { now = time.Now().UTC().Truncate(time.Second); return nil })
	return now, err
}

// set puts o at key unless that is a violation.
func (m *Memory) set(key string, o Object) error {
	if err := m.mayStand(key, o); err != nil {
		return m.violated(key, err)
	}
	if m.objects == nil {
		m.objects = map[string]Object{}
	}
	if m.dirty == nil {
		m.dirty = map[string]bool{}
	}
	m.objects[key] = o
	m.dirty[key] = true
	return nil
}

// change calls do with the objects locked, and the hook afterwards.
func (m *Memory) change(do func() error) error {
	m.mu.Lock()
	err := do()
	m.mu.Unlock()
	if err != nil || m.Check == nil {
		return err
	}
	if err := m.Check(m); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.violations = append(m.violations, err)
		return err
	}
	return nil
}

func (m *Memory) violated(key string, err error) error {
	err = fmt.Errorf("%w: %q %w", ErrViolation, key, err)
	m.violations = append(m.violations, err)
	return err
}

// ErrViolation is a change that would break a site's promises. It was not made.
var ErrViolation = errors.New("violation")

// Violations returns what was refused so far.
func (m *Memory) Violations() []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.violations)
}

// Look returns what stands at key. It is not counted and does not fail.
func (m *Memory) Look(key string) (Object, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	return o, ok
}

// Snapshot returns all that stands, by key. Two snapshots of equal content
// compare as equal with Same.
func (m *Memory) Snapshot() map[string]Object {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// Clone returns a store in which the same stands: all of it durable, with no
// violations, no faults and no calls.
func (m *Memory) Clone() *Memory {
	objects := m.Snapshot()
	return &Memory{Check: m.Check, objects: objects, durable: maps.Clone(objects), website: m.LookWebsite()}
}

// Same reports whether both are the same bytes under the same header, and lead
// to the same place.
func (o Object) Same(p Object) bool {
	return o.Body == p.Body && o.Header == p.Header && o.Location == p.Location
}

// Plant makes o stand at key, or nothing where o is nil, as someone would who
// has the keys of the bucket and no respect for what was promised. It is not
// counted and does not fail.
func (m *Memory) Plant(key string, o *Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o == nil {
		delete(m.objects, key)
		return
	}
	if m.objects == nil {
		m.objects = map[string]Object{}
	}
	planted := newObject(o.Body, o.Header)
	planted.Location = o.Location
	m.objects[key] = planted
}
