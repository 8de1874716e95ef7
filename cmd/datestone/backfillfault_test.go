package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// backfillStep fills states in before and between the first two checkpoints of
// the story; one equals the one before, and one lacks a file, so that it can't
// be made complete.
func backfillStep(t testing.TB) faultStep {
	dir := t.TempDir()
	for id, files := range map[layout.Stamp]content{
		"20250310T000000Z": {"1.iso": "zero", "old/gone": "gone"},
		"20250311T000000Z": {"1.iso": "one", "old/gone": "gone", "old/twin": "gone"},
		"20250318T141000Z": {"1.iso": "one", "2.iso": "two", "dir/a+b ~é.txt": "plus"},
		"20250318T142000Z": {"1.iso": "one and a half", "dir/a+b ~é.txt": "plus"},
		"20250318T142500Z": {"1.iso": "ONE!", "lost": "lost"},
		"20250318T143000Z": {"1.iso": "ONE!", "2.iso": "two"},
	} {
		s := pastState{id: id, files: files}
		s.write(t, filepath.Join(dir, string(id)))
	}
	must(t, os.Remove(filepath.Join(dir, "20250318T142500Z", "lost")))
	return faultStep{"changed", "20250318T152000Z", nil, []string{"backfill", "--from", "dir:" + filepath.ToSlash(dir) + "/{ID}", "myfile"}}
}

// A backfillWorld is a world with the first two checkpoints of the story.
func backfillWorld(t testing.TB, mode string) (world, faultRemote) {
	w, remote := newWorld(t), newFaultRemote(t, mode)
	remote.site = t.TempDir()
	for _, step := range faultStory()[:2] {
		remote.show(t, w.dir, step)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.name, code, said)
		}
	}
	return w, remote
}

// TestBackfillFaults makes each store call of a backfill fail, in each way: one
// more backfill must leave what an undisturbed one does, also where a run came
// in between. Like TestFaults it takes a share of the cases.
func TestBackfillFaults(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mirror", "additive"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w, remote := backfillWorld(t, mode)
			step := backfillStep(t)
			remote.show(t, w.dir, step)
			before := w.clone(t, false)
			f := faultCase{step: step, before: before, code: exitSome}
			code, said := w.run(step)
			w.check(t.Errorf)
			if code != exitSome || !strings.Contains(said, "1 state of 6 could not be taken") {
				t.Fatalf("exit code %d: %s", code, said)
			}
			f.want, f.calls = w.bytesOf(t), w.store.Calls()
			f.between = &faultStep{step.name, step.now, nil, []string{"run"}}
			w.store.Restart()
			f.test(t)
		})
	}
}

// A backfill that is killed leaves a claim. A run finishes it never, and removes
// it only when the log has moved on: until then one who was only paused could
// still commit it. So does a backfill that has no use for it.
func TestBackfillClaim(t *testing.T) {
	t.Parallel()
	w, remote := backfillWorld(t, "mirror")
	step := backfillStep(t)
	remote.show(t, w.dir, step)
	claimed := claimedWorld(t, w, step)
	nothing := faultStep{step.name, step.now, nil, []string{"run"}}
	later := nothing
	later.name, later.now = "superseded", "20250319T000000Z"
	part := step
	part.args = []string{"backfill", "--since", "20250318", "--until", "20250318T142000Z", "--from", step.args[2], "myfile"}
	for _, c := range []struct {
		does  string
		steps []faultStep
		stays bool
	}{
		{"a run that finds nothing new", []faultStep{nothing}, true},
		{"a command that publishes claims", []faultStep{{step.name, step.now, nil, []string{"publish"}}}, true},
		{"a run that publishes", []faultStep{later}, false},
		{"a backfill of other states", []faultStep{part}, false},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			w := claimed.clone(t, false)
			for _, s := range c.steps {
				remote.show(t, w.dir, s)
				if code, said := w.run(s); code != 0 {
					t.Errorf("exit code %d: %s", code, said)
				}
			}
			left := 0
			for key := range memoryBytes(w.store) {
				if strings.Contains(key, "20250310T000000Z") {
					left++
				}
			}
			if (left > 0) != c.stays {
				t.Errorf("%d objects of the claimed state are left, want some: %t", left, c.stays)
			}
			var said strings.Builder
			e := &env{Stdin: strings.NewReader(""), Stdout: &said, Stderr: &said, Now: later.now.Time,
				LookupEnv: func(string) (string, bool) { return "", false }, WrapStore: func(publish.Store) publish.Store { return w.store }}
			code := run(t.Context(), []string{"datestone", "--config", filepath.Join(w.dir, "datestone.yaml"), "verify"}, e)
			if code != exitDone || strings.Contains(said.String(), "what it brought in is invisible") != c.stays {
				t.Errorf("verify: exit code %d: %s", code, said.String())
			}
		})
	}
}

// claimedWorld is w when a backfill was killed in the midst of its first state.
func claimedWorld(t *testing.T, w world, step faultStep) world {
	for n := 1; ; n++ {
		c := w.clone(t, false)
		c.store.FailAt(n, storetest.KilledAfter)
		if code, _ := c.run(step); code == exitSome {
			t.Fatal("no call leaves a claim")
		}
		c.store.Restart()
		if len(claimsIn(c)) == 1 && memoryBytes(c.store)["checkpoints/myfile/20250310T000000Z/1.iso"] != "" {
			return c
		}
	}
}

func claimsIn(w world) (keys []string) {
	for key := range memoryBytes(w.store) {
		if strings.HasPrefix(key, layout.ClaimPrefix("myfile")) && strings.HasSuffix(key, ".json") {
			keys = append(keys, key)
		}
	}
	return keys
}
