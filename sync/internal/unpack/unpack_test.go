package unpack_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"datestone/sync/internal/unpack"
)

// packed are the forms of a text. The one in bzip2 form is of "text\n".
func packed(t testing.TB, text string) map[string][]byte {
	t.Helper()
	write := func(open func(io.Writer) (io.WriteCloser, error)) []byte {
		var b bytes.Buffer
		w, err := open(&b)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	return map[string][]byte{
		"plain": []byte(text),
		"gzip":  write(func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
		"xz":    write(func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) }),
		"zstd":  write(func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
	}
}

const bzip2Text = "BZh91AY&SY\xc0o\xe0e\x00\x00\x01\xc1\x80\x00\x10\x02\x00\x04@ \x00!\x8c\x834\xd0\x88\xf1w$S\x85\t\x0c\x06\xfe\x06P"

func unpackAll(b []byte, limit int64) (string, error) {
	r, err := unpack.Reader(bytes.NewReader(b), limit)
	if err != nil {
		return "", err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	return string(got), err
}

func TestReaderKnowsTheForms(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "text\n", strings.Repeat("a line\n", 100_000)} {
		for form, b := range packed(t, text) {
			if got, err := unpackAll(b, int64(len(text))); got != text || err != nil {
				t.Errorf("%s of %d bytes: got %d, %v", form, len(text), len(got), err)
			}
		}
	}
	if got, err := unpackAll([]byte(bzip2Text), 5); got != "text\n" || err != nil {
		t.Errorf("bzip2: got %q, %v", got, err)
	}
}

func TestReaderEndsAtTheLimit(t *testing.T) {
	t.Parallel()
	forms := packed(t, strings.Repeat("\x00", 1<<20))
	for form, b := range forms {
		for _, limit := range []int64{0, 1, 1<<20 - 1} {
			if got, err := unpackAll(b, limit); int64(len(got)) != limit || !errors.Is(err, unpack.ErrTooLong) {
				t.Errorf("%s: got %d bytes, %v; want %d and ErrTooLong", form, len(got), err, limit)
			}
		}
	}
}

func TestReaderTellsWhatIsCutShort(t *testing.T) {
	t.Parallel()
	for form, b := range packed(t, strings.Repeat("a line\n", 1000)) {
		for n := range len(b) {
			if got, err := unpackAll(b[:n], 1<<20); err == nil && form != "plain" && n > 5 {
				t.Errorf("%s: the first %d of %d bytes are read as %d without an error", form, n, len(b), len(got))
			}
		}
	}
}

func TestReaderRefusesMemory(t *testing.T) {
	t.Parallel()
	zck, err := unpackAll([]byte("\x00ZCK1 and more"), 100)
	if err == nil || !strings.Contains(err.Error(), "zchunk") {
		t.Errorf("zchunk: got %q, %v", zck, err)
	}
	large := bytes.Clone(packed(t, "x")["xz"])
	large[12+2+2] = 40 // the dictionary of the first block: 4 GiB - 1
	if _, err := unpackAll(large, 100); err == nil || !strings.Contains(err.Error(), "dictionary of 4294967295 bytes") {
		t.Errorf("xz: got %v, want the dictionary's size", err)
	}
}

func FuzzReader(f *testing.F) {
	for _, b := range packed(f, "text\n") {
		f.Add(b)
	}
	f.Add([]byte(bzip2Text))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 20
		if got, err := unpackAll(b, limit); len(got) > limit {
			t.Errorf("%d bytes, %v: more than the limit", len(got), err)
		}
	})
}

func ExampleReader() {
	r, err := unpack.Reader(strings.NewReader(bzip2Text), 1<<20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	fmt.Printf("%q %v\n", text, err)
	// Output: "text\n" <nil>
}
