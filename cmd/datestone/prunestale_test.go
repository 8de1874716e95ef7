package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
)

// staleConfig is of two repositories in one bucket.
const staleConfig = `
bucket: file:%s
public_url: https://snapshots.example.org/
repositories:
  - {name: a, base_path: a, remote: {type: file, url: "file:a/PULP_MANIFEST"}, keep: {last: 1, grace: 0h}}
  - {name: b, base_path: b, remote: {type: file, url: "file:b/PULP_MANIFEST"}}
redirects: {targets: [json], out: ./redirects}
`

// staleMachines returns two machines on one bucket, of which the second does
// not know what the first has pruned and deleted: content that stood in the
// oldest checkpoint of a, and nowhere else.
func staleMachines(t *testing.T) (stale keeper) {
	t.Helper()
	fresh, stale := newKeeper(t, false), newKeeper(t, false)
	stale.bucket = fresh.bucket
	for _, k := range []keeper{fresh, stale} {
		must(t, os.WriteFile(filepath.Join(k.dir, "datestone.yaml"), fmt.Appendf(nil, staleConfig, k.bucket), 0o666))
		k.remote("a", content{"gone": "comes again", "stays": "1"})
		k.remote("b", content{"x": "x"})
	}
	fresh.done("20250301T000000Z", "run")
	stale.done("20250301T000001Z", "run") // its index knows where all content stands
	fresh.remote("a", content{"stays": "1"})
	fresh.done("20250302T000000Z", "run", "a")
	fresh.done("20250302T010000Z", "prune", "a")
	if said := fresh.done("20250302T010001Z", "prune", "a"); !strings.Contains(said, "deleted") {
		t.Fatalf("nothing was deleted: %s", said)
	}
	return stale
}

// remote makes c what the remote of a repository has.
func (k keeper) remote(name string, c content) {
	k.t.Helper()
	k.show(c)
	must(k.t, os.RemoveAll(filepath.Join(k.dir, name)))
	must(k.t, os.Rename(filepath.Join(k.dir, "up"), filepath.Join(k.dir, name)))
}

// TestStaleIndexAfterPrune lets a machine whose index knows content only where
// it was deleted meanwhile publish that content: in the repository that was
// pruned, of which it hears, and in another, by which it does not.
func TestStaleIndexAfterPrune(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := staleMachines(t)
			c := content{"elsewhere": "comes again", "new": "new"}
			k.remote(name, c)
			k.done("20250303T000000Z", "run", name)
			all, err := k.objects()
			must(t, err)
			must(t, completeIn(all, name, "20250303T000000Z"))
			for p, body := range c {
				if got := all[layout.Key(name, "20250303T000000Z", p)]; got != body {
					t.Errorf("%s is %q, want %q", p, got, body)
				}
			}
			k.done("20250303T000001Z", "verify", "--deep")
			// What it has seen pruned by itself it has forgotten.
			k.remote(name, content{"elsewhere": "comes again", "third": "1"})
			k.done("20250304T000000Z", "run", name)
			k.done("20250304T000001Z", "verify", "--deep")
		})
	}
}

// TestPruneWithOpenClaim leaves a claim alone that may still be wanted, and
// removes one that is superseded.
func TestPruneWithOpenClaim(t *testing.T) {
	t.Parallel()
	k := newKeeper(t, true)
	k.configure("keep: {last: 1, grace: 0h}")
	k.show(content{"f": "1"})
	k.done("20250301T000000Z", "run")
	k.show(content{"f": "2"})
	k.done("20250305T000000Z", "run")
	k.done("20250308T000000Z", "run") // prod moves on
	k.show(content{"f": "3"})
	k.done("20250309T000000Z", "sync")
	if said := k.done("20250309T000001Z", "prune"); !strings.Contains(said, "pruned 1 of 2") {
		t.Errorf("said %q", said)
	}
	if _, ok := k.store.Look(layout.ClaimKey("myfile", "20250309T000000Z")); !ok {
		t.Error("the open claim is gone")
	}
	if said := k.done("20250309T000002Z", "publish"); !strings.Contains(said, "published 20250309T000000Z") {
		t.Errorf("publish said %q", said)
	}
	must(t, k.tellsTruth())
}

// TestPruneOfTwoRepositories prunes all of them, by default.
func TestPruneOfTwoRepositories(t *testing.T) {
	t.Parallel()
	k := staleMachines(t)
	code, said := k.run("20250303T000000Z", "prune")
	if code != 0 || !strings.Contains(said, "a: prunes none of 1 checkpoint\n") || !strings.Contains(said, "b: prunes none of 1 checkpoint\n") {
		t.Errorf("exit code %d: %s", code, said)
	}
	// One whose log can't be read fails, and does not stop the other.
	must(t, os.WriteFile(filepath.Join(k.bucket, "b", "log", "2.json"), []byte("no record"), 0o666))
	code, said = k.run("20250303T000001Z", "prune")
	if code != exitSome || !strings.Contains(said, "a: prunes none of 1 checkpoint\n") {
		t.Errorf("exit code %d, want %d: %s", code, exitSome, said)
	}
	code, said = k.run("20250303T000001Z", "prune", "--dry-run")
	if code != exitSome || !strings.Contains(said, "a: prunes none of 1 checkpoint\n") {
		t.Errorf("dry run: exit code %d, want %d: %s", code, exitSome, said)
	}
}
