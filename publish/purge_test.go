package publish_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/publish"
	"datestone/publish/storetest"
)

// A lockedStore can't remove what is locked.
type lockedStore struct {
	*storetest.Memory
	until map[string]time.Time
}

func (s lockedStore) Purge(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if until, ok := s.until[key]; ok {
			return errors.Join(s.Delete(ctx, key), &publish.RetainedError{Key: key, Until: until})
		}
	}
	return s.Memory.Purge(ctx, keys...)
}

func TestPurgeGoesOnAfterWhatIsLocked(t *testing.T) {
	t.Parallel()
	until := time.Date(2027, 3, 18, 14, 3, 38, 0, time.UTC)
	store := lockedStore{&storetest.Memory{}, map[string]time.Time{"b": until, "d": {}}}
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		_, err := store.Put(t.Context(), object(key, "x"))
		must(t, err)
	}
	b := newBucket(t, store)
	store.FailAt(6, storetest.TemporaryFailed)
	var said []string
	keys := func(yield func(string, error) bool) {
		for _, key := range []string{"a", "b", "c", "d"} {
			if !yield(key, nil) {
				return
			}
		}
	}
	must(t, b.Purge(t.Context(), keys, func(e *publish.RetainedError) { said = append(said, e.Error()) }))
	slices.Sort(said)
	want := []string{
		`purge "b": a version of it is locked until 2027-03-18T14:03:38Z`,
		`purge "d": a version of it is locked, by a legal hold or until a time that the store does not say`,
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("retained (-want +got):\n%s", diff)
	}
	if left := store.Snapshot(); len(left) != 1 || left["e"].Body != "x" {
		t.Errorf("left are %v, want e alone", left)
	}
}

func TestPurgeEndsWithTheErrorOfItsKeys(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken list")
	b := newBucket(t, &storetest.Memory{})
	wantIs(t, b.Purge(t.Context(), func(yield func(string, error) bool) { yield("", broken) }, nil), broken)
	plain := newBucket(t, struct {
		publish.Store
		publish.Linker
		publish.Deleter
	}{&storetest.Memory{}, &storetest.Memory{}, &storetest.Memory{}})
	one := func(yield func(string, error) bool) { yield("a", nil) }
	wantIs(t, plain.Purge(t.Context(), one, nil), errors.ErrUnsupported)
}
