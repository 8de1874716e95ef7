package reposync_test

import (
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestRPMValidate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		remote reposync.Remote
		want   string
	}{
		"a URL":                {reposync.Remote{URL: "https://host.example/os/"}, ""},
		"a directory":          {reposync.Remote{URL: "file:///srv/os"}, ""},
		"a keyring":            {reposync.Remote{URL: "https://host.example/os/", Keyring: "keys", AllowExpiredKeys: true}, ""},
		"a mirrorlist":         {reposync.Remote{Mirrorlist: "https://host.example/?repo=os&arch=x86_64"}, ""},
		"a metalink":           {reposync.Remote{Metalink: "https://host.example/metalink?repo=os"}, ""},
		"no place":             {reposync.Remote{}, "has one of url, mirrorlist and metalink"},
		"two places":           {reposync.Remote{URL: "https://host.example/", Mirrorlist: "https://host.example/list"}, "has one of url, mirrorlist and metalink"},
		"two lists":            {reposync.Remote{Metalink: "https://host.example/m", Mirrorlist: "https://host.example/list"}, "has one of url, mirrorlist and metalink"},
		"a list that is none":  {reposync.Remote{Mirrorlist: "ftp://host.example/list"}, "remote URL: write http://"},
		"keys of no keyring":   {reposync.Remote{URL: "https://host.example/os/", AllowExpiredKeys: true}, "allow_expired_keys needs a keyring"},
		"suites":               {reposync.Remote{URL: "https://host.example/os/", Suites: []string{"stable"}}, `are for the type "deb" only`},
		"a mode":               {reposync.Remote{URL: "https://host.example/os/", Mode: "additive"}, `is for the type "file" only`},
		"a list for manifests": {reposync.Remote{Type: "file", URL: "https://host.example/M", Metalink: "https://host.example/m"}, `are for the type "rpm" only`},
	} {
		if test.remote.Type == "" {
			test.remote.Type = "rpm"
		}
		if err := test.remote.Validate(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// Each thing that decides what is read makes another configuration.
func TestRPMConfigDigest(t *testing.T) {
	t.Parallel()
	key, other := keyring(t, false, newKey(t, 0)), keyring(t, false, newKey(t, 0))
	seen := map[layout.Digest]string{}
	for name, r := range map[string]reposync.Remote{
		"a URL":           {URL: "https://host.example/os"},
		"a mirrorlist":    {Mirrorlist: "https://host.example/os/list"},
		"a metalink":      {Metalink: "https://host.example/os/list"},
		"a keyring":       {URL: "https://host.example/os", Keyring: key},
		"another keyring": {URL: "https://host.example/os", Keyring: other},
		"expired keys":    {URL: "https://host.example/os", Keyring: key, AllowExpiredKeys: true},
	} {
		r.Type = "rpm"
		if same, ok := seen[r.ConfigDigest()]; ok {
			t.Errorf("%s has the configuration of %s", name, same)
		}
		seen[r.ConfigDigest()] = name
	}
}
