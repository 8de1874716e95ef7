package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// TestRulesOfAnotherMachine lets one machine announce what another, which has
// rules of its own, does not know, or has forgotten with its index: a run in
// which nothing is new makes the rules of that one anew, and only then.
func TestRulesOfAnotherMachine(t *testing.T) {
	t.Parallel()
	upstream, err := filepath.Abs("../../testdata/repos/file/one")
	must(t, err)
	site := t.TempDir()
	dirs := map[string]string{"first": t.TempDir(), "second": t.TempDir()}
	for _, dir := range dirs {
		config := fmt.Sprintf("bucket: 'file:%s'\npublic_url: https://snapshots.example.org/\nredirects: {targets: [json]}\nrepositories:\n", filepath.ToSlash(site))
		for _, name := range []string{"a", "b"} {
			config += fmt.Sprintf("  - {name: %s, base_path: %[1]s, remote: {type: file, url: 'file:%s/PULP_MANIFEST'}}\n", name, filepath.ToSlash(upstream))
		}
		must(t, os.WriteFile(filepath.Join(dir, "datestone.yaml"), []byte(config), 0o666))
	}
	do := func(now layout.Stamp, machine string, args ...string) {
		t.Helper()
		e := systemEnv()
		e.Stdout, e.Stderr, e.IsTerminal, e.Now = io.Discard, io.Discard, false, now.Time
		if code := run(t.Context(), append([]string{"datestone", "--config", filepath.Join(dirs[machine], "datestone.yaml")}, args...), e); code != exitDone {
			t.Fatalf("%s: %q: exit code %d", machine, args, code)
		}
	}
	rules := func(machine string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dirs[machine], "redirects", "json", "datestone.json"))
		must(t, err)
		return string(b)
	}
	same := func(when string) {
		t.Helper()
		if d := cmp.Diff(rules("second"), rules("first")); d != "" {
			t.Errorf("%s, the rules of the second machine are (-) not those of the first (+):\n%s", when, d)
		}
	}
	do("20250318T140338Z", "second", "run", "a")
	do("20250318T140500Z", "first", "run", "b")
	do("20250318T140600Z", "second", "run")
	same("after it knew one repository only")
	must(t, os.Remove(filepath.Join(dirs["second"], "datestone.db")))
	do("20250318T150000Z", "first", "publish", "--force", "b")
	do("20250318T150100Z", "second", "run")
	same("after its index was lost")
	name := filepath.Join(dirs["second"], "redirects", "json", "datestone.json")
	must(t, os.WriteFile(name, []byte("untouched"), 0o666))
	do("20250318T150200Z", "second", "run")
	if rules("second") != "untouched" {
		t.Error("the rules were written though they were made from these tables already")
	}
}
