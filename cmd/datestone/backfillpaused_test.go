//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"datestone/layout"
)

// The first and the last state of backfillStep.
const pausedFirst, pausedLast layout.Stamp = "20250310T000000Z", "20250318T143000Z"

// TestPausedBackfill stops a backfill for longer than its lease while another
// command works on the same bucket, and wakes it: nothing that the other wrote
// may change by that, and one more backfill leaves what undisturbed ones do.
func TestPausedBackfill(t *testing.T) {
	t.Parallel()
	remote := newFaultRemote(t, "mirror")
	story := faultStory()
	step := backfillStep(t)
	base := "checkpoints/myfile/"
	for name, at := range map[string]string{
		"before the first claim":        "before put .datestone/pending/myfile/*.files.zst",
		"between the claim's halves":    "before put .datestone/pending/myfile/*.json",
		"within content":                "before put " + base + string(pausedFirst) + "/old/gone",
		"before a page":                 "before put " + base + string(pausedFirst) + "/index.html",
		"before the first record":       "before put " + base + "log/4.json",
		"after the first record":        "after put " + base + "log/4.json",
		"before a claim is removed":     "before delete .datestone/pending/myfile/*.json",
		"within links":                  "before link " + base + string(pausedLast) + "/1.iso",
		"before readers are told":       "before put " + base + "checkpoints.json",
		"before the list is drawn":      "before put " + base + "index.html",
		"before what is not whole goes": "before delete " + base + "20250318T142500Z/1.iso",
	} {
		for what, other := range map[string]faultStep{"a backfill": step, "a run that publishes": story[5], "a run that finds nothing": {story[1].name, step.now, nil, []string{"run"}}} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				backfillPaused{remote, step, other, at}.hold(t)
			})
		}
	}
}

type backfillPaused struct {
	remote      faultRemote
	step, other faultStep
	at          string // where it is stopped
}

func (p backfillPaused) hold(t *testing.T) {
	a, b := twoMachines(t, p.remote)
	for _, s := range faultStory()[:2] {
		for _, m := range []machine{a, b} {
			if code, said := m.here(s); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
		}
	}
	c, said := a.start(p.step, "stop "+p.at, "--lock-lease", "400ms")
	a.waitFor(t, c, said)
	t.Cleanup(func() { c.Process.Signal(syscall.SIGCONT); c.Process.Kill() })
	must(t, os.RemoveAll(filepath.Join(b.dir, "datestone.db"))) // so that it looks what is left of others
	if code, said := b.here(p.other); code != 0 && code != exitSome {
		t.Fatalf("the other: exit code %d: %s", code, said)
	}
	must(t, b.tellsTruth())
	code := cont(t, c)
	t.Logf("woken, it ended with %d: %s", code, said)
	must(t, b.tellsTruth())
	if code, said := b.here(p.step); code != exitSome {
		t.Errorf("one more backfill: exit code %d: %s", code, said)
	}
	must(t, b.tellsTruth())
	all, err := b.objects()
	must(t, err)
	for _, id := range []layout.Stamp{pausedFirst, "20250311T000000Z", "20250318T142000Z", pausedLast} {
		if err := completeIn(all, "checkpoints/myfile", id); err != nil {
			t.Errorf("checkpoint %s: %v", id, err)
		}
	}
	noOrphans(t, b)
}
