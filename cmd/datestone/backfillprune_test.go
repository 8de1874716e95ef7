package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBackfill_besidePrune prunes some of what was filled in, and fills in
// again: what was pruned stays away, and what leads there.
func TestBackfill_besidePrune(t *testing.T) {
	t.Parallel()
	l := newLivePast(t, 10)
	l.want(exitDone, pastNow, "--quiet", "backfill", "--from", l.from, "myfile")
	text, err := os.ReadFile(l.config())
	must(t, err)
	text = bytes.Replace(text, []byte("    channels:"), []byte("    keep: {last: 3}\n    channels:"), 1)
	must(t, os.WriteFile(l.config(), text, 0o644))
	l.want(exitDone, pastNow, "--quiet", "prune", "myfile")
	kept := l.ids()
	if len(kept) != 3 {
		t.Fatalf("%q were kept, want 3", kept)
	}
	l.want(exitSome, pastNow, "--quiet", "backfill", "--from", l.from, "myfile")
	if diff := cmp.Diff(kept, l.ids()); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	l.want(exitDone, pastNow, "verify", "--deep", "myfile")
}
