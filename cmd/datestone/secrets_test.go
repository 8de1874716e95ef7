package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"datestone/publish/storetest/servers"
)

// The secrets that are planted.
const (
	secretUser     = "reader-planted"
	secretPassword = "password-planted"
	secretHeader   = "header-planted"
	secretToken    = "token-planted"
	// What a server gives away, in redirections and lists of mirrors.
	secretTheirs      = "passphrase-8642"
	secretTheirsToken = "signature-7531"
	secretBucket      = "bucket-planted"
)

// secrets returns all that nobody may find, by what it is.
func (r *secretRemote) secrets() map[string]string {
	key, _ := os.ReadFile(filepath.Join(r.dir, "client.key"))
	lines := strings.Split(string(key), "\n")
	all := map[string]string{
		"user": secretUser, "password": secretPassword, "header": secretHeader, "token": secretToken,
		"password that a server names": secretTheirs, "token that a server names": secretTheirsToken,
		"password of the bucket": secretBucket, "client key": lines[1],
		"basic authentication": base64.StdEncoding.EncodeToString([]byte(secretUser + ":" + secretPassword)),
	}
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"} {
		if value := os.Getenv(name); value != "" {
			all[name] = value
		}
	}
	return all
}

// A secretCase is one remote, and how a run with it ends.
type secretCase struct {
	name string
	kind string // of remote: url (of a manifest), deb, or what leads to an rpm
	path string // at the server
	code int
	says string // in what is said
	slow bool   // it is tried again and again: for one kind of store is enough
}

var secretCases = []secretCase{
	{"all is well", "url", "/good/PULP_MANIFEST", exitDone, "published", false},
	{"a file is missing", "url", "/missing/PULP_MANIFEST", exitFailed, "gone.iso", false},
	{"a file is another", "url", "/wrong/PULP_MANIFEST", exitFailed, "SHA-256", false},
	{"denied, with what was sent in the answer", "url", "/denied/PULP_MANIFEST", exitFailed, "401", false},
	{"the manifest says what was sent", "url", "/echo/PULP_MANIFEST", exitFailed, "line 1", false},
	{"the manifest names files so", "url", "/names/PULP_MANIFEST", exitFailed, "line 1", false},
	{"redirected to where nobody is", "url", "/away/PULP_MANIFEST", exitFailed, "127.0.0.1:1", true},
	{"redirected for ever", "url", "/loop/PULP_MANIFEST", exitFailed, "redirect", false},
	{"redirected to what is no URL", "url", "/nowhere/PULP_MANIFEST", exitFailed, "PULP_MANIFEST", true},
	{"the connection breaks", "url", "/reset/PULP_MANIFEST", exitFailed, "PULP_MANIFEST", true},
	{"a mirror that is well", "mirrorlist", "/mirrors/good", exitDone, "published", true},
	{"mirrors that are dead", "mirrorlist", "/mirrors/dead", exitFailed, "no mirror", true},
	{"mirrors that are no URLs", "mirrorlist", "/mirrors/none", exitFailed, "mirror", false},
	{"a metalink's mirror that is well", "metalink", "/metalinks/good", exitDone, "published", false},
	{"metalinks that are dead", "metalink", "/metalinks/dead", exitFailed, "no mirror", true},
	{"a suite is denied, with what was sent in the answer", "deb", "/denied/debian", exitFailed, "401", false},
	{"a suite that says what was sent", "deb", "/echo/debian", exitFailed, "InRelease", false},
	{"a suite that is redirected to where nobody is", "deb", "/away/debian", exitFailed, "127.0.0.1:1", true},
	{"a metalink that is none", "metalink", "/echo/metalink", exitFailed, "metalink", false},
}

// TestSecretsNeverAppear plants secrets wherever there are any, lets runs end
// well and badly, and looks for them in all that datestone says and writes.
func TestSecretsNeverAppear(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1], {"minio on MinIO", schemeMinio, servers.MinIO}} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			remote := newSecretRemote(t)
			if kind.server != nil {
				t.Run("the bucket denies", func(t *testing.T) {
					t.Parallel()
					deniesQuietly(t, kind, remote)
				})
			}
			for _, c := range secretCases {
				if c.slow && kind.server != nil {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					s := newE2ESite(t, kind, nil, "", "/")
					must(t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(remote.config(s.bucketURL, c)), 0o600))
					s.keepsSecrets(remote, c)
				})
			}
		})
	}
}

// deniesQuietly runs with credentials that the bucket does not take.
func deniesQuietly(t *testing.T, kind e2eStore, remote *secretRemote) {
	t.Helper()
	s := newE2ESite(t, kind, nil, "", "/")
	must(t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(remote.config(s.bucketURL, secretCases[0])), 0o600))
	for _, env := range [][]string{
		{"AWS_SECRET_ACCESS_KEY=" + secretBucket},
		{"AWS_ACCESS_KEY_ID=" + secretBucket, "AWS_SECRET_ACCESS_KEY=" + secretPassword, "AWS_SESSION_TOKEN=" + secretToken},
	} {
		for _, command := range []string{"run", "status", "verify"} {
			code, out, said := s.exec(env, "--verbose", command)
			if code != exitFailed {
				t.Errorf("%s: exit code %d, want %d: %s", command, code, exitFailed, said)
			}
			remote.wantNone(t, map[string]string{command: out + said})
		}
	}
}

// keepsSecrets runs the case twice, and what reads afterwards.
func (s *e2eSite) keepsSecrets(remote *secretRemote, c secretCase) {
	s.t.Helper()
	var said strings.Builder
	for i, args := range [][]string{
		{"--verbose", "run"}, {"--verbose", "--log-format", "json", "run", "--json"}, {"--verbose", "sync"},
		{"status"}, {"status", "--json"}, {"list", "m"}, {"verify", "--deep"}, {"snippet", "m"}, {"--verbose", "prune", "--dry-run"},
	} {
		code, out, err := s.exec(nil, args...)
		fmt.Fprintf(&said, "%q: %d\n%s%s", args, code, out, err)
		if i == 0 && (code != c.code || !strings.Contains(out+err, c.says)) {
			s.t.Errorf("exit code %d, want %d and %q in: %s%s", code, c.code, c.says, out, err)
		}
	}
	places := map[string]string{"what was said": said.String()}
	for name, body := range s.written() {
		places[name] = body
	}
	for _, must := range []string{"bucket: status.json", "file: datestone.db", "file: run.prom"} {
		if places[must] == "" {
			s.t.Errorf("there is no %s to look into", must)
		}
	}
	remote.wantNone(s.t, places)
}

// wantNone looks for the secrets in all places.
func (r *secretRemote) wantNone(t *testing.T, places map[string]string) {
	t.Helper()
	for what, secret := range r.secrets() {
		for _, place := range sortedKeys(places) {
			if at := strings.Index(places[place], secret); at >= 0 {
				from, to := max(0, at-200), min(len(places[place]), at+100)
				t.Errorf("the %s is in %s: …%q…", what, place, places[place][from:to])
			}
		}
	}
}

// written returns all that datestone wrote into the bucket and beside the
// configuration, unpacked.
func (s *e2eSite) written() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	store := s.open()
	for info, err := range store.List(s.t.Context(), "") {
		must(s.t, err)
		all["bucket: "+info.Key] = unpacked(s.t, info.Key, e2eRead(s.t, store, info.Key))
	}
	files, err := readTree(s.dir)
	must(s.t, err)
	for name, body := range files {
		if name != "datestone.yaml" && !strings.HasPrefix(name, "site/") {
			all["file: "+name] = body
		}
	}
	return all
}

func unpacked(t *testing.T, key, body string) string {
	t.Helper()
	if !strings.HasSuffix(key, ".zst") {
		return body
	}
	z, err := zstd.NewReader(nil)
	must(t, err)
	defer z.Close()
	plain, err := z.DecodeAll([]byte(body), nil)
	must(t, err)
	return string(plain)
}

// TestSecretsInTheConfiguration makes mistakes beside secrets: what is said of
// them does not quote these.
func TestSecretsInTheConfiguration(t *testing.T) {
	t.Parallel()
	remote := newSecretRemote(t)
	const well = "bucket: file:site\npublic_url: https://host/\n"
	remoteOf := func(inside string) string {
		return well + "repositories:\n  - name: m\n    base_path: m\n    remote:\n      type: file\n      " + inside + "\n"
	}
	for name, text := range map[string]string{
		"YAML that is none":         remoteOf("url: https://host/M\n      password: [" + secretPassword),
		"a tab":                     remoteOf("url: https://host/M\n\tpassword: " + secretPassword),
		"a quote that is left open": remoteOf("password: \"" + secretPassword),
		"user in the URL":           remoteOf("url: https://" + secretUser + ":" + secretPassword + "@host/M?t=" + secretToken),
		"a URL that is none":        remoteOf("url: \"https://" + secretUser + ":" + secretPassword + "@ho st/%zz?t=" + secretToken + "\""),
		"a fragment":                remoteOf("url: https://host/M?t=" + secretToken + "#x"),
		"a password of many words":  remoteOf("url: https://host/M\n      username: a\n      password: {a: " + secretPassword + "}"),
		"a key twice":               remoteOf("url: https://host/M\n      password: " + secretPassword + "\n      password: " + secretPassword),
		"a header of two lines":     remoteOf("url: https://host/M\n      headers: {X-Token: \"" + secretHeader + "\\nX: y\"}"),
		"a header that is sent":     remoteOf("url: https://host/M\n      username: u\n      password: p\n      headers: {Authorization: \"Bearer " + secretHeader + "\"}"),
		"a variable left open":      remoteOf("url: https://host/M\n      password: \"" + secretPassword + "${\""),
		"a client key itself":       remoteOf("url: https://host/M\n      client_certificate: x\n      client_key: |\n        -----BEGIN PRIVATE KEY-----\n        " + secretPassword),
		"a key to sign itself":      well + "repositories: []\nsign:\n  key: |\n    -----BEGIN OPENSSH PRIVATE KEY-----\n    " + secretPassword + "\n    -----END OPENSSH PRIVATE KEY-----\n",
		"a key in one line":         well + "repositories: []\nsign: {key: \"-----BEGIN OPENSSH PRIVATE KEY----- " + secretPassword + "\"}\n",
		"a bucket with user":        "bucket: s3://key:" + secretBucket + "@name/x\npublic_url: https://host/\nrepositories: []\n",
		"a bucket with a query":     "bucket: minio://h:1/name?secret=" + secretBucket + "\npublic_url: https://host/\nrepositories: []\n",
		"a bucket's endpoint":       "bucket: \"s3://name?endpoint=https://key:" + secretBucket + "@h\"\npublic_url: https://host/\nrepositories: []\n",
		"a bucket of nothing known": "bucket: http://key:" + secretBucket + "@h/\npublic_url: https://host/\nrepositories: []\n",
		"a public URL":              "bucket: file:site\npublic_url: https://me:" + secretPassword + "@h/\nrepositories: []\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := filepath.Join(t.TempDir(), "datestone.yaml")
			must(t, os.WriteFile(config, []byte(text), 0o600))
			var out bytes.Buffer
			e := systemEnv()
			e.Stdout, e.Stderr, e.IsTerminal = &out, &out, false
			if code := run(t.Context(), []string{"datestone", "--config", config, "--verbose", "run"}, e); code != exitUsage {
				t.Errorf("exit code %d, want %d: %s", code, exitUsage, out.String())
			}
			remote.wantNone(t, map[string]string{"what was said": out.String()})
		})
	}
}
