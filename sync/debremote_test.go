package reposync_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestDebConfigDigest(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, 0), newKey(t, 0)
	base := reposync.Remote{Type: "deb", URL: "https://host.example/debian", Suites: []string{"a", "b"}, Components: []string{"main", "contrib"},
		Architectures: []string{"amd64", "source"}, Keyring: keyring(t, false, key)}
	for name, test := range map[string]struct {
		change func(*reposync.Remote)
		same   bool
	}{
		"a slash at the end of the URL": {func(r *reposync.Remote) { r.URL += "/" }, true},
		"the order of names":            {func(r *reposync.Remote) { r.Suites = []string{"b", "a"} }, true},
		"the same keys elsewhere":       {func(r *reposync.Remote) { r.Keyring = keyring(t, false, key) }, true},
		"other keys":                    {func(r *reposync.Remote) { r.Keyring = keyring(t, false, other) }, false},
		"no keys":                       {func(r *reposync.Remote) { r.Keyring = filepath.Join(t.TempDir(), "none") }, false},
		"another suite":                 {func(r *reposync.Remote) { r.Suites = []string{"a", "c"} }, false},
		"a component fewer":             {func(r *reposync.Remote) { r.Components = r.Components[:1] }, false},
		"another architecture":          {func(r *reposync.Remote) { r.Architectures = []string{"arm64", "source"} }, false},
		"expired keys allowed":          {func(r *reposync.Remote) { r.AllowExpiredKeys = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := base
			r.Suites, r.Components = slices.Clone(r.Suites), slices.Clone(r.Components)
			test.change(&r)
			if got := r.ConfigDigest() == base.ConfigDigest(); got != test.same {
				t.Errorf("same digest: %v, want %v", got, test.same)
			}
		})
	}
}

// Logs have the digests of "file" remotes already: they must stay.
func TestConfigDigestOfFileStays(t *testing.T) {
	t.Parallel()
	r := reposync.Remote{Type: "file", URL: "https://host.example/PULP_MANIFEST"}
	want := layout.DigestOf([]byte(`{"Type":"file","URL":"https://host.example/PULP_MANIFEST","Mode":"mirror","Query":null,"Headers":null,"ClientCertificate":"","CA":""}`))
	if got := r.ConfigDigest(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDebValidate(t *testing.T) {
	t.Parallel()
	good := reposync.Remote{Type: "deb", URL: "https://host.example/debian", Suites: []string{"stable", "stable/updates", "./"}, Components: []string{"main"},
		Architectures: []string{"amd64"}, Keyring: "keys"}
	for name, test := range map[string]struct {
		change func(*reposync.Remote)
		want   string
	}{
		"right":                 {func(*reposync.Remote) {}, ""},
		"flat alone":            {func(r *reposync.Remote) { r.Suites, r.Components, r.Architectures = []string{"a/b/"}, nil, nil }, ""},
		"no suites":             {func(r *reposync.Remote) { r.Suites = nil }, "needs suites"},
		"no keyring":            {func(r *reposync.Remote) { r.Keyring = "" }, "needs a keyring"},
		"no components":         {func(r *reposync.Remote) { r.Components = nil }, "needs components"},
		"no architectures":      {func(r *reposync.Remote) { r.Architectures = nil }, `needs architectures; "source" is one of them`},
		"an empty suite":        {func(r *reposync.Remote) { r.Suites = []string{""} }, `suite "": path "": is empty`},
		"an absolute suite":     {func(r *reposync.Remote) { r.Suites = []string{"/stable"} }, `suite "/stable": path "/stable": is absolute`},
		"a flat one that is":    {func(r *reposync.Remote) { r.Suites = []string{"/stable/"} }, `suite "/stable/": path "/stable": is absolute`},
		"a suite that climbs":   {func(r *reposync.Remote) { r.Suites = []string{"a/../../b"} }, `has a ".." segment`},
		"a flat one that does":  {func(r *reposync.Remote) { r.Suites = []string{"../"} }, `has a ".." segment`},
		"one suite twice":       {func(r *reposync.Remote) { r.Suites = []string{"./", "stable", "stable"} }, `suite "stable": is there twice`},
		"two names of one":      {func(r *reposync.Remote) { r.Suites = []string{"stable", "dists/stable/"} }, `suite "dists/stable/": is there twice`},
		"one component twice":   {func(r *reposync.Remote) { r.Components = []string{"main", "main"} }, `component "main": is there twice`},
		"a component that is":   {func(r *reposync.Remote) { r.Components = []string{"../main"} }, `component "../main": is no name of one`},
		"a slash in an arch":    {func(r *reposync.Remote) { r.Architectures = []string{"amd64/x"} }, `architecture "amd64/x": is no name of one`},
		"a space in an arch":    {func(r *reposync.Remote) { r.Architectures = []string{"amd64 source"} }, `architecture "amd64 source": is no name of one`},
		"a mode":                {func(r *reposync.Remote) { r.Mode = "additive" }, `remote mode "additive": is for the type "file" only`},
		"suites for a manifest": {func(r *reposync.Remote) { r.Type = "file" }, `are for the type "deb" only`},
		"components for flat":   {func(r *reposync.Remote) { r.Suites = []string{"./"} }, "suites that end in a slash are flat"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good
			test.change(&r)
			err := r.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
