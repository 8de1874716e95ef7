package aptrepo_test

import (
	"cmp"
	"fmt"
	"testing"

	"datestone/sync/aptrepo"
)

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		older, newer string
		same         bool
	}{
		"numbers":                          {older: "1.9", newer: "1.10"},
		"an epoch":                         {older: "99", newer: "1:1"},
		"epochs are numbers":               {older: "9:1", newer: "10:1"},
		"no epoch is the epoch 0":          {older: "1", newer: "0:1", same: true},
		"a revision":                       {older: "1.0-1", newer: "1.0-2"},
		"no revision is the revision 0":    {older: "1.0", newer: "1.0-0", same: true},
		"no revision before another":       {older: "1.0", newer: "1.0-1"},
		"the last hyphen begins it":        {older: "1-9-1", newer: "1-10-1"},
		"a tilde before the end":           {older: "1.0~rc1", newer: "1.0"},
		"a tilde before a tilde's end":     {older: "1.0~~", newer: "1.0~"},
		"a tilde before a letter":          {older: "1.0~", newer: "1.0a"},
		"a tilde in the revision":          {older: "1.0-1~deb12u1", newer: "1.0-1"},
		"a letter before a plus":           {older: "1.0a", newer: "1.0+"},
		"upper case before lower":          {older: "1.0Z", newer: "1.0a"},
		"a plus after the end":             {older: "1.0-1", newer: "1.0-1+b1"},
		"zeros in front":                   {older: "1.007", newer: "1.7", same: true},
		"no number is 0":                   {older: "1.", newer: "1.0", same: true},
		"a stable update":                  {older: "9.2p1-2+deb12u7", newer: "9.2p1-2+deb12u10"},
		"longer than any integer":          {older: "1.123456789012345678901234", newer: "1.123456789012345678901235"},
		"long with a rest":                 {older: "20250318000000000000001-1", newer: "20250318000000000000001-2"},
		"nothing":                          {older: "", newer: "0", same: true},
		"a colon in the upstream's":        {older: "1:1:1", newer: "1:1:2"},
		"a part more":                      {older: "1.0", newer: "1.0.1"},
		"what is no version, all the same": {older: "a", newer: "b"},
	} {
		want := -1
		if test.same {
			want = 0
		}
		if got := cmp.Compare(aptrepo.CompareVersions(test.older, test.newer), 0); got != want {
			t.Errorf("%s: %q against %q: got %d, want %d", name, test.older, test.newer, got, want)
		}
		if got := cmp.Compare(aptrepo.CompareVersions(test.newer, test.older), 0); got != -want {
			t.Errorf("%s: %q against %q: got %d, want %d", name, test.newer, test.older, got, -want)
		}
	}
}

func ExampleCompareVersions() {
	fmt.Println(aptrepo.CompareVersions("1.0~rc1-1", "1.0-1") < 0)
	// Output: true
}
