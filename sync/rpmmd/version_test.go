package rpmmd_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"datestone/sync/rpmmd"
)

// The rules are those that rpm documents in rpm-version(7).
func TestCompareVersions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		older, newer string
		same         bool
	}{
		"numbers":                             {older: "0:1.9-1", newer: "0:1.10-1"},
		"an epoch":                            {older: "0:99-1", newer: "1:1-1"},
		"epochs are numbers":                  {older: "9:1-1", newer: "10:1-1"},
		"no epoch is the epoch 0":             {older: "1-1", newer: "0:1-1", same: true},
		"a release":                           {older: "0:1.0-9", newer: "0:1.0-10"},
		"a release of a distribution":         {older: "0:1.0-1.fc9", newer: "0:1.0-1.fc10"},
		"a letter after nothing":              {older: "0:1.0-1", newer: "0:1.0a-1"},
		"a letter before a number":            {older: "0:1.0a-1", newer: "0:1.0.1-1"},
		"upper case before lower":             {older: "0:1.0Z-1", newer: "0:1.0a-1"},
		"what parts is not compared":          {older: "0:1_0-1", newer: "0:1.0-1", same: true},
		"zeros in front":                      {older: "0:1.007-1", newer: "0:1.7-1", same: true},
		"a tilde before nothing":              {older: "0:1.0~rc1-1", newer: "0:1.0-1"},
		"a tilde before a letter":             {older: "0:1.0~rc1-1", newer: "0:1.0a-1"},
		"tildes by what follows":              {older: "0:1.0~rc1-1", newer: "0:1.0~rc2-1"},
		"a tilde after a tilde":               {older: "0:1.0~rc1~git1-1", newer: "0:1.0~rc1-1"},
		"a caret after nothing":               {older: "0:1.0-1", newer: "0:1.0^-1"},
		"a caret and text after nothing":      {older: "0:1.0-1", newer: "0:1.0^git1-1"},
		"a caret before another part":         {older: "0:1.0^20160101-1", newer: "0:1.0.1-1"},
		"a caret before a letter":             {older: "0:1.0^git1-1", newer: "0:1.0a-1"},
		"carets by what follows":              {older: "0:1.0^git1-1", newer: "0:1.0^git2-1"},
		"a caret after a caret":               {older: "0:1.0^20160101-1", newer: "0:1.0^20160101^git1-1"},
		"a tilde before a caret":              {older: "0:1.0~rc1^git1-1", newer: "0:1.0-1"},
		"a caret on what is before a release": {older: "0:1.0~rc1-1", newer: "0:1.0~rc1^git1-1"},
		"a tilde on a caret":                  {older: "0:1.0^git1~pre-1", newer: "0:1.0^git1-1"},
		"a caret in the release":              {older: "0:1.0-1", newer: "0:1.0-1^git1"},
		"longer than any integer":             {older: "0:123456789012345678901234-1", newer: "0:123456789012345678901235-1"},
	} {
		want := -1
		if test.same {
			want = 0
		}
		if got := cmp.Compare(rpmmd.CompareVersions(test.older, test.newer), 0); got != want {
			t.Errorf("%s: %q against %q: got %d, want %d", name, test.older, test.newer, got, want)
		}
		if got := cmp.Compare(rpmmd.CompareVersions(test.newer, test.older), 0); got != -want {
			t.Errorf("%s: %q against %q: got %d, want %d", name, test.newer, test.older, got, -want)
		}
	}
}

// Versions are where the document has them: both kinds of it, with and without
// an epoch.
func TestPackagesHaveNames(t *testing.T) {
	t.Parallel()
	sum := `<checksum type="sha256">` + strings.Repeat("0", 64) + `</checksum>`
	primary := `<metadata><package><name>a</name><arch>noarch</arch><version epoch="2" ver="1^x" rel="3"/>` + sum +
		`<size package="1"/><location href="a"/><format><name>not this</name></format></package></metadata>`
	deltas := `<prestodelta><newpackage name="b" arch="x86_64" version="1" release="2"><delta><filename>d</filename><size>1</size>` + sum + `</delta></newpackage></prestodelta>`
	got, err := collect(rpmmd.Packages(strings.NewReader(primary)))
	more, deltaErr := collect(rpmmd.Deltas(strings.NewReader(deltas)))
	if err != nil || deltaErr != nil || len(got) != 1 || len(more) != 1 {
		t.Fatalf("got %v and %v: %v, %v", got, more, err, deltaErr)
	}
	if p := got[0]; p.Name != "a" || p.Arch != "noarch" || p.Version != "2:1^x-3" {
		t.Errorf("package: got %+v", p)
	}
	if p := more[0]; p.Name != "b" || p.Arch != "x86_64" || p.Version != "0:1-2" {
		t.Errorf("delta: got %+v", p)
	}
}

func ExampleCompareVersions() {
	fmt.Println(rpmmd.CompareVersions("0:1.0~rc1-1", "0:1.0-1") < 0, rpmmd.CompareVersions("0:1.0-1", "0:1.0^git1-1") < 0)
	// Output: true true
}
