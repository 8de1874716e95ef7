package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func TestRepositoriesWith(t *testing.T) {
	t.Parallel()
	a, b, c := layout.NewRepository("a", "a", "file"), layout.NewRepository("b", "b", "deb"), layout.NewRepository("c", "c", "rpm")
	var empty layout.Repositories
	one, changed := empty.With(b)
	if !changed || one.Changes != 1 || one.Version != 1 {
		t.Errorf("the first: %+v, %v", one, changed)
	}
	two, _ := one.With(c)
	three, changed := two.With(a)
	if diff := cmp.Diff([]layout.Repository{a, b, c}, three.Repositories); diff != "" || !changed || three.Changes != 3 {
		t.Errorf("ascending by base path, %d changes (-want +got):\n%s", three.Changes, diff)
	}
	if again, changed := three.With(b); changed || again.Changes != 3 {
		t.Errorf("the same again: %+v, %v", again, changed)
	}
	renamed, changed := three.With(layout.NewRepository("b2", "b", "deb"))
	if !changed || renamed.Changes != 4 || renamed.Repositories[1].Name != "b2" || len(renamed.Repositories) != 3 {
		t.Errorf("another name at the same base path: %+v, %v", renamed, changed)
	}
	if three.Repositories[1] != b || len(one.Repositories) != 1 {
		t.Error("With changed the list it was asked of")
	}
}

func TestRepositoriesComeBack(t *testing.T) {
	t.Parallel()
	for n := range 3 {
		list := layout.Repositories{Version: 1, Repositories: []layout.Repository{}}
		for i := range n {
			list, _ = list.With(layout.NewRepository(fmt.Sprint("r", i), fmt.Sprint("base/r", i), "file"))
		}
		b, err := list.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := layout.DecodeRepositories(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestDecodeRepositoriesRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"another version", `{"version":2}`, "version 2"},
		{"not JSON", `<html>`, "invalid character"},
		{"out of order", `{"version":1,"repositories":[{"base_path":"b"},{"base_path":"a"}]}`, "not ascending"},
		{"a base path twice", `{"version":1,"repositories":[{"base_path":"a"},{"base_path":"a"}]}`, "not ascending"},
		{"a base path that is none", `{"version":1,"repositories":[{"base_path":"../a"}]}`, "base path"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := layout.DecodeRepositories([]byte(tc.in)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}
