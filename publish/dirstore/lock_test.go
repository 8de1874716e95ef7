package dirstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"datestone/publish"
)

func TestLock_isHeldAgainstOtherStores(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	one, two := open(t, root), open(t, root)
	cause := errors.New("waited long enough")
	err := one.Hold(t.Context(), func() error {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
		defer cancel()
		return two.Hold(ctx, func() error { return nil })
	})
	wantError(t, err, cause)
	if err := two.Hold(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("the lock is not let go: %v", err)
	}
}

func TestLock_isNotWaitedForForever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		one, two := open(t, root), open(t, root)
		err := one.Hold(t.Context(), func() error {
			return two.Hold(t.Context(), func() error { return nil })
		})
		wantError(t, err, publish.ErrTemporary)
		if err == nil || !strings.Contains(err.Error(), "is it stopped?") {
			t.Errorf("got %v, want what may be the matter", err)
		}
	})
}
