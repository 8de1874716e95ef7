package layout_test

import (
	"testing"

	"datestone/layout"
)

func TestHeaderForRole(t *testing.T) {
	t.Parallel()
	const (
		forever = "public, max-age=31536000, immutable"
		html    = "text/html; charset=utf-8"
	)
	for _, tc := range []struct {
		name string
		role layout.Role
		key  string
		want layout.Header
	}{
		{"content never changes", layout.Content, "a/20250318T140338Z/1.iso", layout.Header{ContentType: "application/x-iso9660-image", CacheControl: forever}},
		{"nor does a checkpoint's page", layout.DirectoryPage, "a/20250318T140338Z/index.html", layout.Header{ContentType: html, CacheControl: forever}},
		{"nor a signature in it, which is none of OpenPGP", layout.LogEntry, "a/log/1.json.sig", layout.Header{ContentType: "text/plain; charset=utf-8", CacheControl: forever}},
		{"nor the log", layout.LogEntry, "a/log/1.json", layout.Header{ContentType: "application/json", CacheControl: forever}},
		{"a listing is asked for again", layout.Listing, "a/index.html", layout.Header{ContentType: html, CacheControl: "public, max-age=60"}},
		{"so is a table", layout.Listing, "a/checkpoints.json", layout.Header{ContentType: "application/json", CacheControl: "public, max-age=60"}},
		{"what is private is kept nowhere", layout.Private, ".datestone/locks/a.json", layout.Header{ContentType: "application/json", CacheControl: "private, no-store"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := layout.HeaderFor(tc.role, tc.key); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"pool/a_1.0_amd64.deb":       "application/vnd.debian.binary-package",
		"Packages/a-1.0.x86_64.rpm":  "application/x-rpm",
		"dists/x/InRelease":          "text/plain; charset=utf-8",
		"dists/x/Release.gpg":        "application/pgp-signature",
		"dists/x/main/Packages.xz":   "application/x-xz",
		"repodata/repomd.xml":        "text/xml",
		"repodata/repomd.xml.asc":    "application/pgp-signature",
		"repodata/x-primary.xml.gz":  "application/gzip",
		"repodata/x-primary.xml.zst": "application/zstd",
		"keyring.gpg":                "application/pgp-keys",
		"PULP_MANIFEST":              "text/plain; charset=utf-8",
		"a/README.TXT":               "text/plain; charset=utf-8",
		"log/abc.files.zst":          "application/zstd",
		"a.unknown":                  "application/octet-stream",
		"noextension":                "application/octet-stream",
		"a.html/b":                   "application/octet-stream",
	} {
		if got := layout.ContentType(key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}

func TestOnlyWhatIsReplacedIsNotFinal(t *testing.T) {
	t.Parallel()
	for role, want := range map[layout.Role]bool{layout.Content: true, layout.DirectoryPage: true, layout.LogEntry: true,
		layout.Listing: false, layout.Private: false} {
		if got := layout.HeaderFor(role, "a/index.html").IsFinal(); got != want {
			t.Errorf("role %d: final is %t, want %t", role, got, want)
		}
	}
}
