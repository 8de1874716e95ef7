package reposync_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	gocmp "github.com/google/go-cmp/cmp"

	"datestone/layout"
	reposync "datestone/sync"
)

// TestReadArchivesTheKeyring wants the keys in the state, as one armored block
// in whatever form they were, from memory and, for a run that goes on with
// another's work, by Fetch.
func TestReadArchivesTheKeyring(t *testing.T) {
	t.Parallel()
	for name, armored := range map[string]bool{"binary": false, "several blocks": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			r.publish(s)
			remote := r.remote()
			remote.Keyring = keyring(t, armored, newKey(t, 0), r.key)
			c := reposync.New(quick(nil))
			st, err := c.Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			keys := st.Bodies[layout.KeyringPath]
			read, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(keys))
			if err != nil || len(read) != 2 || bytes.Count(keys, []byte("-----BEGIN")) != 1 || read[1].PrimaryKey.KeyId != r.key.PrimaryKey.KeyId {
				t.Errorf("got %d keys, %v, in %s", len(read), err, keys)
			}
			if d := gocmp.Diff(layout.KeyringPath, st.Remote.Keyring); d != "" {
				t.Error(d)
			}
			got := newStore()
			if err := c.Fetch(t.Context(), remote, layout.Files(st.Files[:1]), got.sink); err != nil || got.objects[layout.KeyringPath] != string(keys) {
				t.Errorf("fetched %q, %v", got.objects[layout.KeyringPath], err)
			}
			remote.Keyring = keyring(t, armored, r.key)
			if err := c.Fetch(t.Context(), remote, layout.Files(st.Files[:1]), newStore().sink); err == nil || !strings.Contains(err.Error(), "is another than when the remote was read") {
				t.Errorf("with other keys: got %v", err)
			}
		})
	}
}

func TestReadKeepsThePlaceOfTheKeyring(t *testing.T) {
	t.Parallel()
	r, s := small(t)
	s.have["main/binary-amd64/Packages.gz"] = packed(t, "gz", deb(layout.KeyringPath, "x"))
	s.listed["main/binary-amd64/Packages"] = deb(layout.KeyringPath, "x")
	r.put(map[string]string{layout.KeyringPath: "x"})
	r.publish(s)
	_, err := reposync.New(quick(nil)).Read(t.Context(), r.remote(), layout.Remote{})
	if want := `path "datestone-keyring.asc": is where datestone keeps the keyring`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestSecretKeysAreRefused keeps them from being published.
func TestSecretKeysAreRefused(t *testing.T) {
	t.Parallel()
	var secret bytes.Buffer
	if err := newKey(t, 0).SerializePrivate(&secret, nil); err != nil {
		t.Fatal(err)
	}
	r := reposync.Remote{Keyring: filepath.Join(t.TempDir(), "secret.gpg")}
	if err := os.WriteFile(r.Keyring, secret.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.CheckKeyring(); err == nil || !strings.Contains(err.Error(), "it has a secret key") {
		t.Errorf("got %v", err)
	}
}
