package history

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"time"

	"datestone/layout"
)

// A Version is one version of an object of a bucket.
type Version struct {
	ID      string
	Time    time.Time // when it was written
	Size    int64     // bytes
	Deleted bool      // it says that there is no object from then on
}

// A Versioned is a bucket that keeps earlier versions of its objects.
type Versioned interface {
	// Versions returns the versions of one object, newest first; none where
	// there never was one.
	Versions(ctx context.Context, key string) ([]Version, error)
	// OpenVersion opens one of them.
	OpenVersion(ctx context.Context, key, id string) (io.ReadCloser, error)
}

// Versions yields, sorted, the states of a repository that stood in a bucket
// with versioning: its times are those of the versions of the object lead,
// which is written last whenever the repository changes. Content is what stood
// beside it at that time. root stands before the paths of the repository's
// files, with its slash, or is empty.
func Versions(ctx context.Context, b Versioned, root, lead string) iter.Seq2[State, error] {
	return collect(func(yield func(State, error) bool) {
		versions, err := b.Versions(ctx, root+lead)
		if err == nil && len(versions) == 0 {
			err = fmt.Errorf("there is no version of it: %w", fs.ErrNotExist)
		}
		if err != nil {
			yield(State{}, fmt.Errorf("versions of %q: %w", root+lead, err))
			return
		}
		for _, v := range slices.Backward(versions) {
			if v.Deleted {
				continue
			}
			s := State{ID: after(v.Time), Place: fmt.Sprintf("version %s of %s", v.ID, root+lead),
				Tree: &versionTree{bucket: b, root: root, lead: lead, version: v}}
			if !yield(s, nil) {
				return
			}
		}
	})
}

// after returns the first whole second at which what was written at t stood.
func after(t time.Time) layout.Stamp {
	if second := t.Truncate(time.Second); !t.Equal(second) {
		t = second.Add(time.Second)
	}
	return layout.StampOf(t)
}

// A versionTree is a bucket as it was when a version of the lead was written.
type versionTree struct {
	bucket     Versioned
	root, lead string
	version    Version // of the lead
}

// Open opens the version of a file that stood at the time. Where its size is
// known and that one has another, it was replaced in the same moment: then the
// newest before that fits counts, or else the first after.
func (t *versionTree) Open(ctx context.Context, path string, size int64) (io.ReadCloser, int64, error) {
	key, v := t.root+path, t.version
	if path != t.lead {
		versions, err := t.bucket.Versions(ctx, key)
		if err != nil {
			return nil, 0, err
		}
		var ok bool
		if v, ok = standing(versions, t.version.Time, size); !ok {
			return nil, 0, fmt.Errorf("%q at %s: %w", key, layout.StampOf(t.version.Time), fs.ErrNotExist)
		}
	}
	body, err := t.bucket.OpenVersion(ctx, key, v.ID)
	return body, v.Size, err
}

// standing returns the version, of those given newest first, that stood at t
// with the size, -1 being any.
func standing(versions []Version, t time.Time, size int64) (Version, bool) {
	fits := func(v Version) bool { return !v.Deleted && (size < 0 || v.Size == size) }
	first := slices.IndexFunc(versions, func(v Version) bool { return !v.Time.After(t) })
	if first < 0 {
		first = len(versions)
	}
	if size < 0 { // what stood is what counts: nothing, perhaps
		if first == len(versions) || versions[first].Deleted {
			return Version{}, false
		}
		return versions[first], true
	}
	if at := slices.IndexFunc(versions[first:], fits); at >= 0 {
		return versions[first+at], true
	}
	for _, v := range slices.Backward(versions[:first]) {
		if fits(v) {
			return v, true
		}
	}
	return Version{}, false
}
