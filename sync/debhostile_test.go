package reposync_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestDebSignatures(t *testing.T) {
	t.Parallel()
	type keys = []*openpgp.Entity
	other, expired, revoked := newKey(t, 0), newKey(t, 24*time.Hour*30), newKey(t, 0)
	if err := revoked.RevokeKey(packet.KeyCompromised, "lost", keyConfig(0)); err != nil {
		t.Fatal(err)
	}
	good := newKey(t, 0)
	for name, test := range map[string]struct {
		signed  keys
		known   keys
		armored bool
		allow   bool
		change  func(inRelease string) string
		want    string // none: it is taken
	}{
		"by the key":                       {signed: keys{good}, known: keys{good}},
		"armored keyring":                  {signed: keys{good}, known: keys{good}, armored: true},
		"several armored keys":             {signed: keys{good}, known: keys{other, expired, good}, armored: true},
		"several keys":                     {signed: keys{good}, known: keys{other, expired, good}},
		"by two, one known":                {signed: keys{other, good}, known: keys{good}},
		"by two, one expired":              {signed: keys{expired, good}, known: keys{expired, good}},
		"by another":                       {signed: keys{other}, known: keys{good}, want: "is not in the keyring"},
		"by an expired key":                {signed: keys{expired}, known: keys{expired}, want: "has expired"},
		"by a revoked key":                 {signed: keys{revoked}, known: keys{revoked}, want: "was revoked"},
		"by an expired key, allowed":       {signed: keys{expired}, known: keys{expired}, allow: true},
		"by a revoked key, allowed":        {signed: keys{revoked}, known: keys{revoked}, allow: true},
		"expired, allowed, but changed":    {signed: keys{expired}, known: keys{expired}, allow: true, change: replacing("Suite: stable", "Suite: stabel"), want: "is wrong"},
		"changed":                          {signed: keys{good}, known: keys{good}, change: replacing("Suite: stable", "Suite: stabel"), want: "InRelease: the signature of key"},
		"one of two changed":               {signed: keys{other, good}, known: keys{good}, change: replacing("Origin: Test", "Origin: Tset"), want: "is wrong"},
		"text before":                      {signed: keys{good}, known: keys{good}, change: func(s string) string { return "Suite: evil\n" + s }, want: "is not a signed message"},
		"text after":                       {signed: keys{good}, known: keys{good}, change: func(s string) string { return s + "Suite: evil\n" }, want: "has more than a signed message"},
		"two messages":                     {signed: keys{good}, known: keys{good}, change: func(s string) string { return s + s }, want: "has more than a signed message"},
		"cut short":                        {signed: keys{good}, known: keys{good}, change: func(s string) string { return s[:len(s)-30] }, want: "is not a whole signed message"},
		"a signature that is none":         {signed: keys{good}, known: keys{good}, change: cutSignature, want: "InRelease: "},
		"a page in its place":              {signed: keys{good}, known: keys{good}, change: func(string) string { return "<!DOCTYPE html>\n<title>Log in</title>\n" }, want: `it begins with "<!DOCTYPE html>`},
		"signed without a signature at it": {signed: keys{good}, known: keys{good}, change: func(s string) string { return s[:strings.Index(s, "-----BEGIN PGP SIGNATURE")] }, want: "is not a whole signed message"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			text := s.release()
			r.publish(s)
			r.publish(debSuite{have: map[string]string{"x": ""}, only: []string{}})
			in := clearSign(t, text, test.signed...)
			if test.change != nil {
				in = test.change(in)
			}
			r.set("dists/stable/InRelease", in)
			remote := r.remote()
			remote.Keyring, remote.AllowExpiredKeys = keyring(t, test.armored, test.known...), test.allow
			_, err := reposync.New(quick(nil)).Read(t.Context(), remote, layout.Remote{})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func replacing(old, by string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, by, 1) }
}

// cutSignature takes a line out of the signature.
func cutSignature(s string) string {
	at := strings.Index(s, "-----BEGIN PGP SIGNATURE")
	lines := strings.SplitAfter(s[at:], "\n")
	return s[:at] + strings.Join(append(lines[:3:3], lines[4:]...), "")
}

func TestDebDetachedSignatures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, r *debRepo, text string)
		want   string
	}{
		"right": {func(*testing.T, *debRepo, string) {}, ""},
		"binary": {func(t *testing.T, r *debRepo, text string) {
			r.set("dists/stable/Release.gpg", binarySign(t, text, r.key))
		}, ""},
		"unsigned":        {func(_ *testing.T, r *debRepo, _ string) { delete(r.files, "dists/stable/Release.gpg") }, "is not signed: there is neither InRelease nor Release.gpg"},
		"nothing there":   {func(_ *testing.T, r *debRepo, _ string) { clear(r.files) }, "/repo/dists/stable/Release: the server answered 404"},
		"of another text": {func(_ *testing.T, r *debRepo, text string) { r.set("dists/stable/Release", text+"Label: x\n") }, "is wrong"},
		"empty":           {func(_ *testing.T, r *debRepo, _ string) { r.set("dists/stable/Release.gpg", "") }, "has no signature"},
		"a page":          {func(_ *testing.T, r *debRepo, _ string) { r.set("dists/stable/Release.gpg", "<html>") }, "Release.gpg: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			s.only = []string{"Release", "Release.gpg"}
			r.publish(s)
			test.change(t, r, s.release())
			_, err := reposync.New(quick(nil)).Read(t.Context(), r.remote(), layout.Remote{})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func binarySign(t *testing.T, text string, key *openpgp.Entity) string {
	t.Helper()
	var b strings.Builder
	if err := openpgp.DetachSign(&b, key, strings.NewReader(text), &packet.Config{Time: clock}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDebLeavesOut wants a Release that is not that of the InRelease left out.
func TestDebLeavesOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*debRepo, debSuite){
		"without signature": func(r *debRepo, _ debSuite) { delete(r.files, "dists/stable/Release.gpg") },
		"a wrong signature": func(r *debRepo, _ debSuite) { r.set("dists/stable/Release.gpg", "x") },
		"an older, signed": func(r *debRepo, s debSuite) {
			s.fields += "Label: old\n"
			s.only = []string{"Release", "Release.gpg"}
			r.publish(s)
		},
		"a Release not there": func(r *debRepo, _ debSuite) { delete(r.files, "dists/stable/Release") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			r.publish(s)
			change(r, s)
			st, err := reposync.New(quick(nil)).Read(t.Context(), r.remote(), layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			if len(st.Files) != 4 || st.Bodies["dists/stable/InRelease"] == nil {
				t.Errorf("got %v, want keyring, InRelease, index and package", st.Files)
			}
		})
	}
}

// TestDebRefuses has what a signed repository must not get through.
func TestDebRefuses(t *testing.T) {
	t.Parallel()
	const p = "main/binary-amd64/Packages"
	index := func(stanzas ...string) func(*debRepo, *debSuite) {
		return func(_ *debRepo, s *debSuite) {
			s.have, s.listed = map[string]string{p: strings.Join(stanzas, "")}, nil
		}
	}
	for name, test := range map[string]struct {
		change func(r *debRepo, s *debSuite)
		want   string
	}{
		"a path that climbs":       {index(deb("../../x", "a")), `Packages: stanza 1 ("x"), line 1: path "../../x": has a ".." segment`},
		"one that climbs inside":   {index(deb("pool/../../x", "a")), `has a ".." segment`},
		"an absolute path":         {index(deb("/etc/x", "a")), `is absolute`},
		"a backslash":              {index(deb(`pool\x`, "a")), `has the character U+005C`},
		"a control character":      {index(deb("pool/x\x01", "a")), `has the character U+0001`},
		"one path, two contents":   {index(deb("pool/x_1.deb", "a"), deb("pool/x_1.deb", "b")), `path "pool/x_1.deb" is claimed with different content: dists/stable/main/binary-amd64/Packages, stanza 1 ("x"): 1 bytes`},
		"the metadata's path":      {index(deb("dists/stable/InRelease", "a")), `path "dists/stable/InRelease" is claimed by a package, and is metadata`},
		"a file for a directory":   {index(deb("dists", "a")), `path "dists" is a file, and a directory of "dists/stable/InRelease"`},
		"no Filename":              {index("Package: a\n\n"), `stanza 1 ("a"), line 1: has no Filename`},
		"no SHA256":                {index("Package: a\nFilename: x\nSize: 1\nMD5sum: x\n\n"), `has no SHA256`},
		"no size":                  {index("Package: a\nFilename: x\nSize: -1\nSHA256: " + strings.Repeat("0", 64)), `"-1" is not a size`},
		"no index at all":          {index("<html>\n"), `stanza 1, line 1: "<html>" is no field`},
		"a stanza of 100 MB":       {index("Package: a\nDescription: b\n" + strings.Repeat(" "+strings.Repeat("x", 99)+"\n", 1<<20)), `the stanza is longer than 8388608 bytes`},
		"a line of 100 MB":         {index("Package: a\nProvides: " + strings.Repeat("x, ", 33<<20)), `the stanza is longer than 8388608 bytes`},
		"a long line that matters": {index("Package: a\nFilename: " + strings.Repeat("x", 1<<17)), `field "filename": a line is longer than 65536 bytes`},
		"an index not there":       {func(r *debRepo, s *debSuite) { s.listed, s.have = s.have, nil }, `main/binary-amd64/Packages is listed, but in none of its forms there`},
		"a wrong index": {func(r *debRepo, s *debSuite) { s.have[p+".gz"] = strings.Repeat("x", len(s.have[p+".gz"])) },
			`dists/stable/main/binary-amd64/Packages.gz": has the SHA-256`},
		"another plain form": {func(r *debRepo, s *debSuite) { s.listed[p] = strings.Replace(s.listed[p], "a_1", "a_2", 1) }, `unpacked it has the SHA-256`},
		"a shorter plain form": {func(r *debRepo, s *debSuite) { s.listed[p] = s.listed[p][1:] },
			`is too long when unpacked`},
		"no component": {func(_ *debRepo, s *debSuite) {
			s.have = map[string]string{"contrib/binary-amd64/Packages": ""}
			s.listed = nil
		}, `suite "stable": has no component "main"`},
		"no architecture": {func(_ *debRepo, s *debSuite) {
			s.have = map[string]string{"main/binary-arm64/Packages": ""}
			s.listed = nil
		}, `has no architecture "amd64"; its architectures: all, amd64, arm64, source`},
		"no SHA-256":        {func(_ *debRepo, s *debSuite) { s.fields += "MD5Sum:\n"; s.have, s.listed = nil, nil }, `lists no SHA256; weaker digests prove nothing`},
		"a Release climbs":  {func(_ *debRepo, s *debSuite) { s.listed["../x"] = "" }, `path "../x": has a ".." segment`},
		"a stanza too many": {func(_ *debRepo, s *debSuite) { s.fields += "\nSuite: evil\n" }, `a second stanza; a Release is one`},
		"Suite twice":       {func(_ *debRepo, s *debSuite) { s.fields += "Suite: evil\n" }, `field "suite" is there twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			signed := s
			signed.have, signed.listed = maps.Clone(s.have), maps.Clone(s.listed)
			test.change(r, &signed)
			r.publish(signed)
			if name == "a wrong index" {
				r.publish(s)
				r.set("dists/stable/"+p+".gz", signed.have[p+".gz"])
			}
			_, err := reposync.New(quick(nil)).Read(t.Context(), r.remote(), layout.Remote{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.400v\nwant %s", err, test.want)
			}
		})
	}
}

// TestDebBombs wants content that unpacks to very much to cost neither memory
// nor much time.
func TestDebBombs(t *testing.T) { // not parallel: it counts memory
	for _, form := range []string{"gz", "xz"} {
		for name, unit := range map[string]string{"zeros": strings.Repeat("\x00", 1<<20), "empty lines": strings.Repeat("\n", 1<<20), "one line": strings.Repeat("x", 1<<20)} {
			t.Run(name+" "+form, func(t *testing.T) {
				r, s := small(t)
				bomb := strings.Repeat(packed(t, form, unit), 1024) // both forms may be put behind each other: 1 GiB
				s.have = map[string]string{"main/binary-amd64/Packages." + form: bomb}
				s.listed = map[string]string{"main/binary-amd64/Packages": "Package: a\n"}
				r.publish(s)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_, err := reposync.New(quick(nil)).Read(t.Context(), r.remote(), layout.Remote{})
				runtime.ReadMemStats(&after)
				if err == nil || !strings.Contains(err.Error(), "Packages."+form+": ") {
					t.Errorf("got %v", err)
				}
				if used := after.TotalAlloc - before.TotalAlloc; used > 40<<20 {
					t.Errorf("%d bytes were allocated", used)
				}
			})
		}
	}
}

// A hook changes a repository before the nth request for a path is answered.
type hook struct {
	*debRepo
	mu    sync.Mutex
	path  string
	times int
	do    func(n int)
}

func (h *hook) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path == "/repo/"+h.path {
		h.mu.Lock()
		h.times++
		h.do(h.times)
		h.mu.Unlock()
	}
	h.server.ServeHTTP(w, q)
}

func (h *hook) remote(t *testing.T) reposync.Remote {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	remote := h.debRepo.remote()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	remote.URL = u.String() + "/repo/"
	return remote
}

// TestDebChangesDuringRead replaces the suite between InRelease and index.
func TestDebChangesDuringRead(t *testing.T) {
	t.Parallel()
	const p = "dists/stable/main/binary-amd64/Packages.gz"
	for name, test := range map[string]struct {
		times int
		want  error
	}{
		"once": {1, nil}, "for ever": {1 << 20, reposync.ErrMoved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			r.publish(s)
			h := &hook{debRepo: r, path: p, do: func(n int) {
				if n <= test.times {
					index := deb("pool/main/a/a_1_amd64.deb", strings.Repeat("b", n))
					s.have, s.listed = map[string]string{"main/binary-amd64/Packages.gz": packed(t, "gz", index)}, nil
					r.publish(s)
				}
			}}
			st, err := reposync.New(quick(nil)).Read(t.Context(), h.remote(t), layout.Remote{})
			if !errors.Is(err, test.want) || h.times > 10 {
				t.Fatalf("got %v after %d times, want %v", err, h.times, test.want)
			}
			if err == nil && string(st.Bodies[p]) != r.files[p] {
				t.Errorf("the index is %q, want that of the last InRelease", st.Bodies[p])
			}
		})
	}
}

// TestDebByHash wants content by its hash where a name has the next one, and
// under its name where by-hash is announced and not there.
func TestDebByHash(t *testing.T) {
	t.Parallel()
	const dir = "dists/stable/main/"
	for name, change := range map[string]func(*debRepo){
		"names have the next ones": func(r *debRepo) {
			r.put(map[string]string{dir + "binary-amd64/Packages.gz": "the next", dir + "Contents-amd64.gz": "next contents"})
		},
		"names are gone": func(r *debRepo) { delete(r.files, dir+"binary-amd64/Packages.gz") },
		"by-hash is not there": func(r *debRepo) {
			maps.DeleteFunc(r.files, func(p, _ string) bool { return strings.Contains(p, "/by-hash/") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := small(t)
			s.byHash = true
			s.have["main/Contents-amd64.gz"] = "contents"
			r.publish(s)
			want := maps.Clone(s.have)
			change(r)
			c, remote := reposync.New(quick(nil)), r.remote()
			st, err := c.Read(t.Context(), remote, layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			got := newStore()
			if err := c.Fetch(t.Context(), remote, layout.Files([]layout.File{file(dir+"Contents-amd64.gz", "contents")}), got.sink); err != nil {
				t.Error(err)
			}
			if got.objects[dir+"Contents-amd64.gz"] != "contents" || string(st.Bodies[dir+"binary-amd64/Packages.gz"]) != want["main/binary-amd64/Packages.gz"] {
				t.Errorf("got %q", got.objects)
			}
		})
	}
}
