package publish_test

import (
	"io/fs"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/storetest"
)

// signWith returns a signature that says whose it is, and of which record.
func signWith(key string) func([]byte) ([]byte, error) {
	return func(record []byte) ([]byte, error) {
		return []byte(key + " " + layout.DigestOf(record).String()), nil
	}
}

// wantSignatures wants each record to have the signature of the key.
func wantSignatures(t *testing.T, l *publish.Log, entries int, key string) {
	t.Helper()
	for n := 1; n <= entries; n++ {
		e, err := l.Entry(t.Context(), n)
		must(t, err)
		got, err := l.Signature(t.Context(), n)
		if want := key + " " + e.SHA256.String(); err != nil || string(got) != want {
			t.Errorf("record %d: got %q, %v; want %q", n, got, err, want)
		}
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	_, err := l.Signature(t.Context(), 1)
	wantIs(t, err, fs.ErrNotExist)
	if n, err := l.Signed(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("an empty log: got %d, %v", n, err)
	}
	head := grow(t, l, 70)
	if n, err := l.Signed(t.Context(), 70); n != 0 || err != nil {
		t.Errorf("nothing is signed: got %d, %v", n, err)
	}
	must(t, l.Sign(t.Context(), 0, head, signWith("a")))
	wantSignatures(t, l, 70, "a")
	must(t, l.Sign(t.Context(), 0, head, signWith("b"))) // what stands stays
	wantSignatures(t, l, 70, "a")
	must(t, l.Sign(t.Context(), 70, head, signWith("a")))
	before := m.Calls()
	if n, err := l.Signed(t.Context(), 70); n != 70 || err != nil || m.Calls() != before+1 {
		t.Errorf("all are signed: got %d, %v, in %d requests", n, err, m.Calls()-before)
	}
	if v := m.Violations(); len(v) > 0 {
		t.Error(v)
	}
}

// TestSignInterrupted ends the store at each call of a signing of 70 records:
// from what Signed then says on, the next one makes it whole.
func TestSignInterrupted(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	head := grow(t, newBucket(t, m).Log(repo, base), 70)
	for n := 1; ; n += 3 {
		c := m.Clone()
		c.FailAt(n, storetest.KilledAfter)
		l := newBucket(t, c).Log(repo, base)
		err := l.Sign(t.Context(), 0, head, signWith("a"))
		c.Restart()
		if err == nil {
			return
		}
		signed, err := l.Signed(t.Context(), 70)
		must(t, err)
		must(t, l.Sign(t.Context(), signed, head, signWith("a")))
		wantSignatures(t, l, 70, "a")
	}
}

// TestSignRefuses wants nothing signed that does not lead to the head.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	m := &storetest.Memory{}
	l := newBucket(t, m).Log(repo, base)
	head := grow(t, l, 3)
	for name, h := range map[string]layout.Head{
		"another head":  {Entries: 3, SHA256: layout.DigestOf([]byte("other"))},
		"past the end":  {Entries: 4, SHA256: head.SHA256},
		"an older head": {Entries: 2, SHA256: head.SHA256},
	} {
		if err := l.Sign(t.Context(), 0, h, signWith("a")); err == nil {
			t.Errorf("%s: it was signed", name)
		}
	}
	if n, err := l.Signed(t.Context(), 3); n != 0 || err != nil {
		t.Errorf("got %d signed, %v", n, err)
	}
}
