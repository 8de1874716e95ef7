package reposync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

// stanzas are those of packages in a pool, "name_version_arch.deb", whose
// content is their name.
func stanzas(files ...string) string {
	var b strings.Builder
	for _, f := range files {
		part := strings.Split(strings.TrimSuffix(f, path.Ext(f)), "_")
		fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: %s\nFilename: pool/%s\nSize: %d\nSHA256: %s\n\n",
			part[0], part[1], part[2], f, len(f), layout.DigestOf([]byte(f)))
	}
	return b.String()
}

// sources are stanzas of source packages, "name_version"; all versions of one
// share its first file.
func sources(packages ...string) string {
	var b strings.Builder
	for _, p := range packages {
		name, version, _ := strings.Cut(p, "_")
		fmt.Fprintf(&b, "Package: %s\nVersion: %s\nArchitecture: any\nDirectory: pool\nChecksums-Sha256:\n", name, version)
		for _, f := range []string{name + ".orig.tar", p + ".dsc"} {
			fmt.Fprintf(&b, " %s %d %s\n", layout.DigestOf([]byte(f)), len(f), f)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// filteredRepo has packages in several versions, in indexes that share some.
func filteredRepo(t testing.TB) *debRepo {
	r := newDebRepo(t)
	all := []string{"doc_1_all.deb", "doc_2_all.deb"}
	amd64 := append([]string{"libssl3_3.0~rc1_amd64.deb", "libssl3_3.0-1_amd64.deb", "libssl3_2.9_amd64.deb", "nginx_1.9_amd64.deb", "nginx_1.10_amd64.deb", "other_1_amd64.deb"}, all...)
	udeb := []string{"libssl3-udeb_1_amd64.udeb", "wget-udeb_1_amd64.udeb"}
	r.publish(debSuite{
		fields: "Components: main\nArchitectures: all amd64\n",
		have: map[string]string{
			"main/binary-amd64/Packages.gz":                  packed(t, "gz", stanzas(amd64...)),
			"main/binary-all/Packages.gz":                    packed(t, "gz", stanzas(all...)),
			"main/debian-installer/binary-amd64/Packages.gz": packed(t, "gz", stanzas(udeb...)),
			"main/source/Sources.gz":                         packed(t, "gz", sources("nginx_1.9", "nginx_1.10", "openssl_3")),
		},
	})
	return r
}

// poolOf returns the names of a state's files below a directory.
func poolOf(s *reposync.State, dir string) (names []string) {
	for _, f := range s.Files {
		if rest, ok := strings.CutPrefix(f.Path, dir); ok {
			names = append(names, rest)
		}
	}
	return names
}

func TestDebFilters(t *testing.T) {
	t.Parallel()
	r := filteredRepo(t)
	for name, test := range map[string]struct {
		packages []string
		newest   int
		arch     string // default amd64
		want     string // the pool
		left, of int
	}{
		"none":                      {nil, 0, "", "doc_1_all.deb doc_2_all.deb libssl3_2.9_amd64.deb libssl3_3.0-1_amd64.deb libssl3_3.0~rc1_amd64.deb nginx_1.10_amd64.deb nginx_1.9_amd64.deb other_1_amd64.deb", 0, 0},
		"a name":                    {[]string{"nginx"}, 0, "", "nginx_1.10_amd64.deb nginx_1.9_amd64.deb", 6, 8},
		"a glob":                    {[]string{"libssl*"}, 0, "", "libssl3_2.9_amd64.deb libssl3_3.0-1_amd64.deb libssl3_3.0~rc1_amd64.deb", 5, 8},
		"a name and a glob":         {[]string{"other", "n?inx"}, 0, "", "nginx_1.10_amd64.deb nginx_1.9_amd64.deb other_1_amd64.deb", 5, 8},
		"all by a glob":             {[]string{"*"}, 0, "", "doc_1_all.deb doc_2_all.deb libssl3_2.9_amd64.deb libssl3_3.0-1_amd64.deb libssl3_3.0~rc1_amd64.deb nginx_1.10_amd64.deb nginx_1.9_amd64.deb other_1_amd64.deb", 0, 0},
		"the newest":                {nil, 1, "", "doc_2_all.deb libssl3_3.0-1_amd64.deb nginx_1.10_amd64.deb other_1_amd64.deb", 4, 8},
		"the two newest":            {nil, 2, "", "doc_1_all.deb doc_2_all.deb libssl3_3.0-1_amd64.deb libssl3_3.0~rc1_amd64.deb nginx_1.10_amd64.deb nginx_1.9_amd64.deb other_1_amd64.deb", 1, 8},
		"the newest of a glob":      {[]string{"libssl*"}, 1, "", "libssl3_3.0-1_amd64.deb", 7, 8},
		"what two indexes name":     {[]string{"doc"}, 1, "", "doc_2_all.deb", 7, 8},
		"sources by name":           {[]string{"nginx"}, 0, "source", "nginx.orig.tar nginx_1.10.dsc nginx_1.9.dsc", 1, 3},
		"the newest sources":        {nil, 1, "source", "nginx.orig.tar nginx_1.10.dsc openssl.orig.tar openssl_3.dsc", 1, 3},
		"the newest source by name": {[]string{"ngin[x]"}, 1, "source", "nginx.orig.tar nginx_1.10.dsc", 2, 3},
		"udebs":                     {[]string{"libssl*"}, 1, "udeb", "libssl3-udeb_1_amd64.udeb", 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remote := r.remote()
			remote.Packages, remote.Newest = test.packages, test.newest
			switch test.arch {
			case "source":
				remote.Architectures = []string{"source"}
			case "udeb":
				remote.Components = []string{"main/debian-installer"}
			}
			got, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Fields(test.want), poolOf(got, "pool/")); d != "" {
				t.Errorf("pool: want -, got +\n%s", d)
			}
			var want *layout.LeftOut
			if test.left > 0 {
				want = &layout.LeftOut{Packages: test.left, Of: test.of, Names: test.packages, Newest: test.newest}
			}
			if d := cmp.Diff(want, got.Remote.LeftOut); d != "" {
				t.Errorf("left out: want -, got +\n%s", d)
			}
			whole := r.remote()
			whole.Components, whole.Architectures = remote.Components, remote.Architectures
			all, err := reposync.New(quick(nil)).Read(t.Context(), whole, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(all.Bodies, got.Bodies); d != "" {
				t.Errorf("the metadata is another: want -, got +\n%s", d)
			}
		})
	}
}

// What one suite calls old may be the newest of another: each keeps its own.
func TestDebNewestIsThatOfEachSuite(t *testing.T) {
	t.Parallel()
	r := newDebRepo(t)
	for suite, files := range map[string]string{"stable": stanzas("a_1_amd64.deb", "a_2_amd64.deb"), "old": stanzas("a_1_amd64.deb", "a_0_amd64.deb")} {
		r.publish(debSuite{dir: "dists/" + suite + "/", fields: "Components: main\nArchitectures: amd64\n",
			have: map[string]string{"main/binary-amd64/Packages": files}})
	}
	remote := r.remote()
	remote.Suites, remote.Newest = []string{"stable", "old"}, 1
	got, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a_1_amd64.deb", "a_2_amd64.deb"}, poolOf(got, "pool/")); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	if d := cmp.Diff(&layout.LeftOut{Packages: 1, Of: 3, Newest: 1}, got.Remote.LeftOut); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestFiltersThatLeaveNothing(t *testing.T) {
	t.Parallel()
	remote := filteredRepo(t).remote()
	remote.Packages = []string{"apache2", "lib[a-b]*"}
	rpm := newRPMServer(t, namedRPM()).remote()
	rpm.Packages = remote.Packages
	for _, remote := range []reposync.Remote{remote, rpm} {
		_, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
		if err == nil || !strings.Contains(err.Error(), "packages that the metadata names is one of apache2, lib[a-b]*") {
			t.Errorf("%s: got %v", remote.Type, err)
		}
	}
}

// A name among others that no package has is a warning: it may be mistyped.
func TestFiltersWarnOfNames(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	c := quick(nil)
	c.Log = slog.New(slog.NewTextHandler(&said, nil))
	remote := filteredRepo(t).remote()
	remote.Packages = []string{"nginx", "apache*"}
	if _, err := reposync.New(c).Read(t.Context(), remote, layout.Remote{}); err != nil {
		t.Fatal(err)
	}
	if got := said.String(); strings.Count(got, "no package has the name") != 1 || !strings.Contains(got, "packages=apache*") {
		t.Errorf("got %s", got)
	}
}

// namedRPM has packages of two names in several versions, and deltas.
func namedRPM() rpmRepo {
	r := smallRPM()
	versions := []struct{ name, arch, version, release string }{
		{"nginx", "x86_64", "1.9", "1"}, {"nginx", "x86_64", "1.10", "1"}, {"nginx", "x86_64", "1.10~rc1", "1"}, {"nginx", "src", "1.9", "1"}, {"other", "noarch", "1", "1^x"},
	}
	r.packages = map[string]string{}
	var primary, deltas strings.Builder
	primary.WriteString("<metadata>")
	deltas.WriteString("<prestodelta>")
	for _, v := range versions {
		href := fmt.Sprintf("Packages/%s-%s-%s.%s.rpm", v.name, v.version, v.release, v.arch)
		r.packages[href] = href
		fmt.Fprintf(&primary, `<package><name>%s</name><arch>%s</arch><version epoch="0" ver="%s" rel="%s"/><checksum type="sha256">%s</checksum><size package="%d"/><location href="%s"/></package>`,
			v.name, v.arch, v.version, v.release, sum("", href), len(href), href)
		fmt.Fprintf(&deltas, `<newpackage name="%s" epoch="0" version="%s" release="%s" arch="%s"><delta><filename>drpms/%s</filename><size>1</size><checksum type="sha256">%s</checksum></delta></newpackage>`,
			v.name, v.version, v.release, v.arch, path.Base(href), sum("", "d"))
	}
	r.primary = func(string) string { return primary.String() + "</metadata>" }
	r.data["prestodelta"] = deltas.String() + "</prestodelta>"
	return r
}

func TestRPMFilters(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		packages []string
		newest   int
		want     string
		left     int
	}{
		"none":                 {nil, 0, "nginx-1.10-1.x86_64.rpm nginx-1.10~rc1-1.x86_64.rpm nginx-1.9-1.src.rpm nginx-1.9-1.x86_64.rpm other-1-1^x.noarch.rpm", 0},
		"a name":               {[]string{"other"}, 0, "other-1-1^x.noarch.rpm", 4},
		"the newest":           {nil, 1, "nginx-1.10-1.x86_64.rpm nginx-1.9-1.src.rpm other-1-1^x.noarch.rpm", 2},
		"the newest of a name": {[]string{"ngi*"}, 2, "nginx-1.10-1.x86_64.rpm nginx-1.10~rc1-1.x86_64.rpm nginx-1.9-1.src.rpm", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := namedRPM()
			if test.newest == 2 { // the deltas come first
				r.repomd = func(s string) string {
					head, rest, _ := strings.Cut(s, "<data type=\"primary\"")
					first, others, _ := strings.Cut(rest, "</data>\n")
					return head + strings.Replace(others, "</repomd>", "<data type=\"primary\""+first+"</data></repomd>", 1)
				}
			}
			remote := newRPMServer(t, r).remote()
			remote.Packages, remote.Newest = test.packages, test.newest
			got, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Fields(test.want)
			slices.Sort(want)
			if d := cmp.Diff(want, poolOf(got, "Packages/")); d != "" {
				t.Errorf("packages: want -, got +\n%s", d)
			}
			if d := cmp.Diff(want, poolOf(got, "drpms/")); d != "" {
				t.Errorf("deltas: want -, got +\n%s", d)
			}
			var left *layout.LeftOut
			if test.left > 0 {
				left = &layout.LeftOut{Packages: test.left, Of: 5, Names: test.packages, Newest: test.newest}
			}
			if d := cmp.Diff(left, got.Remote.LeftOut); d != "" {
				t.Errorf("left out: want -, got +\n%s", d)
			}
		})
	}
}

func TestFiltersAreConfiguration(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]reposync.Remote{
		"deb": {Type: "deb", URL: "https://host.example/", Suites: []string{"./"}, Keyring: keyring(t, false, newKey(t, 0))},
		"rpm": {Type: "rpm", URL: "https://host.example/"},
	} {
		seen := map[layout.Digest]int{base.ConfigDigest(): -1}
		for i, change := range []reposync.Remote{{Packages: []string{"a"}}, {Packages: []string{"a", "b"}}, {Newest: 1}, {Newest: 2}, {Packages: []string{"a"}, Newest: 1}} {
			r := base
			r.Packages, r.Newest = change.Packages, change.Newest
			if err := r.Validate(); err != nil {
				t.Errorf("%s, %d: %v", name, i, err)
			}
			if other, ok := seen[r.ConfigDigest()]; ok {
				t.Errorf("%s: filters %d and %d are one configuration", name, i, other)
			}
			seen[r.ConfigDigest()] = i
		}
		a, b := base, base
		a.Packages, b.Packages = []string{"a", "b"}, []string{"b", "a"}
		if a.ConfigDigest() != b.ConfigDigest() {
			t.Errorf("%s: the order of names makes another configuration", name)
		}
	}
}

func TestFilterValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*reposync.Remote)
		want   string
	}{
		"a glob that is none": {func(r *reposync.Remote) { r.Packages = []string{"lib[a"} }, `package "lib[a": is no glob`},
		"no name":             {func(r *reposync.Remote) { r.Packages = []string{""} }, `package "": is no name`},
		"two names in one":    {func(r *reposync.Remote) { r.Packages = []string{"a b"} }, `package "a b": is no name`},
		"a path":              {func(r *reposync.Remote) { r.Packages = []string{"a/*"} }, `package "a/*": is no name`},
		"less than none":      {func(r *reposync.Remote) { r.Newest = -1 }, "remote newest -1: write 1 to"},
		"a manifest's names":  {func(r *reposync.Remote) { r.Type, r.URL, r.Packages = "file", "https://host.example/M", []string{"a"} }, `are for the types "deb" and "rpm" only`},
		"a manifest's newest": {func(r *reposync.Remote) { r.Type, r.URL, r.Newest = "file", "https://host.example/M", 1 }, `are for the types "deb" and "rpm" only`},
	} {
		r := reposync.Remote{Type: "rpm", URL: "https://host.example/"}
		test.change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}
