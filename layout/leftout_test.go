package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// narrowed returns a remote with packages left out.
func narrowed(r layout.Remote) layout.Remote {
	r.LeftOut = &layout.LeftOut{Packages: 1234, Of: 2000, Names: []string{"nginx", "<lib*>"}, Newest: 1}
	return r
}

const toldLeftOut = "1,234 of 2,000 packages that the metadata names are left out here: whoever asks for one gets 404."

// All that a reader copies says it, but for files that hold no comment.
func TestSnippetsSayWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, r := range []layout.Remote{debRemote, rpmRemote} {
		for _, s := range source(narrowed(r)).Snippets() {
			silent := s.Client == "dnf-snapshot" || s.Client == "apt-keyring"
			if says := strings.Contains(s.Text, toldLeftOut); says == silent {
				t.Errorf("%s says it: %v\n%s", s.Client, says, s.Text)
			}
			for line := range strings.Lines(s.Text) {
				if strings.Contains(line, "404") && !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "// ") {
					t.Errorf("%s: %q is no comment", s.Client, line)
				}
			}
		}
		for _, s := range source(r).Snippets() {
			if strings.Contains(s.Text, "404") {
				t.Errorf("%s says it though nothing is left out", s.Client)
			}
		}
	}
}

// The page of the checkpoint says it, and what is kept.
func TestCheckpointPageSaysWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, newest := range []int{0, 1, 3} {
		r := narrowed(debRemote)
		r.LeftOut.Newest = newest
		p := layout.Plan{Base: "base/myrepo", PublicPath: "/", ID: first, Source: source(r), Files: layout.Files([]layout.File{file("dists/a", 1, first)})}
		want := "<p><strong>" + toldLeftOut + "</strong> Kept: nginx, &lt;lib*&gt;" +
			map[int]string{0: ".", 1: "; the newest version of each.", 3: "; the 3 newest versions of each."}[newest] + "</p>\n"
		for page, err := range p.Pages() {
			if err != nil {
				t.Fatal(err)
			}
			checkPage(t, page)
			root := strings.HasSuffix(page.Key, string(first)+"/index.html")
			if got := strings.Contains(string(page.Body), want); got != root {
				t.Errorf("%s says it: %v, want %v", page.Key, got, root)
			}
		}
	}
}

// Records of before have no such field, and keep their bytes.
func TestRecordKeepsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	c := claim()
	without, err := c.Record(layout.Head{}, second).Encode()
	if err != nil || strings.Contains(string(without), "left_out") {
		t.Errorf("%v: %s", err, without)
	}
	c.Remote.LeftOut = &layout.LeftOut{Packages: 1, Of: 2, Newest: 1}
	with, err := c.Record(layout.Head{}, second).Encode()
	if want := `,"left_out":{"packages":1,"of":2,"newest":1}}`; err != nil || !strings.Contains(string(with), want) {
		t.Errorf("%v: got %s, want %s", err, with, want)
	}
	got, err := layout.DecodeRecord(with)
	if d := cmp.Diff(c.Remote.LeftOut, got.Remote.LeftOut); err != nil || d != "" {
		t.Errorf("%v: want -, got +\n%s", err, d)
	}
}

func ExampleLeftOut() {
	fmt.Println(layout.LeftOut{Packages: 1234, Of: 2000, Names: []string{"nginx"}, Newest: 1})
	// Output: 1,234 of 2,000 packages are left out by packages:, newest:; readers who ask for them get 404
}
