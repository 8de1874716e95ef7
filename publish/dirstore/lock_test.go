package dirstore_test

import (
	"context"
	"errors"
	"testing"
	"time"
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
