//go:build unix

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/publish"
)

const redactBase = "checkpoints/myfile"

// redactStory is two checkpoints, a removal of content that both have, and of
// content that the second has twice, and the run after it: upstream still has
// all of it.
func redactStory() []faultStep {
	story := faultStory()[:2]
	redact := faultStep{"redact", "20250318T160000Z", story[1].files, []string{"redact",
		"--sha256", layout.DigestOf([]byte("new")).String(), "--path", "dir/a+b ~é.txt", "--reason", "court order <7>", "myfile"}}
	after := faultStep{story[1].name, "20250318T170000Z", story[1].files, []string{"run"}}
	return append(story, redact, after)
}

// redactedKeys are the keys that redactStory removes.
func redactedKeys() []string {
	story := redactStory()
	return []string{
		layout.Key(redactBase, story[0].now, "dir/a+b ~é.txt"),
		layout.Key(redactBase, story[1].now, "dir/a+b ~é.txt"),
		layout.Key(redactBase, story[1].now, "dir/sub/new"),
		layout.Key(redactBase, story[1].now, "twin"),
	}
}

// TestRedactFaults makes each store call of a removal fail, and of the run
// after it, as TestFaults does.
func TestRedactFaults(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"mirror", "additive"} {
		w := tellFaulty(t, mode, redactStory(), func(i int) bool { return i == 3 || i == 2 && mode == "mirror" })
		wantRedacted(t, memoryBytes(w.store), mode)
	}
}

// wantRedacted holds a site after redactStory to having none of what was
// removed, and all else.
func wantRedacted(t *testing.T, site siteBytes, mode string) {
	t.Helper()
	for _, key := range redactedKeys() {
		if _, ok := site[key]; ok {
			t.Errorf("%s: %s still stands", mode, key)
		}
	}
	last := layout.Key(redactBase, redactStory()[3].now, "")
	var want []string
	if mode == "mirror" { // the manifest is upstream's, and dir has nothing left
		want = []string{"1.iso", "PULP_MANIFEST", "index.html"}
	} else {
		want = []string{"1.iso", "2.iso", "PULP_MANIFEST", "index.html"}
		if strings.Contains(site[last+"PULP_MANIFEST"], "dir/") {
			t.Errorf("the manifest made here names what was removed:\n%s", site[last+"PULP_MANIFEST"])
		}
	}
	var got []string
	for key := range site {
		if path, ok := strings.CutPrefix(key, last); ok {
			got = append(got, path)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s: the checkpoint after it has %q, want %q", mode, got, want)
	}
	if page := site[layout.ListingKey(redactBase)]; strings.Count(page, "court order &lt;7&gt;") != 2 {
		t.Errorf("%s: the list of checkpoints does not name both removals", mode)
	}
	all := slices.Collect(maps.Values(site))
	if slices.Contains(all, "plus") || slices.Contains(all, "new") {
		t.Errorf("%s: the bytes still stand somewhere", mode)
	}
}

// TestRedactReachesEveryName removes content that is one file with many names,
// in a directory, from two machines: the second has an index from before.
func TestRedactReachesEveryName(t *testing.T) {
	t.Parallel()
	a, b := twoMachines(t, newFaultRemote(t, "mirror"))
	story := redactStory()
	do := func(m machine, s faultStep) {
		t.Helper()
		if code, said := m.here(s); code != 0 {
			t.Fatalf("%s: exit code %d: %s", s.name, code, said)
		}
	}
	do(a, story[0])
	do(b, story[1])
	keep := filepath.Join(t.TempDir(), "kept") // shows how many names are left
	must(t, os.Link(filepath.Join(a.remote.site, redactedKeys()[0]), keep))
	other := filepath.Join(a.remote.site, redactedKeys()[1])
	one, err := os.Stat(keep)
	must(t, err)
	if two, err := os.Stat(other); err != nil || !os.SameFile(one, two) {
		t.Fatalf("the file is not one with two names: %v", err)
	}
	do(a, story[2])
	do(b, story[3])
	if n := links(t, keep); n != 1 {
		t.Errorf("the file has %d names, want the one that the test gave it", n)
	}
	all := b.all()
	wantRedacted(t, all, "mirror")
	must(t, b.tellsTruth())
	do(a, later(story[3], 60_000_000_000))
	if d := differ(b.all(), all); d != "" {
		t.Errorf("one more run changed\n%s", d)
	}
}

// TestRedactReachesClaims removes what a claim brought in, which is never
// committed then.
func TestRedactReachesClaims(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote := newFaultRemote(t, "mirror")
	story := faultStory()
	claimed := story[4]
	do := func(s faultStep, want int, args ...string) string {
		t.Helper()
		if args != nil {
			s.args = args
		}
		remote.show(t, w.dir, s)
		code, said := w.run(s)
		if code != want {
			t.Fatalf("%s: exit code %d: %s", s.args, code, said)
		}
		w.check(t.Errorf)
		return said
	}
	do(story[0], 0)
	do(claimed, 0)
	key := layout.Key(redactBase, claimed.now, "1.iso")
	if _, ok := w.store.Look(key); !ok {
		t.Fatalf("%s was not brought in", key)
	}
	do(claimed, 0, "redact", "--sha256", layout.DigestOf([]byte("never seen")).String(), "--reason", "secret", "myfile")
	if _, ok := w.store.Look(key); ok {
		t.Errorf("%s still stands", key)
	}
	do(claimed, 0, "publish")
	do(later(claimed, 60_000_000_000), 0, "run")
	want := layout.Key(redactBase, "20250319T180100Z", "")
	for _, path := range []string{"3.iso", "PULP_MANIFEST"} {
		if _, ok := w.store.Look(want + path); !ok {
			t.Errorf("%s is missing", want+path)
		}
	}
	if _, ok := w.store.Look(want + "1.iso"); ok {
		t.Errorf("%s was published", want+"1.iso")
	}
	for key := range w.store.Snapshot() {
		if strings.HasPrefix(key, ".datestone/pending/") {
			t.Errorf("left over: %s", key)
		}
	}
}

// TestRedactReachesWhatARepairKept removes what a repair that was killed had put
// aside, too.
func TestRedactReachesWhatARepairKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	remote := newFaultRemote(t, "mirror")
	story := redactStory()
	for _, step := range story[:2] {
		remote.show(t, w.dir, step)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.args, code, said)
		}
	}
	for _, body := range []string{"new", "something else"} {
		key := layout.MendingKey("myfile", layout.DigestOf([]byte(body)))
		_, err := w.store.Put(t.Context(), publish.Bytes(layout.NewPage(layout.Private, key, []byte(body), 0).Object, []byte(body)))
		must(t, err)
	}
	remote.show(t, w.dir, story[2])
	if code, said := w.run(story[2]); code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	var left []string
	for key, o := range w.store.Snapshot() {
		if strings.HasPrefix(key, layout.MendingPrefix("myfile")) {
			left = append(left, o.Body)
		}
	}
	if !slices.Equal(left, []string{"something else"}) {
		t.Errorf("of what was put aside %q is left", left)
	}
}
