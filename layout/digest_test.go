package layout_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"datestone/layout"
)

func TestParseDigest(t *testing.T) {
	t.Parallel()
	d := layout.DigestOf([]byte("hello"))
	for _, s := range []string{d.String(), strings.ToUpper(d.String())} {
		if got, err := layout.ParseDigest(s); err != nil || got != d {
			t.Errorf("%q: got %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "00", d.String()[1:], d.String() + "0", "g" + d.String()[1:], " " + d.String()[1:]} {
		if got, err := layout.ParseDigest(s); err == nil || !got.IsZero() {
			t.Errorf("%q was taken as %s", s, got)
		}
	}
}

func TestDigestInJSON(t *testing.T) {
	t.Parallel()
	for _, d := range []layout.Digest{{}, layout.DigestOf(nil)} {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		got := layout.DigestOf([]byte("another"))
		if err := json.Unmarshal(b, &got); err != nil || got != d {
			t.Errorf("%s came back from %s as %s, %v", d, b, got, err)
		}
	}
	var d layout.Digest
	if err := json.Unmarshal([]byte(`"0"`), &d); err == nil {
		t.Error("a digest of one digit was taken")
	}
}

func ExampleDigestOf() {
	fmt.Println(layout.DigestOf([]byte("hello\n")))
	// Output: 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
}
