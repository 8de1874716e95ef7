package history_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/history"
)

// tree lists directories: paths that end in a slash. It notes what is asked.
type tree struct {
	paths []string
	asked []string
	err   error
}

func (l *tree) List(_ context.Context, dir string) ([]string, error) {
	l.asked = append(l.asked, dir)
	var names []string
	for _, p := range l.paths {
		if rest, ok := strings.CutPrefix(p, dir); ok && rest != "" {
			name, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(names, name+"/") {
				names = append(names, name+"/")
			}
		}
	}
	return names, l.err
}

// short is a state as tests compare it: ID, place, and what is wrong.
func short(t *testing.T, states iter.Seq2[history.State, error]) []string {
	t.Helper()
	var out []string
	last := layout.Stamp("")
	for s, err := range states {
		if err != nil {
			return append(out, "error: "+err.Error())
		}
		if s.ID < last {
			t.Errorf("%s comes after %s", s.ID, last)
		}
		last = s.ID
		line := string(s.ID) + " " + s.Place
		if s.Bad != "" {
			line += ": " + s.Bad
		}
		out = append(out, line)
	}
	return out
}

func pattern(t testing.TB, text string) history.Pattern {
	t.Helper()
	p, err := history.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	l := &tree{paths: []string{"/a/02/2025/03/x/", "/a/18/2025/03/x/", "/a/17/2025/03/y/", "/a/30/2025/02/x/", "/a/lost+found/2025/", "/a/01/2024/", "/a/16/2025/03/x/deep/er/"}}
	got := short(t, history.Directories(t.Context(), pattern(t, "/a/{DD}/{YYYY}/{MM}/x"), l))
	want := []string{
		` /a/30/2025/02/x/: "20250230T000000Z" is no time of the calendar`,
		"20250302T000000Z /a/02/2025/03/x/",
		"20250316T000000Z /a/16/2025/03/x/",
		// Whether the last segment is there shows when it is read.
		"20250317T000000Z /a/17/2025/03/x/",
		"20250318T000000Z /a/18/2025/03/x/",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, dir := range l.asked {
		if strings.Contains(dir, "lost") || strings.HasSuffix(dir, "/x/") {
			t.Errorf("%q was listed", dir)
		}
	}
}

// Names that a server lists may be anything.
func TestDirectories_hostileNames(t *testing.T) {
	t.Parallel()
	l := names{"20250318", "../20250318", "..", "", "/", "20250319/../x", "20250320\x00", "20250321/"}
	got := short(t, history.Directories(t.Context(), pattern(t, "/a/*{YYYY}{MM}{DD}*"), l))
	want := []string{"20250318T000000Z /a/20250318/", "20250321T000000Z /a/20250321/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// names are what is listed in every directory.
type names []string

func (n names) List(context.Context, string) ([]string, error) { return n, nil }

func TestDirectories_twoInOneSecond(t *testing.T) {
	t.Parallel()
	l := names{"20250318_a", "20250318_b", "20250319_a"}
	got := short(t, history.Directories(t.Context(), pattern(t, "/a/{YYYY}{MM}{DD}_*"), l))
	want := []string{"20250318T000000Z /a/20250318_a/: another state is of the same second: /a/20250318_b/",
		"20250318T000000Z /a/20250318_b/", "20250319T000000Z /a/20250319_a/"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDirectories_listingFails(t *testing.T) {
	t.Parallel()
	l := &tree{paths: []string{"/a/2025/03/18/"}, err: errors.New("no permission")}
	got := short(t, history.Directories(t.Context(), pattern(t, "/a/{YYYY}/{MM}/{DD}"), l))
	if diff := cmp.Diff([]string{`error: list "/a/": no permission`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeAndEvery(t *testing.T) {
	t.Parallel()
	one := history.List("one", []byte("20250318T140000Z,a\n20250320,b\n2025-02-30,c\n"))
	two := history.List("two", []byte("20250318T150000Z,d\n20250319T230000Z,e\n20250320,f\n20250320T000001Z,g\n"))
	var all []history.State
	got := short(t, func(yield func(history.State, error) bool) {
		for s, err := range history.Merge(one, two) {
			all = append(all, s)
			if !yield(s, err) {
				return
			}
		}
	})
	want := []string{
		` one, line 3: "2025-02-30" is no time: write 20250318T140338Z, 20250318 or 2025-03-18T14:03:38Z`,
		"20250318T140000Z a", "20250318T150000Z d", "20250319T230000Z e", "20250320T000000Z b",
		"20250320T000000Z f: an earlier source has a state of the same second: b", "20250320T000001Z g"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	var days []string
	for _, s := range history.Every(24*60*60*1e9, all) {
		days = append(days, s.Place)
	}
	if diff := cmp.Diff([]string{"one, line 3", "a", "e", "b", "f"}, days); diff != "" {
		t.Errorf("a state a day (-want +got):\n%s", diff)
	}
}
