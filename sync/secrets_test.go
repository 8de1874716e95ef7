package reposync_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/sync"
)

// TestSecretsInRedirections lets a server lead to URLs that have its own
// secrets, or quote ours: no error has them.
func TestSecretsInRedirections(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"http://someone:passphrase@127.0.0.1:1/x?sig=signature",
		"http://someone:passphrase@no such host/%zz?sig=signature",
		"ftp://someone:passphrase@host/x?sig=signature",
		"http://host/our-token/%zz?sig=our-tok",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}))
		r := reposync.Remote{Type: "file", URL: server.URL + "/PULP_MANIFEST?t=our-token"}
		_, err := reposync.New(quick(nil)).Read(t.Context(), r, layout.Remote{})
		server.Close()
		if err == nil {
			t.Fatalf("%s: no error", location)
		}
		for _, secret := range []string{"passphrase", "signature", "our-tok"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %q is in %q", location, secret, err)
			}
		}
	}
}
