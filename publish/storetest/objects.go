package storetest

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
)

var objectPromises = []promise{
	{"an object comes back as it was put", func(t *tester) {
		t.put("base/20250318T140338Z/1.iso", "content")
		t.wantBody("base/20250318T140338Z/1.iso", "content")
	}},
	{"an object of no bytes is an object", func(t *tester) {
		t.put("empty", "")
		t.wantBody("empty", "")
		t.wantList("", "empty")
	}},
	{"an object of 20 MiB comes back whole", func(t *tester) {
		body := noise(20 << 20)
		t.put("large.bin", body)
		t.wantBody("large.bin", body)
		if got, _ := t.get("large.bin", 17<<20-3, 11); got != body[17<<20-3:17<<20+8] {
			t.Errorf("Get of 11 bytes at 17 MiB - 3 = %q, want %q", got, body[17<<20-3:17<<20+8])
		}
	}},
	{"a second put replaces the first", func(t *tester) {
		t.put("page", "the first, which is longer")
		t.put("page", "the second")
		t.wantBody("page", "the second")
	}},
	{"the version changes with the content and with nothing else", versions},
	{"what is missing is fs.ErrNotExist", func(t *tester) {
		t.wantMissing("nothing")
		t.wantMissing("no/such/directory/nothing")
		t.put("dir/sub/file", "x")
		t.wantMissing("dir/sub/file2")
		t.wantMissing("dir/sub/fil")
		t.wantMissing("dir/sub")
		t.wantMissing("dir/sub/file/below")
	}},
	{"a range is the bytes it says", ranges},
	{"many readers and writers at once get what they ask for", func(t *tester) {
		keys := numbered("at/once/", 64)
		t.putAll(keys)
		t.each(keys, func(key string) error {
			t.wantBody(key, key)
			return nil
		})
	}},
}

func versions(t *tester) {
	first := t.put("page", "one")
	again := t.stat("page")
	_, got := t.get("page", 1, 1)
	if first.Version != again.Version || first.Version != got.Version {
		t.Errorf("versions by Put, Stat and Get: %q, %q, %q, want the same", first.Version, again.Version, got.Version)
	}
	t.put("neighbour", "two")
	if v := t.stat("page").Version; v != first.Version {
		t.Errorf("version = %q after another object was put, want %q still", v, first.Version)
	}
	seen := map[string]string{first.Version: "one"}
	for _, body := range []string{"two", "six", "seven", "", strings.Repeat("x", 3<<20), strings.Repeat("y", 3<<20)} {
		v := t.put("page", body).Version
		if other, ok := seen[v]; ok {
			t.Errorf("version %q is that of %s and of %s", v, short(other), short(body))
		}
		seen[v] = body
	}
}

func ranges(t *tester) {
	const body = "0123456789"
	t.put("digits", body)
	t.put("empty", "")
	for _, row := range []struct {
		key            string
		offset, length int64
		want           string
	}{
		{"digits", 0, -1, body},
		{"digits", 0, 10, body},
		{"digits", 3, -1, "3456789"},
		{"digits", 3, 4, "3456"},
		{"digits", 9, 1, "9"},
		{"digits", 0, 0, ""},
		{"digits", 5, 0, ""},
		{"digits", 7, 100, "789"},
		{"digits", 0, 1 << 40, body},
		{"digits", 10, -1, ""},
		{"digits", 10, 1, ""},
		{"digits", 11, -1, ""},
		{"digits", 1 << 40, 5, ""},
		{"empty", 0, -1, ""},
		{"empty", 0, 1, ""},
		{"empty", 1, 1, ""},
	} {
		got, info := t.get(row.key, row.offset, row.length)
		if got != row.want {
			t.Errorf("Get(%q, %d, %d) = %q, want %q", row.key, row.offset, row.length, got, row.want)
		}
		if whole := t.stat(row.key); info.Key != row.key || info.Size != whole.Size || info.Version != whole.Version {
			t.Errorf("Get(%q, %d, %d) says %+v, want what it says of the whole: %+v", row.key, row.offset, row.length, info, whole)
		}
	}
	if _, _, err := t.store.Get(t.ctx, "nothing", 5, 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of a range of what is missing = %v, want fs.ErrNotExist", err)
	}
}

// noise returns n bytes that no store can compress or guess, always the same.
func noise(n int) string {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

// putAll puts an object at each key, with the key as its body.
func (t *tester) putAll(keys []string) {
	t.Helper()
	t.each(keys, func(key string) error {
		_, err := t.store.Put(t.ctx, putOf(key, key))
		return err
	})
}
