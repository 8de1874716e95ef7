package reposync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

func state(files ...layout.File) *reposync.State {
	return &reposync.State{
		Files:  append([]layout.File{file("PULP_MANIFEST", "upstream's")}, files...),
		Bodies: map[string][]byte{"PULP_MANIFEST": []byte("upstream's")},
		Remote: layout.Remote{URL: "https://host.example/PULP_MANIFEST"},
	}
}

func TestAdditive(t *testing.T) {
	t.Parallel()
	type files = []layout.File
	old := file("PULP_MANIFEST", "ours of before")
	for name, test := range map[string]struct {
		before, now, want files
	}{
		"nothing before":            {nil, files{file("a", "1")}, files{file("a", "1")}},
		"nothing now":               {files{old, file("a", "1")}, nil, files{file("a", "1")}},
		"nothing at all":            {nil, nil, nil},
		"what is gone stays":        {files{old, file("a", "1"), file("c", "3")}, files{file("b", "2")}, files{file("a", "1"), file("b", "2"), file("c", "3")}},
		"what changed is replaced":  {files{old, file("a", "1"), file("b", "2")}, files{file("a", "new")}, files{file("a", "new"), file("b", "2")}},
		"a file became a directory": {files{file("a", "1"), file("a-", "2")}, files{file("a/b", "3")}, files{file("a-", "2"), file("a/b", "3")}},
		"a directory became a file": {files{file("a/b/c", "1"), file("a/c", "2"), file("b", "3")}, files{file("a", "4")}, files{file("a", "4"), file("b", "3")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range test.before {
				test.before[i].FirstSeen = "20250318T140338Z"
			}
			s := state(test.now...)
			got, err := reposync.Additive(layout.Files(test.before), s, "PULP_MANIFEST")
			if err != nil {
				t.Fatal(err)
			}
			var manifest string
			for _, f := range test.want {
				manifest += fmt.Sprintf("%s,%s,%d\n", f.Path, f.SHA256, f.Size)
			}
			want := append(files{file("PULP_MANIFEST", manifest)}, test.want...)
			if d := cmp.Diff(want, got.Files); d != "" {
				t.Errorf("files: want -, got +\n%s", d)
			}
			if string(got.Bodies["PULP_MANIFEST"]) != manifest || len(got.Bodies) != 1 {
				t.Errorf("manifest: got %q, want %q", got.Bodies, manifest)
			}
			if string(s.Bodies["PULP_MANIFEST"]) != "upstream's" || !cmp.Equal(got.Remote, s.Remote) {
				t.Error("the state given was changed, or its remote lost")
			}
		})
	}
}

func TestAdditiveRefuses(t *testing.T) {
	t.Parallel()
	none := layout.Files(nil)
	if _, err := reposync.Additive(none, state(), "../PULP_MANIFEST"); err == nil || !strings.Contains(err.Error(), `".." segment`) {
		t.Errorf("a manifest that climbs: got %v", err)
	}
	_, err := reposync.Additive(none, state(file("list/a", "1")), "list")
	if err == nil || err.Error() != `path "list/a" stands in the way of the manifest "list"` {
		t.Errorf("a file below the manifest: got %v", err)
	}
	broken := errors.New("index is gone")
	_, err = reposync.Additive(func(yield func(layout.File, error) bool) { yield(layout.File{}, broken) }, state(), "PULP_MANIFEST")
	if !errors.Is(err, broken) {
		t.Errorf("a sequence that fails: got %v", err)
	}
}

func ExampleAdditive() {
	before := []layout.File{file("1.iso", "one"), file("2.iso", "two")}
	s := &reposync.State{Files: []layout.File{file("2.iso", "new"), file("3.iso", "three")}}
	s, err := reposync.Additive(layout.Files(before), s, "PULP_MANIFEST")
	if err != nil {
		panic(err)
	}
	for _, f := range s.Files {
		fmt.Println(f.Path, f.Size)
	}
	// Output:
	// 1.iso 3
	// 2.iso 3
	// 3.iso 5
	// PULP_MANIFEST 219
}
