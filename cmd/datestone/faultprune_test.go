package main

import (
	"strings"
	"testing"

	"datestone/layout"
)

// TestPruneFaults makes each store call of a prune that takes a checkpoint from
// readers, and of one that deletes it, fail in each way, as TestFaults does.
func TestPruneFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote := newFaultRemote(t, "mirror")
	remote.site = t.TempDir()
	for _, step := range faultStory()[:3] {
		remote.show(t, w.dir, step)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.name, code, said)
		}
	}
	first := layout.CheckpointPrefix("checkpoints/myfile", faultStory()[0].now)
	for _, step := range pruneStory() {
		w.store.Restart()
		before := w.clone(t, false)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.name, code, said)
		}
		w.check(t.Errorf)
		f := faultCase{step: step, before: before, want: w.bytesOf(t), calls: w.store.Calls()}
		if strings.Contains(f.want["checkpoints/myfile/checkpoints.json"], `"id":"`+string(faultStory()[0].now)) {
			t.Errorf("%s: the table names what is pruned", step.name)
		}
		if stands := f.want.below(first); stands > 0 == (step.name == "swept") {
			t.Errorf("%s: %d objects of what is pruned stand", step.name, stands)
		}
		t.Run(step.name, func(t *testing.T) { t.Parallel(); f.test(t) })
	}
}

// below counts what stands under a prefix.
func (b siteBytes) below(prefix string) (n int) {
	for key := range b {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}
