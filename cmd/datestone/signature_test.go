package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// keyOf returns a private key as OpenSSH writes it, and the line of the public
// one. The seed makes it the same each time.
func keyOf(t testing.TB, seed string) (private []byte, public string) {
	t.Helper()
	sum := layout.DigestOf([]byte(seed))
	key := ed25519.NewKeyFromSeed(sum[:])
	block, err := ssh.MarshalPrivateKey(key, seed)
	must(t, err)
	pub, err := ssh.NewPublicKey(key.Public())
	must(t, err)
	return pem.EncodeToMemory(block), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub)))
}

// signed makes the site sign with the key of the seed, and trust its signatures.
func (s *walkSite) signed(seed string) {
	s.t.Helper()
	private, public := keyOf(s.t, seed)
	must(s.t, os.WriteFile(filepath.Join(s.dir, "key"), private, 0o600))
	must(s.t, os.WriteFile(filepath.Join(s.dir, "allowed_signers"), []byte("datestone namespaces=\"datestone\" "+public+"\n"), 0o600))
	config, err := os.ReadFile(s.config())
	must(s.t, err)
	must(s.t, os.WriteFile(s.config(), append(config, "sign: {key: ./key, trusted: ./allowed_signers}\n"...), 0o600))
}

func (s *walkSite) log(n int) string {
	return filepath.Join(s.dir, "site", filepath.FromSlash(layout.RecordKey("checkpoints/myfile", n)))
}

// TestSignaturesAreThoseOfSSH lets ssh-keygen verify each record, and make the
// same signatures itself. Signing is switched on when there are two records:
// the next run signs them, with nothing new, and then there is nothing to do.
func TestSignaturesAreThoseOfSSH(t *testing.T) {
	t.Parallel()
	keygen := enginetest.Find(t, "ssh-keygen")
	s := newWalkSite(t)
	s.upstream("one")
	s.run("20250318T140338Z", "run")
	s.upstream("two")
	s.run("20250318T150000Z", "run")
	s.signed("a")
	s.run("20250318T150100Z", "run")
	s.wantSigned(keygen, 2)
	must(t, os.Remove(s.log(2)+".sig"))
	s.run("20250318T150200Z", "run")
	if _, err := os.Stat(s.log(2) + ".sig"); err == nil {
		t.Error("a run with nothing new looked for signatures")
	}
	must(t, os.Remove(filepath.Join(s.dir, "datestone.db")))
	s.run("20250318T150300Z", "run")
	s.upstream("three")
	s.run("20250318T160000Z", "run")
	s.wantSigned(keygen, 3)
}

func (s *walkSite) wantSigned(keygen string, records int) {
	s.t.Helper()
	for n := 1; n <= records; n++ {
		record, err := os.Open(s.log(n))
		must(s.t, err)
		defer record.Close()
		c := exec.CommandContext(s.t.Context(), keygen, "-Y", "verify", "-f", filepath.Join(s.dir, "allowed_signers"),
			"-I", "datestone", "-n", "datestone", "-s", s.log(n)+".sig")
		c.Stdin = record
		if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "Good \"datestone\" signature") {
			s.t.Errorf("record %d: %v: %s", n, err, out)
		}
		c = exec.CommandContext(s.t.Context(), keygen, "-Y", "sign", "-q", "-f", filepath.Join(s.dir, "key"), "-n", "datestone")
		c.Stdin, err = os.Open(s.log(n))
		must(s.t, err)
		theirs, err := c.Output()
		must(s.t, err)
		ours, err := os.ReadFile(s.log(n) + ".sig")
		must(s.t, err)
		if strings.Join(strings.Fields(string(ours)), "") != strings.Join(strings.Fields(string(theirs)), "") {
			s.t.Errorf("record %d: got\n%s, ssh-keygen makes\n%s", n, ours, theirs)
		}
	}
}

func TestSigningCheck(t *testing.T) {
	t.Parallel()
	signers := map[string]signing{}
	for _, name := range []string{"a", "b", "ecdsa"} {
		private, public := keyOf(t, name)
		key, err := parseSigner(private)
		must(t, err)
		trusted, err := parseTrusted([]byte("# who signs\n\n" + public + "\n"))
		must(t, err)
		signers[name] = signing{Key: key, Trusted: trusted}
	}
	good, err := signers["a"].sign([]byte("record"))
	must(t, err)
	for _, tc := range []struct {
		name, by, record string
		signature        []byte
		want             string // in the error; none where the signature counts
	}{
		{"a good one", "a", "record", good, ""},
		{"of another record", "a", "Record", good, "it is not one of this record"},
		{"of a key that is not trusted", "b", "record", good, "is not trusted"},
		{"none of ssh-keygen", "a", "record", []byte("-----BEGIN PGP SIGNATURE-----"), "it is none of ssh-keygen"},
		{"one with bits flipped", "a", "record", []byte(strings.Replace(string(good), "AAAA", "AAAB", 1)), "it is none of ssh-keygen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := signers[tc.by].check([]byte(tc.record), tc.signature)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestSignKeyErrors wants each file of keys that can't be used refused where
// the configuration names it.
func TestSignKeyErrors(t *testing.T) {
	t.Parallel()
	private, public := keyOf(t, "a")
	sum := layout.DigestOf([]byte("a"))
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(ed25519.NewKeyFromSeed(sum[:]), "", []byte("secret"))
	must(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	other, err := ssh.MarshalPrivateKey(curve, "")
	must(t, err)
	for _, tc := range []struct{ name, key, trusted, want string }{
		{"both are right", string(private), public, ""},
		{"with the options of both formats", string(private), "a@b,c@d namespaces=\"git,date*\" " + public + "\nno-pty " + public, ""},
		{"the key is encrypted", string(pem.EncodeToMemory(locked)), public, `c.yaml:5:13: "KEY": the key is encrypted`},
		{"the key is of another kind", string(pem.EncodeToMemory(other)), public, "is a key of type ecdsa-sha2-nistp256, not ssh-ed25519: ssh-keygen -t ed25519"},
		{"the public key", public, public, `c.yaml:5:13: "KEY": is no private SSH key: ssh-keygen -t`},
		{"nobody is trusted", string(private), "# nobody\n", `has no public key for the namespace "datestone"`},
		{"trusted for something else", string(private), "a@b namespaces=\"git\" " + public, `has no public key for the namespace "datestone"`},
		{"trusted for a time", string(private), "\na@b valid-after=\"2025\" " + public, `c.yaml:5:27: "TRUSTED": line 2: "valid-after" is not known here`},
		{"a line that is none", string(private), "hello\n", `"TRUSTED": line 1: write "datestone ssh-ed25519 AAAA…"`},
		{"too large", strings.Repeat("x", maxKeyFile+1), public, `cannot read "KEY": is larger than`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			key, trusted := filepath.Join(dir, "key"), filepath.Join(dir, "trusted")
			must(t, os.WriteFile(key, []byte(tc.key), 0o600))
			must(t, os.WriteFile(trusted, []byte(tc.trusted), 0o600))
			_, err := parseConfig(filepath.Join(dir, "c.yaml"), []byte(head+one+"sign: {key: key, trusted: trusted}\n"), environment)
			got := fmt.Sprint(err)
			want := strings.NewReplacer("KEY", key, "TRUSTED", trusted, "c.yaml", filepath.Join(dir, "c.yaml")).Replace(tc.want)
			if tc.want == "" && err != nil || tc.want != "" && (!strings.Contains(got, want) || exitCode(err) != exitUsage) {
				t.Errorf("got %s (exit code %d), want %q", got, exitCode(err), want)
			}
			if strings.Contains(got, "PRIVATE KEY") {
				t.Errorf("the key is in %q", got)
			}
		})
	}
	for name, want := range map[string]string{
		"key: nowhere":  "nowhere\": no such file or directory",
		"trusted: .":    "is no regular file",
		"":              `write "key", "trusted" or both`,
		"keys: nowhere": `unknown key "keys"; did you mean "key"?`,
	} {
		_, err := parseConfig(filepath.Join(t.TempDir(), "c.yaml"), []byte(head+one+"sign: {"+name+"}\n"), environment)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}

// TestFaultsSigned makes each store call of a run fail that signs: afterwards
// each record has its signature, whatever the index knows.
func TestFaultsSigned(t *testing.T) {
	t.Parallel()
	private, _ := keyOf(t, "a")
	w := newWorld(t)
	must(t, os.WriteFile(filepath.Join(w.dir, "key"), private, 0o600))
	remote := newFaultRemote(t, "mirror")
	remote.site, remote.more = t.TempDir(), "sign: {key: ./key}\n"
	for _, step := range faultStory()[:3] {
		remote.show(t, w.dir, step)
		before := w.clone(t, false)
		if code, said := w.run(step); code != 0 {
			t.Fatalf("%s: exit code %d: %s", step.name, code, said)
		}
		w.check(t.Errorf)
		w.wantSigned(t)
		f := faultCase{step: step, before: before, want: w.bytesOf(t), calls: w.store.Calls()}
		w.store.Restart()
		t.Run(step.name, func(t *testing.T) { t.Parallel(); f.test(t) })
	}
}

// wantSigned wants a signature that counts beside each record of the log.
func (w world) wantSigned(t *testing.T) {
	t.Helper()
	_, public := keyOf(t, "a")
	trusted, err := parseTrusted([]byte(public))
	must(t, err)
	for n := 1; ; n++ {
		record, ok := w.store.Look(layout.RecordKey("checkpoints/myfile", n))
		if !ok {
			break
		}
		signature, _ := w.store.Look(layout.SignatureKey("checkpoints/myfile", n))
		if err := (signing{Trusted: trusted}).check([]byte(record.Body), []byte(signature.Body)); err != nil {
			t.Errorf("record %d: %v", n, err)
		}
	}
}

// TestVerifySigned takes a signature away and puts another in the place of one.
func TestVerifySigned(t *testing.T) {
	t.Parallel()
	s := newWalkSite(t)
	s.signed("a")
	s.upstream("one")
	s.run("20250318T140338Z", "run")
	s.upstream("two")
	s.run("20250318T150000Z", "run")
	s.run("20250319T160000Z", "run")
	wantVerified := func(code int, want string) {
		t.Helper()
		var out bytes.Buffer
		got := run(t.Context(), []string{"datestone", "--quiet", "--config", s.config(), "verify"}, s.env("20250319T160000Z", &out))
		if got != code || strings.TrimSpace(out.String()) != want {
			t.Errorf("verify: exit code %d, want %d: got\n%s\nwant\n%s", got, code, out.String(), want)
		}
	}
	wantVerified(exitDone, "")
	first, err := os.ReadFile(s.log(1) + ".sig")
	must(t, err)
	must(t, os.Remove(s.log(2)+".sig"))
	must(t, os.WriteFile(s.log(2)+".sig", first, 0o600))
	must(t, os.Remove(s.log(3)+".sig"))
	wantVerified(exitDamage, strings.Join([]string{
		"signature checkpoints/myfile/log/2.json.sig  does not count: it is not one of this record for \"datestone\": ssh: signature did not verify",
		"signature checkpoints/myfile/log/3.json.sig  does not count: there is none",
		"datestone: verify: 2 findings left"}, "\n"))

	e := s.env("20250319T160000Z", io.Discard)
	e.ConfigFile = s.config()
	r, err := e.openReader(t.Context())
	must(t, err)
	repo := r.config.Repositories[0]
	log := r.bucket.Log(repo.Name, repo.BasePath)
	for n, want := range []string{1: "<nil>", 2: "it is not one of this record", 3: "there is none"} {
		if n == 0 {
			continue
		}
		entry, err := log.Entry(t.Context(), n)
		must(t, err)
		if err := r.config.Sign.verifySigned(t.Context(), log, entry); !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("record %d: got %v, want %q", n, err, want)
		}
		if err := (signing{}).verifySigned(t.Context(), log, entry); err != nil {
			t.Errorf("record %d, where nobody is trusted: %v", n, err)
		}
	}
}
