package s3wire_test

import (
	"fmt"
	"hash/crc32"
	"math"
	"net/url"
	"testing"

	"datestone/layout"
	"datestone/publish/internal/s3wire"
)

func ExampleNewPrefix() {
	prefix, err := s3wire.NewPrefix("/mirror/debian/")
	fmt.Println(prefix.Key("index.html"), prefix.Cut("mirror/debian/index.html"), err)
	_, err = s3wire.NewPrefix("a/../b")
	fmt.Println(err != nil)
	// Output:
	// mirror/debian/index.html index.html <nil>
	// true
}

func ExampleRange() {
	fmt.Printf("%q\n", s3wire.Range(0, -1))
	fmt.Println(s3wire.Range(10, -1))
	fmt.Println(s3wire.Range(10, 5))
	fmt.Println(s3wire.Range(10, math.MaxInt64))
	// Output:
	// ""
	// bytes=10-
	// bytes=10-14
	// bytes=10-
}

func ExampleTotalSize() {
	fmt.Println(s3wire.TotalSize("bytes 3-6/10", 4), s3wire.TotalSize("", 4), s3wire.TotalSize("bytes 3-6/*", 4))
	// Output: 10 4 4
}

func ExampleCopySource() {
	fmt.Println(s3wire.CopySource("site", "pool/g++_1~rc é?.deb"))
	// Output: site/pool/g%2B%2B_1~rc%20%C3%A9%3F.deb
}

func ExampleVersion() {
	fmt.Println(s3wire.Version("abc"), s3wire.Version(`"abc"`), s3wire.Version(`W/"abc"`), s3wire.Version(""))
	// Output: "abc" "abc" W/"abc"
}

func ExampleChecksumCRC() {
	fmt.Println(s3wire.ChecksumCRC(crc32.Checksum([]byte("123456789"), crc32.MakeTable(crc32.Castagnoli))))
	// Output: 4waSgw==
}

func FuzzCopySource(f *testing.F) {
	f.Add("a+b/c d~é%2F?#")
	f.Fuzz(func(t *testing.T, key string) {
		// Servers decode it in either of two ways.
		for name, decode := range map[string]func(string) (string, error){"path": url.PathUnescape, "query": url.QueryUnescape} {
			if got, err := decode(s3wire.CopySource("b", key)); err != nil || got != "b/"+key {
				t.Errorf("decoded as a %s: %q, %v, want %q", name, got, err, "b/"+key)
			}
		}
	})
}

func TestParseChecksum(t *testing.T) {
	t.Parallel()
	sum := layout.DigestOf([]byte("content"))
	for _, row := range []struct {
		name, text string
		want       layout.Digest
	}{
		{"of the object", s3wire.Checksum(sum), sum},
		{"of digests of parts", s3wire.Checksum(sum) + "-3", layout.Digest{}},
		{"none", "", layout.Digest{}},
		{"another algorithm's", "AAAAAA==", layout.Digest{}},
	} {
		if got := s3wire.ParseChecksum(row.text); got != row.want {
			t.Errorf("%s: ParseChecksum(%q) = %s, want %s", row.name, row.text, got, row.want)
		}
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	var o s3wire.Order
	for _, row := range []struct {
		key string
		ok  bool
	}{{"", true}, {"a-b", true}, {"a/b", true}, {"a/b", false}, {"a-c", false}, {"é", true}} {
		if err := o.Next(row.key); (err == nil) != row.ok {
			t.Errorf("Next(%q) = %v, want ok %v", row.key, err, row.ok)
		}
	}
}
