package reposync_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// writePEM writes the server's certificate to a file, for a remote's CA.
func writePEM(t *testing.T, s *httptest.Server) string {
	t.Helper()
	return writeBlock(t, "CERTIFICATE", s.Certificate().Raw)
}

func writeBlock(t *testing.T, kind string, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadOverTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := writePEM(t, s)
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keyFile := writeBlock(t, "PRIVATE KEY", key)
	for name, test := range map[string]struct{ ca, cert, key, want string }{
		"a client that shows who it is":  {ca: ca, cert: ca, key: keyFile},
		"a client without certificate":   {ca: ca, want: "certificate required"},
		"a server that no CA knows":      {cert: ca, key: keyFile, want: "certificate signed by unknown authority"},
		"a CA file that is missing":      {ca: "missing.pem", want: "CA: open missing.pem"},
		"a CA file without certificates": {ca: keyFile, want: "has no certificate in PEM form"},
		"a key that is missing":          {cert: ca, key: "missing.pem", want: "missing.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reposync.Remote{Type: "file", URL: s.URL + "/PULP_MANIFEST", CA: test.ca, ClientCertificate: test.cert, ClientKey: test.key}
			_, err := reposync.New(quick(nil)).Read(t.Context(), r, layout.Remote{})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "times") {
				t.Errorf("tried again in vain: %v", err)
			}
		})
	}
}
