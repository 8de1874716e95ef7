package reposync_test

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

// wholeRepo has all kinds of indexes, wanted and not.
func wholeRepo(t testing.TB) (*debRepo, debSuite) {
	pool := map[string]string{
		"pool/main/a/a_1_amd64.deb": "a1", "pool/main/a/all_1_all.deb": "all", "pool/main/d/d_1_amd64.udeb": "udeb",
		"pool/main/s/src_1.dsc": "dsc", "pool/main/s/src_1.tar.xz": "tar", "pool/main/a/arm_1_arm64.deb": "arm", "pool/contrib/c_1_amd64.deb": "c",
	}
	r := newDebRepo(t).put(pool)
	amd64 := deb("pool/main/a/a_1_amd64.deb", "a1") + deb("pool/main/a/all_1_all.deb", "all")
	sources := dsc("pool/main/s", "src_1.dsc", "dsc", "src_1.tar.xz", "tar")
	patches := "SHA256-Current: x 1\nSHA256-Download:\n " + layout.DigestOf([]byte("patch")).String() + " 5 p1.gz\n " +
		layout.DigestOf([]byte("dropped")).String() + " 7 p0.gz\n"
	s := debSuite{
		fields: "Components: main contrib\nArchitectures: all amd64 arm64 hurd-amd64\nValid-Until: Tue, 25 Mar 2025 12:00:00 UTC\n", byHash: true, sha512: true,
		have: map[string]string{
			"main/binary-amd64/Packages.gz": packed(t, "gz", amd64), "main/binary-amd64/Packages.xz": packed(t, "xz", amd64),
			"main/binary-amd64/Release": "Archive: stable\n", "main/binary-amd64/Packages.diff/Index": patches,
			"main/binary-all/Packages.gz":                          packed(t, "gz", deb("pool/main/a/all_1_all.deb", "all")),
			"main/debian-installer/binary-amd64/Packages.xz":       packed(t, "xz", deb("pool/main/d/d_1_amd64.udeb", "udeb")),
			"main/binary-arm64/Packages.gz":                        packed(t, "gz", deb("pool/main/a/arm_1_arm64.deb", "arm")),
			"main/binary-hurd-amd64/Packages.gz":                   packed(t, "gz", deb("pool/main/a/gone.deb", "gone")),
			"main/source/Sources.zst":                              packed(t, "zst", sources),
			"main/Contents-amd64.gz":                               "contents",
			"main/Contents-udeb-amd64.gz":                          "udeb contents",
			"main/Contents-source.gz":                              "source contents",
			"main/Contents-arm64.gz":                               "arm contents",
			"main/Contents-hurd-amd64.gz":                          "hurd contents",
			"main/i18n/Translation-en.bz2":                         "translation",
			"main/dep11/Components-amd64.yml.gz":                   "components",
			"main/dep11/Components-arm64.yml.gz":                   "arm components",
			"main/dep11/icons-64x64.tar.gz":                        "icons",
			"main/cnf/Commands-amd64.xz":                           "commands",
			"main/installer-amd64/20230607/images/SHA256SUMS":      "sums",
			"main/installer-arm64/20230607/images/SHA256SUMS":      "arm sums",
			"contrib/binary-amd64/Packages.gz":                     packed(t, "gz", deb("pool/contrib/c_1_amd64.deb", "c")),
			"contrib/Contents-amd64.gz":                            "contrib contents",
			"Contents-amd64.gz":                                    "old contents",
			"main/binary-amd64/by-hash-is-no-directory/Packages.x": "odd",
		},
		listed: map[string]string{
			"main/binary-amd64/Packages": amd64, "main/source/Sources": sources, "main/Contents-amd64": "plain contents",
			"main/i18n/Translation-de.bz2": "german",
		},
	}
	r.put(map[string]string{"dists/stable/main/binary-amd64/Packages.diff/p1.gz": "patch"})
	return r, s
}

func TestDebReadTakesTheState(t *testing.T) {
	t.Parallel()
	r, s := wholeRepo(t)
	r.publish(s)
	remote := r.remote()
	remote.Components, remote.Architectures = []string{"main", "main/debian-installer"}, []string{"amd64", "source"}
	c := reposync.New(quick(nil))
	got, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{layout.KeyringPath, "pool/main/a/a_1_amd64.deb", "pool/main/a/all_1_all.deb", "pool/main/d/d_1_amd64.udeb", "pool/main/s/src_1.dsc", "pool/main/s/src_1.tar.xz",
		"dists/stable/InRelease", "dists/stable/Release", "dists/stable/Release.gpg", "dists/stable/main/binary-amd64/Packages.diff/p1.gz"}
	var hashed []string
	for p := range s.have {
		if strings.Contains(p, "contrib") || strings.Contains(p, "arm64") || strings.Contains(p, "hurd") {
			continue
		}
		want = append(want, "dists/stable/"+p)
		hashed = append(hashed, "dists/stable/"+p)
	}
	slices.Sort(want)
	var paths, byHash []string
	for _, f := range got.Files {
		if strings.Contains(f.Path, "/by-hash/") {
			byHash = append(byHash, f.Path)
		} else {
			paths = append(paths, f.Path)
		}
	}
	if d := gocmp.Diff(want, paths); d != "" {
		t.Errorf("paths: want -, got +\n%s", d)
	}
	if len(byHash) != 2*len(hashed) {
		t.Errorf("%d files by hash for %d indexes with two digests", len(byHash), len(hashed))
	}
	wantBodies := []string{"InRelease", "Release", "Release.gpg", "main/binary-all/Packages.gz", "main/binary-amd64/Packages.diff/Index", "main/binary-amd64/Packages.gz",
		"main/debian-installer/binary-amd64/Packages.xz", "main/source/Sources.zst"}
	for i := range wantBodies {
		wantBodies[i] = "dists/stable/" + wantBodies[i]
	}
	wantBodies = slices.Insert(wantBodies, 0, layout.KeyringPath)
	if d := gocmp.Diff(wantBodies, slices.Sorted(maps.Keys(got.Bodies))); d != "" {
		t.Errorf("bodies: want -, got +\n%s", d)
	}
	holdsContent(t, c, r, remote, got)
	releases := []layout.Release{{Suite: "stable", Origin: "Test", Date: "20250318T120000Z", ValidUntil: "20250325T120000Z"}}
	if d := gocmp.Diff(releases, got.Remote.Releases); d != "" {
		t.Errorf("releases: want -, got +\n%s", d)
	}
}

// TestDebSelects wants the packages that are wanted, and no others.
func TestDebSelects(t *testing.T) {
	t.Parallel()
	r, s := wholeRepo(t)
	r.publish(s)
	s.dir, s.fields = "dists/no-all/", strings.Replace(s.fields, " all ", " ", 1)
	s.have["main/binary-all/Packages.gz"] = packed(t, "gz", deb("pool/nobody-asks.deb", "x"))
	r.publish(s)
	for name, test := range map[string]struct {
		components, architectures []string
		want                      string
	}{
		"no all":            {[]string{"main"}, []string{"amd64"}, "main/a/a_1_amd64.deb main/a/all_1_all.deb"},
		"no all, but asked": {[]string{"main"}, []string{"all"}, "nobody-asks.deb"},
		"one":               {[]string{"main"}, []string{"amd64"}, "main/a/a_1_amd64.deb main/a/all_1_all.deb"},
		"the installer's":   {[]string{"main/debian-installer"}, []string{"amd64"}, "main/d/d_1_amd64.udeb"},
		"sources":           {[]string{"main"}, []string{"source"}, "main/s/src_1.dsc main/s/src_1.tar.xz"},
		"another":           {[]string{"main"}, []string{"arm64"}, "main/a/all_1_all.deb main/a/arm_1_arm64.deb"},
		"another component": {[]string{"contrib"}, []string{"amd64"}, "contrib/c_1_amd64.deb"},
		"two": {[]string{"contrib", "main"}, []string{"amd64", "arm64"},
			"contrib/c_1_amd64.deb main/a/a_1_amd64.deb main/a/all_1_all.deb main/a/arm_1_arm64.deb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remote := r.remote()
			remote.Components, remote.Architectures = test.components, test.architectures
			if strings.HasPrefix(name, "no all") {
				remote.Suites = []string{"no-all"}
			}
			got, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			var pool []string
			for _, f := range got.Files {
				if p, ok := strings.CutPrefix(f.Path, "pool/"); ok {
					pool = append(pool, p)
				}
			}
			if paths := strings.Join(pool, " "); paths != test.want {
				t.Errorf("got %s, want %s", paths, test.want)
			}
		})
	}
}

// holdsContent fetches what is not in memory, and wants all to be what the
// server has, under each of its names.
func holdsContent(t *testing.T, c *reposync.Client, r *debRepo, remote reposync.Remote, got *reposync.State) {
	t.Helper()
	byDigest := map[layout.Digest]string{}
	var rest []layout.File
	for _, f := range got.Files {
		body, ok := got.Bodies[f.Path]
		if !ok && !strings.Contains(f.Path, "/by-hash/") {
			rest = append(rest, f)
		}
		if ok && layout.DigestOf(body) != f.SHA256 {
			t.Errorf("%s: its body is another", f.Path)
		}
		if ok {
			byDigest[f.SHA256] = string(body)
		}
	}
	st := newStore()
	if err := c.Fetch(t.Context(), remote, layout.Files(rest), st.sink); err != nil {
		t.Fatal(err)
	}
	for p, body := range st.objects {
		if body != r.files[p] {
			t.Errorf("%s: got %q, want %q", p, body, r.files[p])
		}
		byDigest[layout.DigestOf([]byte(body))] = body
	}
	for _, f := range got.Files {
		if body, ok := r.files[f.Path]; ok && byDigest[f.SHA256] != body {
			t.Errorf("%s: got %q, want %q", f.Path, byDigest[f.SHA256], body)
		}
	}
}

func TestDebSuites(t *testing.T) {
	t.Parallel()
	const body = "package"
	for name, test := range map[string]struct {
		suite, dir, fields, index, filename, path string
		flat                                      bool
	}{
		"a suite":            {"stable", "dists/stable/", "Components: main\nArchitectures: amd64\n", "main/binary-amd64/Packages", "pool/a_1.deb", "pool/a_1.deb", false},
		"one of security":    {"stable-security", "dists/stable-security/", "Components: updates/main\nArchitectures: amd64\n", "main/binary-amd64/Packages", "pool/updates/a_1.deb", "pool/updates/a_1.deb", false},
		"one with a slash":   {"stable/updates", "dists/stable/updates/", "Components: main\nArchitectures: amd64\n", "main/binary-amd64/Packages", "pool/a_1.deb", "pool/a_1.deb", false},
		"flat, as ./":        {"./", "", "", "Packages", "./a_1.deb", "a_1.deb", true},
		"flat, as /":         {"/", "", "", "Packages", "a_1.deb", "a_1.deb", true},
		"flat, below":        {"deep/er/", "deep/er/", "", "Packages", "./deep/er/a_1.deb", "deep/er/a_1.deb", true},
		"flat, two slashes":  {"./", "", "", "Packages", ".//a_1.deb", "a_1.deb", true},
		"escaped in its URL": {"./", "", "", "Packages", "a+b~1:2%_1.deb", "a+b~1:2%_1.deb", true},
	} {
		for _, form := range []string{"gz", "xz", "zst", ""} {
			t.Run(name+" "+form, func(t *testing.T) {
				t.Parallel()
				r := newDebRepo(t).put(map[string]string{test.path: body})
				index := test.index + strings.TrimRight("."+form, ".")
				s := debSuite{dir: cmp.Or(test.dir, "./"), fields: test.fields, have: map[string]string{index: packed(t, form, deb(test.filename, body))}}
				if test.dir == "" {
					s.dir = "./"
				}
				r.publish(s)
				for p, b := range maps.Clone(r.files) {
					r.set(path.Clean(p), b)
				}
				remote := r.remote()
				remote.Suites = []string{test.suite}
				if test.flat {
					remote.Components, remote.Architectures = nil, nil
				}
				c := reposync.New(quick(nil))
				got, err := c.Read(t.Context(), remote, layout.Remote{})
				if err != nil {
					t.Fatal(err)
				}
				var paths []string
				for _, f := range got.Files {
					paths = append(paths, f.Path)
				}
				want := []string{layout.KeyringPath, test.dir + "InRelease", test.dir + "Release", test.dir + "Release.gpg", test.dir + index, test.path}
				slices.Sort(want)
				if d := gocmp.Diff(want, paths); d != "" {
					t.Errorf("want -, got +\n%s", d)
				}
				holdsContent(t, c, r, remote, got)
			})
		}
	}
}

func TestDebNothingChanged(t *testing.T) {
	t.Parallel()
	for name, noETag := range map[string]bool{"by entity tag": false, "by fingerprint": true} {
		for _, only := range [][]string{nil, {"InRelease"}, {"Release", "Release.gpg"}} {
			t.Run(name+" "+strings.Join(only, ","), func(t *testing.T) {
				t.Parallel()
				r, s := small(t)
				r.noETag, s.only = noETag, only
				r.publish(s)
				s.dir = "dists/updates/"
				r.publish(s)
				remote := r.remote()
				remote.Suites = []string{"updates", "stable"}
				c := reposync.New(quick(nil))
				st, err := c.Read(t.Context(), remote, layout.Remote{})
				if err != nil {
					t.Fatal(err)
				}
				before, want := len(r.seen()), 2
				if len(only) == 2 {
					want = 4
				}
				if _, err := c.Read(t.Context(), remote, st.Remote); !errors.Is(err, reposync.ErrNotModified) {
					t.Errorf("got %v, want ErrNotModified", err)
				}
				if asked := len(r.seen()) - before; asked != want {
					t.Errorf("%d requests for two suites, want %d", asked, want)
				}
				if moved, err := c.Moved(t.Context(), remote, st); moved || err != nil {
					t.Errorf("got %v, %v; nothing moved", moved, err)
				}
				s.fields += "Label: new\n"
				r.publish(s)
				if moved, err := c.Moved(t.Context(), remote, st); !moved || err != nil {
					t.Errorf("got %v, %v; one suite moved", moved, err)
				}
				if got, err := c.Read(t.Context(), remote, st.Remote); err != nil || slices.Equal(got.Files, st.Files) {
					t.Errorf("got %v, want the new state", err)
				}
				other := remote
				other.Keyring = keyring(t, true, r.key, newKey(t, 0))
				if _, err := c.Read(t.Context(), other, st.Remote); err != nil {
					t.Errorf("got %v: with other keys the metadata is read again", err)
				}
			})
		}
	}
}
