package layout_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	sum := layout.DigestOf([]byte("hello\n"))
	for got, want := range map[string]string{
		layout.Key("a/b", first, "c/d"):           "a/b/20250318T140338Z/c/d",
		layout.CheckpointPrefix("a/b", first):     "a/b/20250318T140338Z/",
		layout.ListingKey("a/b"):                  "a/b/index.html",
		layout.TableKey("a/b"):                    "a/b/checkpoints.json",
		layout.MonthKey("a/b", first):             "a/b/2025/03/index.html",
		layout.RecordKey("a/b", 12):               "a/b/log/12.json",
		layout.SignatureKey("a/b", 12):            "a/b/log/12.json.sig",
		layout.StatusKey:                          "status.json",
		layout.FileListKey("a/b", sum):            "a/b/log/5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03.files.zst",
		layout.ClaimKey("repo", first):            ".datestone/pending/repo/20250318T140338Z.json",
		layout.ClaimFilesKey("repo", first):       ".datestone/pending/repo/20250318T140338Z.files.zst",
		layout.LockKey("repo"):                    ".datestone/locks/repo.json",
		layout.PushedKey:                          ".datestone/website.json",
		layout.RepositoriesKey:                    "repositories.json",
		layout.NewRepository("r", "a/b", "x").Log: "a/b/log/",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPageKeysAbove(t *testing.T) {
	t.Parallel()
	for base, want := range map[string][]string{
		"a":     {"index.html"},
		"a/b":   {"index.html", "a/index.html"},
		"a/b/c": {"index.html", "a/index.html", "a/b/index.html"},
	} {
		if diff := cmp.Diff(want, layout.PageKeysAbove(base)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", base, diff)
		}
	}
}

func ExampleKey() {
	fmt.Println(layout.Key("debian", "20250212T194653Z", "pool/g++_12.deb"))
	// Output: debian/20250212T194653Z/pool/g++_12.deb
}
