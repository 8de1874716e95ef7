package history_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/history"
)

// versioned has the versions of objects, newest first; their content is their ID.
type versioned map[string][]history.Version

func (v versioned) Versions(_ context.Context, key string) ([]history.Version, error) {
	if key == "broken" {
		return nil, errors.New("access denied")
	}
	return v[key], nil
}

func (v versioned) OpenVersion(_ context.Context, key, id string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(key + " " + id)), nil
}

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

func sampleVersions() versioned {
	return versioned{
		"r/MANIFEST": {
			{ID: "m4", Time: at("2025-03-20T00:00:01.9Z"), Size: 1},
			{ID: "m3", Time: at("2025-03-20T00:00:01.2Z"), Size: 1},
			{ID: "gone", Time: at("2025-03-19T12:00:00Z"), Deleted: true},
			{ID: "m2", Time: at("2025-03-19T00:00:00Z"), Size: 1},
			{ID: "m1", Time: at("2025-03-18T00:00:00.5Z"), Size: 1},
		},
		"r/a": {
			{ID: "a3", Time: at("2025-03-19T00:00:02Z"), Size: 3},
			{ID: "a2", Time: at("2025-03-19T00:00:00Z"), Size: 7},
			{ID: "a1", Time: at("2025-03-17T00:00:00Z"), Size: 5},
		},
		"r/late":    {{ID: "l1", Time: at("2025-03-18T00:00:00.6Z"), Size: 2}},
		"r/deleted": {{ID: "x", Time: at("2025-03-18T12:00:00Z"), Deleted: true}, {ID: "d1", Time: at("2025-03-17T00:00:00Z"), Size: 2}},
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	got := short(t, history.Versions(t.Context(), sampleVersions(), "r/", "MANIFEST"))
	want := []string{
		"20250318T000001Z version m1 of r/MANIFEST", // it stood from within the second before
		"20250319T000000Z version m2 of r/MANIFEST",
		"20250320T000002Z version m3 of r/MANIFEST: another state is of the same second: version m4 of r/MANIFEST",
		"20250320T000002Z version m4 of r/MANIFEST",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, root := range []string{"missing/", "broken"} {
		lead := "MANIFEST"
		if root == "broken" {
			lead = ""
		}
		if got := short(t, history.Versions(t.Context(), sampleVersions(), root, lead)); len(got) != 1 || !strings.HasPrefix(got[0], "error: versions of ") {
			t.Errorf("%s: got %q", root, got)
		}
	}
}

func TestVersions_open(t *testing.T) {
	t.Parallel()
	trees := map[string]history.Tree{}
	for s, err := range history.Versions(t.Context(), sampleVersions(), "r/", "MANIFEST") {
		if err != nil {
			t.Fatal(err)
		}
		trees[string(s.ID)] = s.Tree
	}
	for name, c := range map[string]struct {
		id, path string
		size     int64
		want     string
	}{
		"the lead is that very version":                {"20250319T000000Z", "MANIFEST", -1, "r/MANIFEST m2"},
		"what stood before":                            {"20250318T000001Z", "a", 5, "r/a a1"},
		"what was written at the very time":            {"20250319T000000Z", "a", -1, "r/a a2"},
		"the size tells what was replaced at once":     {"20250319T000000Z", "a", 5, "r/a a1"},
		"written a little after what leads to it":      {"20250319T000000Z", "a", 3, "r/a a3"},
		"the only one is a little later":               {"20250318T000001Z", "late", 2, "r/late l1"},
		"metadata of later does not count":             {"20250318T000001Z", "late", -1, ""},
		"deleted, but the state still names it":        {"20250319T000000Z", "deleted", 2, "r/deleted d1"},
		"deleted metadata is none":                     {"20250319T000000Z", "deleted", -1, ""},
		"before it was deleted":                        {"20250318T000001Z", "deleted", -1, "r/deleted d1"},
		"no version has the size":                      {"20250319T000000Z", "a", 99, ""},
		"never there":                                  {"20250319T000000Z", "b", -1, ""},
		"a path is below the root and nowhere else":    {"20250319T000000Z", "r/a", -1, ""},
		"the one that stood, where a newer one stands": {"20250320T000002Z", "a", -1, "r/a a3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, size, err := trees[c.id].Open(t.Context(), c.path, c.size)
			if c.want == "" {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("got %v, want fs.ErrNotExist", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			got, err := io.ReadAll(body)
			if string(got) != c.want || err != nil || c.size >= 0 && size != c.size {
				t.Errorf("got %q of %d bytes, %v; want %q", got, size, err, c.want)
			}
		})
	}
}
