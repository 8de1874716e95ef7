package layout_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func site(t *testing.T, publicPath string, repositories ...layout.Repository) (keys []string, pages map[string]layout.Page) {
	t.Helper()
	var l layout.Repositories
	for _, r := range repositories {
		l, _ = l.With(r)
	}
	drawn, err := layout.SitePages(l, publicPath)
	if err != nil {
		t.Fatal(err)
	}
	pages = map[string]layout.Page{}
	for _, p := range drawn {
		if p.Key != layout.RepositoriesKey {
			checkPage(t, p)
		}
		if shown, ok := layout.ShownChanges(p.Body); !ok || shown != len(repositories) || p.Changes != shown {
			t.Errorf("page %q shows %d changes and has %d, want %d", p.Key, shown, p.Changes, len(repositories))
		}
		keys = append(keys, p.Key)
		pages[p.Key] = p
	}
	return keys, pages
}

func TestSitePagesStandAboveEveryBasePath(t *testing.T) {
	t.Parallel()
	keys, pages := site(t, "/mirror/",
		layout.NewRepository("zypper", "suse", "rpm"),
		layout.NewRepository("debian", "debian", "deb"),
		layout.NewRepository("myfile", "checkpoints/myfile", "file"),
		layout.NewRepository("fedora", "checkpoints/rpm/fedora", "rpm"))
	want := []string{"repositories.json", "checkpoints/index.html", "checkpoints/rpm/index.html", "index.html"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for key, want := range map[string][]string{
		"index.html": {
			`<a href="./checkpoints/">checkpoints/</a>`, `<a href="./debian/">debian/</a>`, `<a href="./repositories.json">repositories.json</a>`, `<a href="./suse/">suse/</a>`},
		"checkpoints/index.html": {
			`<a href="../">../</a>`, `<a href="./myfile/">myfile/</a>`, `<a href="./rpm/">rpm/</a>`},
		"checkpoints/rpm/index.html": {
			`<a href="../">../</a>`, `<a href="./fedora/">fedora/</a>`},
	} {
		if diff := cmp.Diff(want, rows(t, pages[key])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
		if title := "<h1>Index of /mirror/" + strings.TrimSuffix(key, "index.html") + "</h1>"; !strings.Contains(string(pages[key].Body), title) {
			t.Errorf("%s lacks %s", key, title)
		}
	}
	if link := `<a href="./checkpoints/rpm/fedora/">fedora</a>`; !strings.Contains(string(pages["index.html"].Body), link) {
		t.Errorf("the root page lacks %s", link)
	}
	golden(t, "pages/root.html", pages["index.html"].Body)
	golden(t, "pages/above.html", pages["checkpoints/index.html"].Body)
	golden(t, "repositories.json", pages["repositories.json"].Body)
}

func TestSiteWithoutRepositoriesHasItsRoot(t *testing.T) {
	t.Parallel()
	keys, pages := site(t, "/")
	if diff := cmp.Diff([]string{"repositories.json", "index.html"}, keys); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if body := string(pages["repositories.json"].Body); !strings.Contains(body, `"repositories": []`) {
		t.Errorf("repositories.json has no empty list: %s", body)
	}
}
