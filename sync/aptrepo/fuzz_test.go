package aptrepo_test

import (
	"bytes"
	"errors"
	"iter"
	"testing"
	"time"

	"datestone/layout"
	"datestone/sync/aptrepo"
)

// fuzzIndex wants an error or files that can be published, whatever comes.
func fuzzIndex(f *testing.F, read func([]byte) iter.Seq2[aptrepo.PoolFile, error]) {
	f.Add([]byte(onePackage + "\n\n\n" + onePackage))
	f.Add([]byte(oneSource))
	f.Add([]byte(" a\nb: c\r\n\r\n#: d"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for file, err := range read(b) {
			var syntax *aptrepo.SyntaxError
			if err != nil && !errors.As(err, &syntax) {
				t.Errorf("%v says not where", err)
			}
			if _, cleanErr := layout.CleanPath(file.Path); err == nil && (cleanErr != nil || file.Size < 0 || file.Stanza < 1 || file.Line < 1) {
				t.Errorf("got %+v: %v", file, cleanErr)
			}
		}
	})
}

func FuzzPackages(f *testing.F) {
	fuzzIndex(f, func(b []byte) iter.Seq2[aptrepo.PoolFile, error] { return aptrepo.Packages(bytes.NewReader(b)) })
}

func FuzzSources(f *testing.F) {
	fuzzIndex(f, func(b []byte) iter.Seq2[aptrepo.PoolFile, error] { return aptrepo.Sources(bytes.NewReader(b)) })
}

func FuzzPatches(f *testing.F) {
	f.Add([]byte(onePatch))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := aptrepo.Patches(b)
		for _, file := range files {
			if _, cleanErr := layout.CleanPath(file.Path); err == nil && cleanErr != nil {
				t.Error(cleanErr)
			}
		}
	})
}

func FuzzRelease(f *testing.F) {
	f.Add([]byte(oneRelease))
	f.Add([]byte("SHA256:\n x 1 y\nSHA512: z"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := aptrepo.ParseRelease(b)
		if (r == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of them", r, err)
		}
		if err != nil {
			return
		}
		for _, e := range r.Entries {
			if got, ok := r.Find(e.Path); !ok || got != e {
				t.Errorf("%q is not found", e.Path)
			}
			if _, err := layout.CleanPath(e.Path); err != nil || e.SHA256.IsZero() && e.SHA512 == "" {
				t.Errorf("%+v: %v", e, err)
			}
		}
	})
}

// FuzzSignatures wants nothing that is made up to pass as signed.
func FuzzSignatures(f *testing.F) {
	key := read(f, "key.asc")
	signed := read(f, "InRelease")
	f.Add(key, signed, read(f, "Release.gpg"))
	f.Add(key[:100], signed[:200], []byte{0x88, 0x01})
	f.Fuzz(func(t *testing.T, keyring, message, signature []byte) {
		known, err := aptrepo.ParseKeyring(key)
		if err != nil {
			t.Fatal(err)
		}
		genuine, _ := known.ClearSigned(signed, signedAt)
		if text, err := known.ClearSigned(message, signedAt); err == nil && !bytes.Equal(text, genuine) {
			t.Errorf("%q passes as signed", text)
		}
		if err := known.Detached(message, signature, signedAt); err == nil && !bytes.Equal(message, read(t, "Release")) {
			t.Errorf("%q passes as signed", message)
		}
		if k, err := aptrepo.ParseKeyring(keyring); err == nil {
			_, _ = k.ClearSigned(message, time.Time{})
		}
	})
}
