package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"datestone/layout"
)

// A secretRemote is a server that gives what it has to those who know all
// secrets, and tells its own to anybody.
type secretRemote struct {
	*httptest.Server
	dir string // has the client's certificate and key, and the server's
}

func newSecretRemote(t *testing.T) *secretRemote {
	t.Helper()
	r := &secretRemote{dir: t.TempDir()}
	r.Server = httptest.NewUnstartedServer(r)
	r.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that the tests break
	r.StartTLS()
	t.Cleanup(r.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "reader"}, NotAfter: time.Now().Add(time.Hour)}
	body, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	for name, block := range map[string]*pem.Block{
		"client.pem": {Type: "CERTIFICATE", Bytes: body},
		"client.key": {Type: "PRIVATE KEY", Bytes: secret},
		"ca.pem":     {Type: "CERTIFICATE", Bytes: r.Certificate().Raw},
	} {
		must(t, os.WriteFile(filepath.Join(r.dir, name), pem.EncodeToMemory(block), 0o600))
	}
	signer, err := openpgp.NewEntity("Archive", "", "archive@example.org", nil)
	must(t, err)
	var keys bytes.Buffer
	must(t, signer.Serialize(&keys))
	must(t, os.WriteFile(filepath.Join(r.dir, "keys.gpg"), keys.Bytes(), 0o600))
	return r
}

// config is a configuration that has all secrets.
func (r *secretRemote) config(bucket string, c secretCase) string {
	kind, field := "rpm", c.kind
	switch c.kind {
	case "url":
		kind = "file"
	case "deb":
		kind, field = "deb, suites: [stable], components: [main], architectures: [amd64], keyring: "+filepath.ToSlash(r.dir)+"/keys.gpg", "url"
	}
	return fmt.Sprintf(`
bucket: %q
public_url: https://snapshots.example.org/
metrics: run.prom
repositories:
  - name: m
    base_path: m
    keep: {last: 1}
    remote: {type: %s, %s: "%s%s?token=%s", username: %s, password: %s, headers: {X-Token: "Bearer %s"},
      client_certificate: %[10]s/client.pem, client_key: %[10]s/client.key, ca: %[10]s/ca.pem}
redirects: {targets: [json, nginx], out: redirects}
`, bucket, kind, field, r.URL, c.path, secretToken, secretUser, secretPassword, secretHeader, filepath.ToSlash(r.dir))[1:]
}

// theirs is a URL at this host, or the one given, that gives away a password
// and a token.
func (r *secretRemote) theirs(base, path string) string {
	return strings.Replace(base, "://", "://someone:"+secretTheirs+"@", 1) + path + "?sig=" + secretTheirsToken
}

func (r *secretRemote) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	_, rest, _ := strings.Cut(q.URL.Path[1:], "/")
	_, password, _ := q.BasicAuth()
	sent := password + "," + q.Header.Get("X-Token") + "," + q.URL.RawQuery
	const dead = "http://127.0.0.1:1"
	switch dir := q.URL.Path[:len(q.URL.Path)-len(rest)]; dir {
	case "/good/":
		if password != secretPassword || q.URL.Query().Get("token") != secretToken || q.Header.Get("X-Token") != "Bearer "+secretHeader {
			http.Error(w, "who are you? "+sent, http.StatusForbidden)
		} else if rest == "moved" {
			http.Redirect(w, q, r.URL+"/moved/moved?sig="+secretTheirsToken, http.StatusFound)
		} else {
			secretFiles.serve(w, withPath(q, rest))
		}
	case "/bearer/":
		if sent = q.Header.Get("Authorization") + "," + q.Header.Get("Cookie"); sent != "Bearer "+secretHeader+",a="+secretPassword || rest == "denied" {
			http.Error(w, "who are you? "+sent+","+q.URL.RawQuery, http.StatusForbidden)
		} else {
			secretFiles.serve(w, withPath(q, rest))
		}
	case "/moved/":
		secretFiles.serve(w, withPath(q, rest))
	case "/missing/":
		content{"PULP_MANIFEST": "gone.iso," + layout.DigestOf(nil).String() + ",7\n"}.plain(w, q, rest)
	case "/wrong/":
		content{"PULP_MANIFEST": "a," + layout.DigestOf(nil).String() + ",7\n", "a": "another"}.plain(w, q, rest)
	case "/denied/":
		w.Header().Set("WWW-Authenticate", `Basic realm="`+sent+`"`)
		http.Error(w, sent, http.StatusUnauthorized)
	case "/echo/":
		fmt.Fprintf(w, "%s\n%s\n", sent, secretTheirs)
	case "/names/":
		fmt.Fprintf(w, "../%s/%s,%s,7\n", password, q.URL.RawQuery, layout.DigestOf(nil))
	case "/away/":
		http.Redirect(w, q, r.theirs(dead, q.URL.Path), http.StatusFound)
	case "/loop/":
		http.Redirect(w, q, r.theirs(r.URL, "/loop/PULP_MANIFEST")+"&again="+secretToken, http.StatusFound)
	case "/nowhere/":
		w.Header().Set("Location", r.theirs("https://no such host", "/%zz"))
		w.WriteHeader(http.StatusFound)
	case "/reset/":
		panic(http.ErrAbortHandler)
	case "/mirrors/":
		content{
			"good": r.theirs(dead, "/") + "\n" + r.URL + "/rpm/?sig=" + secretTheirsToken + "\n" + r.URL + "/rpm/\n",
			"dead": r.theirs(dead, "/") + "\n" + r.theirs(strings.Replace(dead, "http:", "https:", 1), "/a/") + "\n",
			"none": r.theirs("https://no such host", "/%zz") + "\nftp://a:" + secretTheirs + "@b/\n",
		}.plain(w, q, rest)
	case "/metalinks/":
		content{"good": metalinkTo(r.URL + "/rpm/repodata/repomd.xml"), "dead": metalinkTo(r.theirs(dead, "/repodata/repomd.xml"))}.plain(w, q, rest)
	case "/rpm/":
		rpmOfNothing().plain(w, q, rest)
	default:
		http.NotFound(w, q)
	}
}

var secretFiles = content{"plain": "plain", "moved": "from elsewhere"}

// plain answers with what there is, and no manifest.
func (c content) plain(w http.ResponseWriter, q *http.Request, path string) {
	body, ok := c[path]
	if !ok {
		http.NotFound(w, q)
		return
	}
	http.ServeContent(w, q, "", time.Time{}, strings.NewReader(body))
}

// withPath is the request for another path.
func withPath(q *http.Request, path string) *http.Request {
	q = q.Clone(q.Context())
	q.URL = &url.URL{Path: "/" + path}
	return q
}

// rpmOfNothing is a repository without packages.
func rpmOfNothing() content {
	primary := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<metadata xmlns="http://linux.duke.edu/metadata/common" packages="0"></metadata>` + "\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>
<data type="primary"><checksum type="sha256">%s</checksum><location href="repodata/primary.xml"/><size>%d</size></data></repomd>
`, layout.DigestOf([]byte(primary)), len(primary))
	return content{"repodata/repomd.xml": b.String(), "repodata/primary.xml": primary}
}

func metalinkTo(u string) string {
	repomd := rpmOfNothing()["repodata/repomd.xml"]
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="repomd.xml"><size>%d</size>
<verification><hash type="sha256">%s</hash></verification>
<resources><url protocol="https" type="https" preference="100">%s</url></resources></file></files></metalink>
`, len(repomd), layout.DigestOf([]byte(repomd)), strings.ReplaceAll(u, "&", "&amp;"))
}
