package reposync_test

import (
	"bytes"
	"cmp"
	"crypto/sha512"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"datestone/layout"
	reposync "datestone/sync"
)

// A debRepo is a signed apt repository on a server.
type debRepo struct {
	*server
	t   testing.TB
	key *openpgp.Entity
}

// A debSuite is one suite of it.
type debSuite struct {
	dir    string            // of the Release
	fields string            // lines of the Release
	have   map[string]string // files below dir
	listed map[string]string // files that are listed, but not there
	byHash bool
	sha512 bool
	only   []string // of InRelease, Release, Release.gpg; none: all
}

func newDebRepo(t testing.TB) *debRepo {
	t.Helper()
	return &debRepo{server: newServer(t, map[string]string{}), t: t, key: newKey(t, 0)}
}

// newKey makes a key a year before the clock of the tests.
func newKey(t testing.TB, lifetime time.Duration) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Archive", "", "archive@example.org", keyConfig(lifetime))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func keyConfig(lifetime time.Duration) *packet.Config {
	return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, KeyLifetimeSecs: uint32(lifetime / time.Second),
		Time: func() time.Time { return clock().AddDate(-1, 0, 0) }}
}

// keyring writes public keys into a file.
func keyring(t testing.TB, armored bool, keys ...*openpgp.Entity) string {
	t.Helper()
	var b bytes.Buffer
	for _, k := range keys {
		var w io.Writer = &b
		var close io.Closer = io.NopCloser(nil)
		if armored {
			a, err := armor.Encode(&b, openpgp.PublicKeyType, nil)
			if err != nil {
				t.Fatal(err)
			}
			w, close = a, a
		}
		if err := k.Serialize(w); err != nil {
			t.Fatal(err)
		}
		close.Close()
		if armored {
			b.WriteByte('\n')
		}
	}
	name := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (r *debRepo) remote() reposync.Remote {
	return reposync.Remote{Type: "deb", URL: r.URL + "/repo", Suites: []string{"stable"}, Components: []string{"main"},
		Architectures: []string{"amd64"}, Keyring: keyring(r.t, false, r.key)}
}

// put makes files be there.
func (r *debRepo) put(files map[string]string) *debRepo {
	for p, body := range files {
		r.set(p, body)
	}
	return r
}

// publish signs a suite and makes it be there.
func (r *debRepo) publish(s debSuite) *debRepo {
	r.t.Helper()
	text := s.release()
	files := map[string]string{"InRelease": clearSign(r.t, text, r.key), "Release": text, "Release.gpg": detachSign(r.t, text, r.key)}
	if s.only != nil {
		maps.DeleteFunc(files, func(name, _ string) bool { return !slices.Contains(s.only, name) })
	}
	for p, body := range s.have {
		files[p] = body
		if s.byHash {
			files[path.Join(path.Dir(p), "by-hash/SHA256", layout.DigestOf([]byte(body)).String())] = body
		}
	}
	for p, body := range files {
		r.set(cmp.Or(s.dir, "dists/stable/")+p, body)
	}
	return r
}

// release returns the text of the Release.
func (s debSuite) release() string {
	var b strings.Builder
	b.WriteString("Origin: Test\nSuite: stable\nDate: Tue, 18 Mar 2025 12:00:00 UTC\n" + s.fields)
	if s.byHash {
		b.WriteString("Acquire-By-Hash: yes\n")
	}
	all := maps.Clone(s.have)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, s.listed)
	b.WriteString("SHA256:\n")
	for _, p := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, " %s %16d %s\n", layout.DigestOf([]byte(all[p])), len(all[p]), p)
	}
	if s.sha512 {
		b.WriteString("SHA512:\n")
		for _, p := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&b, " %x %16d %s\n", sha512.Sum512([]byte(all[p])), len(all[p]), p)
		}
	}
	return b.String()
}

func clearSign(t testing.TB, text string, keys ...*openpgp.Entity) string {
	t.Helper()
	var b bytes.Buffer
	var private []*packet.PrivateKey
	for _, k := range keys {
		private = append(private, k.PrivateKey)
	}
	w, err := clearsign.EncodeMulti(&b, private, &packet.Config{Time: func() time.Time { return clock().Add(-time.Hour) }})
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

func detachSign(t testing.TB, text string, key *openpgp.Entity) string {
	t.Helper()
	var b bytes.Buffer
	err := openpgp.ArmoredDetachSign(&b, key, strings.NewReader(text), &packet.Config{Time: func() time.Time { return clock().Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// deb is the stanza of a package.
func deb(p, body string) string {
	name, _, _ := strings.Cut(path.Base(p), "_")
	return fmt.Sprintf("Package: %s\nVersion: 1\nArchitecture: amd64\nDescription: of some\n lines: with\n .\n colons\nFilename: %s\nSize: %d\nSHA256: %s\n\n",
		name, p, len(body), layout.DigestOf([]byte(body)))
}

// dsc is the stanza of a source package; files are in pairs of name and body.
func dsc(directory string, files ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Package: src\nDirectory: %s\nFiles:\n ignored 1 x\nChecksums-Sha256:\n", directory)
	for i := 0; i < len(files); i += 2 {
		fmt.Fprintf(&b, " %s %d %s\n", layout.DigestOf([]byte(files[i+1])), len(files[i+1]), files[i])
	}
	return b.String() + "\n"
}

// packed returns text in the form that the path's ending says.
func packed(t testing.TB, form, text string) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch form {
	case "gz":
		w = gzip.NewWriter(&b)
	case "xz":
		w, err = xz.NewWriter(&b)
	case "zst":
		w, err = zstd.NewWriter(&b)
	default:
		return text
	}
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// small is a repository of one suite with one package.
func small(t testing.TB) (*debRepo, debSuite) {
	const p = "pool/main/a/a_1_amd64.deb"
	r := newDebRepo(t).put(map[string]string{p: "a1"})
	index := deb("./"+p, "a1")
	return r, debSuite{
		fields: "Components: main\nArchitectures: amd64\n",
		have:   map[string]string{"main/binary-amd64/Packages.gz": packed(t, "gz", index)},
		listed: map[string]string{"main/binary-amd64/Packages": index},
	}
}
