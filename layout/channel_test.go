package layout_test

import (
	"testing"

	"datestone/layout"
)

func TestCleanChannel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"prod", "ring-0", "a", "stable2025"} {
		if got, err := layout.CleanChannel(name); err != nil || got != name {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "0a", "-a", "Prod", "a_b", "a.b", "a b", "é", "a\n", "latest", "now", "log", "index", "checkpoints"} {
		if got, err := layout.CleanChannel(name); err == nil {
			t.Errorf("%q was taken as %q", name, got)
		}
	}
}
