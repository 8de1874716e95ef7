package reposync_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// away answers like s, from another host: a redirect's destination.
func away(t *testing.T, s *server) (*httptest.Server, *[]*http.Request) {
	t.Helper()
	var seen []*http.Request
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		if back := r.URL.Query().Get("back"); back != "" {
			http.Redirect(w, r, back, http.StatusFound)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(other.Close)
	return other, &seen
}

func secretive(r reposync.Remote) reposync.Remote {
	r.Username, r.Password = "reader", "pass-planted"
	r.Headers = map[string]string{"X-Token": "token-planted"}
	r.URL += "?sig=query-planted"
	return r
}

func hasSecrets(h http.Header) bool {
	var b bytes.Buffer
	h.Write(&b)
	return h.Get("Authorization") != "" || strings.Contains(b.String(), "planted")
}

func TestRedirectToAnotherHostTakesNoSecretsAlong(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string]string{"PULP_MANIFEST": line("a", "a")})
	other, seen := away(t, s)
	first := newServer(t, nil)
	var firstSeen []*http.Request
	first.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		firstSeen = append(firstSeen, r)
		to := other.URL + "/repo/PULP_MANIFEST"
		if r.URL.Path != "/home" {
			to = other.URL + "/?back=" + first.URL + "/home" // away, home, away again
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	if _, err := reposync.New(quick(nil)).Read(t.Context(), secretive(first.remote()), layout.Remote{}); err != nil {
		t.Fatal(err)
	}
	if len(firstSeen) != 2 || len(*seen) != 2 {
		t.Fatalf("%d requests at home, %d away, want 2 and 2", len(firstSeen), len(*seen))
	}
	if h := firstSeen[0].Header; h.Get("X-Token") != "token-planted" || h.Get("Authorization") == "" {
		t.Errorf("the first request has %v, want its credentials", h)
	}
	for _, r := range append(*seen, firstSeen[1]) {
		if hasSecrets(r.Header) || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s was sent %v", r.Host, r.Header)
		}
	}
}

func TestRedirectOnTheSameHostKeepsHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t, map[string]string{})
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/repo/PULP_MANIFEST":
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
		case r.Header.Get("X-Token") == "" || r.Header.Get("Authorization") == "":
			http.Error(w, "who are you?", http.StatusForbidden)
		}
	})
	if _, err := reposync.New(quick(nil)).Read(t.Context(), secretive(s.remote()), layout.Remote{}); err != nil {
		t.Error(err)
	}
}

func TestRedirectRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ to, want string }{
		"from https to http":    {"http://elsewhere.example/x?sig=planted", "redirect to http://elsewhere.example/x: from https to http"},
		"to a cloud's metadata": {"https://169.254.169.254/latest/", "redirect to https://169.254.169.254/latest/: a link-local address"},
		"to another protocol":   {"ftp://host.example/x", "redirect to ftp://host.example/x: not http or https"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, test.to, http.StatusFound)
			}))
			defer s.Close()
			r := reposync.Remote{Type: "file", URL: s.URL + "/PULP_MANIFEST", CA: writePEM(t, s)}
			_, err := reposync.New(quick(nil)).Read(t.Context(), r, layout.Remote{})
			if err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
