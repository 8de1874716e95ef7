package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"datestone/publish"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing":          {nil, 0},
		"anything":         {io.ErrUnexpectedEOF, 1},
		"missing object":   {fs.ErrNotExist, 1},
		"usage":            {usageErrorf("run", "no"), 2},
		"configuration":    {fmt.Errorf("read: %w", &configError{}), 2},
		"some failed":      {withCode(exitSome, io.EOF), 3},
		"locked":           {fmt.Errorf("publish: %w", publish.ErrLocked), 4},
		"locked by name":   {fmt.Errorf("publish: %w", &publish.LockedError{}), 4},
		"damage":           {withCode(exitDamage, io.EOF), 5},
		"interrupted":      {fmt.Errorf("%w: %w", errInterrupted, io.EOF), 130},
		"interrupted, 3":   {fmt.Errorf("%w: %w", errInterrupted, withCode(exitSome, io.EOF)), 130},
		"the code is kept": {fmt.Errorf("run: %w", withCode(exitSome, publish.ErrLocked)), 3},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%s: exit code %d, want %d", name, got, c.want)
		}
	}
}

// TestInterrupted runs a command whose context has ended already.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	_, e, _ := openSample(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("signal"))
	if got := run(ctx, []string{"datestone", "-c", e.ConfigFile, "list"}, e); got != exitInterrupted {
		t.Errorf("exit code %d, want %d", got, exitInterrupted)
	}
}
