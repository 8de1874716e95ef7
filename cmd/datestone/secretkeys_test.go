package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"datestone/layout"
)

// secretSigner is the seed of the key that signs.
const secretSigner = "signer-planted"

// TestSecretsOfKeys signs, and sends an Authorization of its own: nothing of the
// keys, in no form, and nothing of the header appears, in a claim that is open,
// in what is made of it, or when the remote denies.
func TestSecretsOfKeys(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1], e2eStores[3]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			remote := newSecretRemote(t)
			s := newE2ESite(t, kind, nil, "", "/")
			private, _ := keyOf(t, secretSigner)
			must(t, os.WriteFile(filepath.Join(remote.dir, "signing.key"), private, 0o600))
			for i, step := range []struct {
				path string
				args []string
				code int
				want string // is to be looked into
			}{
				{"/bearer/PULP_MANIFEST", []string{"--verbose", "sync"}, exitDone, "bucket: .datestone/pending/m/"},
				{"/bearer/PULP_MANIFEST", []string{"--verbose", "run", "--json"}, exitDone, "bucket: m/log/1.json.sig"},
				{"/bearer/denied", []string{"--verbose", "--log-format", "json", "run"}, exitFailed, "file: run.prom"},
				{"/bearer/PULP_MANIFEST", []string{"--verbose", "verify", "--deep"}, exitDone, "bucket: m/checkpoints.json"},
				{"/bearer/PULP_MANIFEST", []string{"--verbose", "redact", "--path", "plain", "--reason", "why", "m"}, exitDone, "bucket: m/log/2.json.sig"},
				{"/bearer/denied", []string{"status", "--json"}, exitDone, "bucket: status.json"},
			} {
				must(t, os.WriteFile(filepath.Join(s.dir, "datestone.yaml"), []byte(remote.bearerConfig(s.bucketURL, step.path)), 0o600))
				code, out, said := s.exec(nil, step.args...)
				if code != step.code {
					t.Fatalf("step %d, %q: exit code %d, want %d: %s%s", i, step.args, code, step.code, out, said)
				}
				places := s.written()
				if !strings.Contains(strings.Join(sortedKeys(places), "\n"), step.want) {
					t.Errorf("step %d: there is no %s to look into", i, step.want)
				}
				places["what was said"] = out + said
				remote.wantNone(t, places)
				remote.wantNoKeys(t, places)
			}
		})
	}
}

// bearerConfig is a configuration that signs, and says who it is by a header.
func (r *secretRemote) bearerConfig(bucket, path string) string {
	text := r.config(bucket, secretCase{kind: "url", path: path})
	before := fmt.Sprintf("username: %s, password: %s, headers: {X-Token: \"Bearer %s\"}", secretUser, secretPassword, secretHeader)
	if !strings.Contains(text, before) {
		panic("the configuration has other secrets: " + text)
	}
	text = strings.Replace(text, before, fmt.Sprintf("headers: {Authorization: \"Bearer %s\", Cookie: \"a=%s\"}", secretHeader, secretPassword), 1)
	return text + fmt.Sprintf("sign: {key: %s/signing.key}\n", filepath.ToSlash(r.dir))
}

// wantNoKeys looks for what is private of the keys, in all forms.
func (r *secretRemote) wantNoKeys(t *testing.T, places map[string]string) {
	t.Helper()
	sum := layout.DigestOf([]byte(secretSigner))
	text, err := os.ReadFile(filepath.Join(r.dir, "client.key"))
	must(t, err)
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	number, err := key.(*ecdsa.PrivateKey).Bytes()
	must(t, err)
	for what, secret := range map[string][]byte{"key that signs": ed25519.NewKeyFromSeed(sum[:]).Seed(), "client key": number} {
		for _, form := range forms(secret) {
			for _, place := range sortedKeys(places) {
				if strings.Contains(strings.ReplaceAll(places[place], "\n", ""), form) {
					t.Errorf("the %s is in %s, as %q", what, place, form)
				}
			}
		}
	}
}

// forms are the ways in which bytes may appear: as they are, in hexadecimal
// digits, and in base64 wherever they begin in it.
func forms(secret []byte) []string {
	all := []string{string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret))}
	for skip := range 3 {
		whole := secret[skip : skip+(len(secret)-skip)/3*3]
		all = append(all, base64.StdEncoding.EncodeToString(whole), base64.URLEncoding.EncodeToString(whole))
	}
	return all
}

// TestFormsOfKeys: the forms are those in which the files have the keys.
func TestFormsOfKeys(t *testing.T) {
	t.Parallel()
	private, _ := keyOf(t, secretSigner)
	sum := layout.DigestOf([]byte(secretSigner))
	parsed, err := ssh.ParseRawPrivateKey(private)
	must(t, err)
	if !bytes.Equal(parsed.(*ed25519.PrivateKey).Seed(), sum[:]) {
		t.Error("the seed is not what is looked for")
	}
	found := 0
	for _, form := range forms(sum[:]) {
		found += strings.Count(strings.ReplaceAll(string(private), "\n", ""), form)
	}
	if found == 0 {
		t.Errorf("no form of the seed is in\n%s", private)
	}
}
