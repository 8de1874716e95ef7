package reposync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	const good = "https://host.example/repo/PULP_MANIFEST"
	type remote = reposync.Remote
	for name, test := range map[string]struct {
		remote remote
		want   string // none: valid
	}{
		"https":                   {remote{Type: "file", URL: good, Mode: "additive", Parallel: 4}, ""},
		"a query":                 {remote{Type: "file", URL: good + "?sig=a"}, ""},
		"user in the URL":         {remote{Type: "file", URL: "https://u:planted@host.example/PULP_MANIFEST"}, ""},
		"an absolute file":        {remote{Type: "file", URL: "file:///srv/repo/PULP_MANIFEST"}, ""},
		"a relative file":         {remote{Type: "file", URL: "file:repo/PULP_MANIFEST"}, ""},
		"another type":            {remote{Type: "ftp", URL: good}, `remote type "ftp": write one of deb, file`},
		"another mode":            {remote{Type: "file", URL: good, Mode: "copy"}, `remote mode "copy": write "mirror" or "additive"`},
		"no URL":                  {remote{Type: "file"}, `remote URL: write http://`},
		"no scheme":               {remote{Type: "file", URL: "u:planted@host.example/PULP_MANIFEST"}, `remote URL: write http://`},
		"another scheme":          {remote{Type: "file", URL: "ftp://u:planted@host.example/PULP_MANIFEST"}, `remote URL: write http://`},
		"no URL at all":           {remote{Type: "file", URL: "https://u:planted%@host.example/"}, `remote URL: is not a URL; are special characters`},
		"a directory":             {remote{Type: "file", URL: "https://u:planted@host.example/repo/?planted"}, `remote URL https://host.example/repo/: does not end in the manifest's name`},
		"a local directory":       {remote{Type: "file", URL: "file:///srv/repo/"}, `does not end in the manifest's name`},
		"a name that climbs":      {remote{Type: "file", URL: "https://host.example/repo/.."}, `the manifest's name: path "..": has a ".." segment`},
		"a slash in the name":     {remote{Type: "file", URL: "https://host.example/a%2Fb"}, `does not end in the manifest's name`},
		"a fragment":              {remote{Type: "file", URL: good + "#planted"}, `has a fragment; write # as %23`},
		"a file on a host":        {remote{Type: "file", URL: "file://srv/repo/PULP_MANIFEST"}, `names a host; write file:///path or file:path`},
		"a file with a query":     {remote{Type: "file", URL: "file:repo/PULP_MANIFEST?planted"}, `a file has no user and no query`},
		"a key alone":             {remote{Type: "file", URL: good, ClientKey: "k"}, `a client certificate and its key go together`},
		"users twice":             {remote{Type: "file", URL: "https://u:planted@host.example/PULP_MANIFEST", Username: "v"}, `write them once`},
		"too many at once":        {remote{Type: "file", URL: good, Parallel: 1001}, `remote parallel 1001: write 1 to 1000`},
		"a header that is none":   {remote{Type: "file", URL: good, Headers: map[string]string{"X Y": "planted"}}, `remote header "X Y": is not a header's name`},
		"a header that splits":    {remote{Type: "file", URL: good, Headers: map[string]string{"X": "planted\r\nY: z"}}, `remote header "X": its value has a character`},
		"a header of datestone's": {remote{Type: "file", URL: good, Headers: map[string]string{"range": "planted"}}, `remote header "range": is datestone's to set`},
		"a header against a user": {remote{Type: "file", URL: good, Username: "u", Headers: map[string]string{"authorization": "planted"}}, `remote header "Authorization": there are a user and password too`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.remote.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "planted") {
				t.Errorf("shows a secret: %v", err)
			}
		})
	}
}

func TestConfigDigest(t *testing.T) {
	t.Parallel()
	base := reposync.Remote{Type: "file", URL: "https://u:p@host.example/PULP_MANIFEST?sig=1", Headers: map[string]string{"X-Token": "a"}}
	for name, test := range map[string]struct {
		change func(*reposync.Remote)
		same   bool
	}{
		"the default mode, written":  {func(r *reposync.Remote) { r.Mode = "mirror" }, true},
		"secrets of the URL":         {func(r *reposync.Remote) { r.URL = "https://v:q@host.example/PULP_MANIFEST?sig=2" }, true},
		"a header's value":           {func(r *reposync.Remote) { r.Headers = map[string]string{"x-token": "b"} }, true},
		"password and parallel":      {func(r *reposync.Remote) { r.Password, r.Parallel = "q", 3 }, true},
		"another host":               {func(r *reposync.Remote) { r.URL = "https://other.example/PULP_MANIFEST?sig=1" }, false},
		"another mode":               {func(r *reposync.Remote) { r.Mode = "additive" }, false},
		"another header":             {func(r *reposync.Remote) { r.Headers = map[string]string{"X-Other": "a"} }, false},
		"another parameter":          {func(r *reposync.Remote) { r.URL = "https://host.example/PULP_MANIFEST?key=1" }, false},
		"another client certificate": {func(r *reposync.Remote) { r.ClientCertificate = "c.pem" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := base
			test.change(&r)
			if got := r.ConfigDigest() == base.ConfigDigest(); got != test.same {
				t.Errorf("same digest: %v, want %v", got, test.same)
			}
		})
	}
}

func ExampleRemote_String() {
	r := reposync.Remote{Type: "file", URL: "https://reader:secret@host.example/repo/PULP_MANIFEST?sig=secret", Password: "secret"}
	fmt.Printf("%v %+v %#v\n", r, r, r)
	// Output: https://host.example/repo/PULP_MANIFEST https://host.example/repo/PULP_MANIFEST https://host.example/repo/PULP_MANIFEST
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	echo := func(w http.ResponseWriter, r *http.Request) { // shows all it was sent in what ends up in errors
		switch r.URL.Path {
		case "/redirect/PULP_MANIFEST":
			w.Header().Set("Location", "http://[bad/"+r.URL.RawQuery+r.Header.Get("X-Token"))
			w.WriteHeader(http.StatusFound)
		case "/line/PULP_MANIFEST":
			fmt.Fprintln(w, r.URL.RawQuery+r.Header.Get("X-Token")+",b,c")
		case "/range/a":
			w.Header().Set("Content-Encoding", r.URL.RawQuery+r.Header.Get("X-Token"))
		case "/refused/PULP_MANIFEST", "/refused/a":
			http.Error(w, "no", http.StatusUnauthorized)
		default:
			http.Error(w, "trouble", http.StatusInternalServerError)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(s.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, url := range map[string]string{
		"trouble": s.URL + "/x/", "redirect": s.URL + "/redirect/", "line": s.URL + "/line/", "range": s.URL + "/range/",
		"refused": s.URL + "/refused/", "no server": closed.URL + "/x/", "no host": "http://host.invalid/",
	} {
		for _, inURL := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " in URL ", inURL), func(t *testing.T) {
				t.Parallel()
				var log bytes.Buffer
				r := secretive(reposync.Remote{Type: "file", URL: url + "PULP_MANIFEST"})
				if inURL {
					r.Username, r.Password = "", ""
					r.URL = strings.Replace(r.URL, "http://", "http://user-planted:p%40ss-planted@", 1)
				}
				config := quick(&log)
				config.Patience = 2 * time.Second
				c := reposync.New(config)
				_, readErr := c.Read(t.Context(), r, layout.Remote{})
				_, movedErr := c.Moved(t.Context(), r, &reposync.State{})
				fetchErr := c.Fetch(t.Context(), r, layout.Files([]layout.File{file("a", "a")}), newStore().sink)
				if readErr == nil || movedErr == nil && name != "line" || fetchErr == nil {
					t.Fatal(readErr, movedErr, fetchErr)
				}
				config.Log.Info("remote", "remote", r)
				slog.New(slog.NewJSONHandler(&log, nil)).Info("remote", "remote", r)
				shown := fmt.Sprint(readErr, movedErr, fetchErr, log.String())
				if strings.Contains(shown, "planted") || strings.Contains(shown, "Basic ") {
					t.Errorf("shows a secret:\n%s", shown)
				}
				if !strings.Contains(log.String(), "PULP_MANIFEST") {
					t.Errorf("the log shows nothing at all: %q", log.String())
				}
			})
		}
	}
}
