package layout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// debRemote is that of a distribution.
var debRemote = layout.Remote{
	Type: "deb", URL: "https://deb.example.org/debian", Mode: "mirror", Keyring: layout.KeyringPath,
	Components: []string{"main", "main/debian-installer", "contrib"}, Architectures: []string{"amd64", "arm64", "all", "source"},
	Releases: []layout.Release{
		{Suite: "bookworm", Origin: "Debian", Label: "Debian", Date: "20250315T091530Z"},
		{Suite: "bookworm-updates", Origin: "Debian", Label: "Debian", Date: "20250318T021530Z", ValidUntil: "20250325T021530Z"},
		{Suite: "./extra/", Origin: "Debian", Date: "20250301T000000Z"},
	},
}

var rpmRemote = layout.Remote{Type: "rpm", URL: "https://rpm.example.org/os", Keyring: layout.KeyringPath}

func source(r layout.Remote) layout.Source {
	return layout.Source{Repository: "myrepo", URL: layout.RepositoryURL("https://snapshots.example.org/", "base/myrepo"), ID: first, Remote: r}
}

// printed puts snippets into one text.
func printed(snippets []layout.Snippet) []byte {
	var b strings.Builder
	for _, s := range snippets {
		fmt.Fprintf(&b, "==== %s: %s: %s\n%s", s.Client, s.Title, s.File, s.Text)
	}
	return []byte(b.String())
}

func TestSnippets(t *testing.T) {
	t.Parallel()
	unsigned, file := rpmRemote, layout.Remote{Type: "file", URL: "https://host.example/file/PULP_MANIFEST"}
	unsigned.Keyring = ""
	for name, r := range map[string]layout.Remote{"deb": debRemote, "rpm": rpmRemote, "rpm-unsigned": unsigned, "file": file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "snippets/"+name+".txt", printed(source(r).Snippets()))
		})
	}
}

// textOf returns the snippet for a client.
func textOf(t *testing.T, s layout.Source, client string) string {
	t.Helper()
	for _, s := range s.Snippets() {
		if s.Client == client {
			return s.Text
		}
	}
	return ""
}

func TestSnippetsForAptTakeWhatAptCanUse(t *testing.T) {
	t.Parallel()
	suite := []layout.Release{{Suite: "stable"}}
	for _, tc := range []struct {
		name   string
		remote layout.Remote
		want   string
	}{
		{"sources alone have no architecture", layout.Remote{Releases: suite, Components: []string{"main"}, Architectures: []string{"source"}},
			"Types: deb-src\nURIs: U\nSuites: stable\nComponents: main\n"},
		{"no sources", layout.Remote{Releases: suite, Components: []string{"main"}, Architectures: []string{"arm64"}},
			"Types: deb\nURIs: U\nSuites: stable\nComponents: main\nArchitectures: arm64\n"},
		{"all alone is one", layout.Remote{Releases: suite, Components: []string{"main"}, Architectures: []string{"all"}},
			"Types: deb\nURIs: U\nSuites: stable\nComponents: main\nArchitectures: all\n"},
		{"the installer alone is what was asked for", layout.Remote{Releases: suite, Components: []string{"main/debian-installer"}, Architectures: []string{"arm64"}},
			"Types: deb\nURIs: U\nSuites: stable\nComponents: main/debian-installer\nArchitectures: arm64\n"},
		{"a flat suite has neither", layout.Remote{Releases: []layout.Release{{Suite: "./"}}}, "Types: deb\nURIs: U\nSuites: ./\n"},
		{"what expires is not checked, and its keys are named", layout.Remote{Releases: []layout.Release{{Suite: "./", ValidUntil: first}}, Keyring: layout.KeyringPath},
			"Types: deb\nURIs: U\nSuites: ./\nCheck-Valid-Until: no\nSigned-By: /etc/apt/keyrings/myrepo.asc\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.remote.Type = "deb"
			var got strings.Builder
			for line := range strings.Lines(textOf(t, source(tc.remote), "apt")) {
				if !strings.HasPrefix(line, "#") {
					got.WriteString(line)
				}
			}
			want := strings.Replace(tc.want, "U\n", "https://snapshots.example.org/base/myrepo/20250318T140338Z/\n", 1)
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What upstream calls itself ends in a file that root reads.
func TestSnippetForAptSnapshotNamesTheArchive(t *testing.T) {
	t.Parallel()
	const at = `" "https://snapshots.example.org/base/myrepo/@SNAPSHOTID@/";`
	for _, tc := range []struct {
		name          string
		origin, label string
		url           string
		want          string
	}{
		{"by label", "Debian", "Debian Backports", "https://deb.example.org/", `"Acquire::Snapshots::URI::Override::Label::Debian Backports` + at},
		{"by origin", "Debian", "", "https://deb.example.org/", `"Acquire::Snapshots::URI::Override::Origin::Debian` + at},
		{"by host", "", "", "https://deb.example.org:8080/x", `"Acquire::Snapshots::URI::Host::deb.example.org` + at},
		{"not by a label that breaks out", "Debian", `x" "evil"; APT::x "`, "", `"Acquire::Snapshots::URI::Override::Origin::Debian` + at},
		{"not by names with colons or slashes", "a::b", "a/b", "https://deb.example.org/", `"Acquire::Snapshots::URI::Host::deb.example.org` + at},
		{"not at all", "a\x00", "é", "file:/srv/debian", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := layout.Remote{Type: "deb", URL: tc.url, Releases: []layout.Release{{Suite: "a", Origin: tc.origin, Label: tc.label}, {Suite: "b", Origin: tc.origin, Label: tc.label}}}
			var got []string
			for line := range strings.Lines(textOf(t, source(r), "apt-snapshot")) {
				if !strings.HasPrefix(line, "//") {
					got = append(got, strings.TrimSuffix(line, "\n"))
				}
			}
			if strings.Join(got, "\n") != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSnippetForCurlIsSafeInAShell(t *testing.T) {
	t.Parallel()
	s := source(layout.Remote{Type: "file", URL: "https://host.example/a/$(x) 'b'"})
	if got, want := textOf(t, s, "curl"), "/20250318T140338Z/%24%28x%29%20%27b%27\n"; !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestThereAreNoSnippetsWithoutACheckpoint(t *testing.T) {
	t.Parallel()
	s := source(debRemote)
	s.ID = ""
	if got := s.Snippets(); got != nil {
		t.Errorf("got %v", got)
	}
}

// Scrapers take every ID on a page for a checkpoint.
func TestSnippetsNameNoOtherID(t *testing.T) {
	t.Parallel()
	for _, r := range []layout.Remote{debRemote, rpmRemote, {Type: "file"}} {
		for _, id := range idForm.FindAllString(string(printed(source(r).Snippets())), -1) {
			if id != string(first) {
				t.Errorf("%s: names %s", r.Type, id)
			}
		}
	}
}

func TestCheckpointPageSaysWhatToWriteDown(t *testing.T) {
	t.Parallel()
	r := debRemote
	r.Releases = []layout.Release{{Suite: "<b>&'\"", Label: "Debian"}}
	p := layout.Plan{Base: "base/myrepo", PublicPath: "/", ID: first, Source: source(r), Files: layout.Files([]layout.File{file("dists/a", 1, first)})}
	var pages []layout.Page
	for page, err := range p.Pages() {
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, page)
		pages = append(pages, page)
	}
	if len(pages) != 2 || strings.Contains(string(pages[0].Body), "sources.list.d") {
		t.Errorf("%d pages; want that of the root alone to say it", len(pages))
	}
	if strings.Contains(string(pages[1].Body), "<b>") {
		t.Error("text of the remote is not escaped")
	}
	golden(t, "pages/checkpoint-deb.html", pages[1].Body)
}

func ExampleSource_Snippets() {
	s := layout.Source{Repository: "fedora", URL: "https://snapshots.example.org/fedora/", ID: "20250318T140338Z", Remote: layout.Remote{Type: "rpm"}}
	for _, snippet := range s.Snippets() {
		fmt.Printf("%s: %q\n", snippet.Client, snippet.File)
	}
	// Output:
	// dnf: "/etc/yum.repos.d/fedora.repo"
	// dnf-snapshot: "/etc/dnf/vars/snapshot"
	// zypper: ""
	// curl: ""
}
