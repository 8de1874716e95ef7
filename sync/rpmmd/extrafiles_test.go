package rpmmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/rpmmd"
)

func TestExtraFiles(t *testing.T) {
	t.Parallel()
	md5, sha256 := strings.Repeat("1", 32), strings.Repeat("2", 64)
	for name, test := range map[string]struct {
		text, refused string
		want          []rpmmd.ExtraFile
	}{
		"the strongest checksum": {text: fmt.Sprintf(`{"header": {"version": "1.0"}, "data": [{"file": "EULA", "checksums": {"md5": %q, "sha256": %q}, "size": 3}]}`, md5, sha256),
			want: []rpmmd.ExtraFile{{Path: "EULA", Size: 3, Checksum: rpmmd.Checksum{Type: "sha256", Hex: sha256}}}},
		"no size":            {text: fmt.Sprintf(`{"data": [{"file": "a/b", "checksums": {"md5": %q}}]}`, md5), want: []rpmmd.ExtraFile{{Path: "a/b", Size: -1, Checksum: rpmmd.Checksum{Type: "md5", Hex: md5}}}},
		"that of a compose":  {text: `{"header": {"version": "1.2"}, "payload": {"extra_files": {"BaseOS": {}}}}`},
		"no checksum":        {text: `{"data": [{"file": "EULA"}]}`, refused: `file "EULA": has no checksum`},
		"a checksum of none": {text: `{"data": [{"file": "EULA", "checksums": {"crc": "00"}}]}`, refused: `file "EULA": checksum type "crc" is not known`},
		"no JSON":            {text: `<html>`, refused: "invalid character"},
	} {
		got, err := rpmmd.ExtraFiles([]byte(test.text))
		if d := cmp.Diff(test.want, got); d != "" || (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
			t.Errorf("%s: %v, want %q; want -, got +\n%s", name, err, test.refused, d)
		}
	}
}

func ExampleDecoded() {
	fmt.Println(rpmmd.Decoded("repodata/a%2Bb.xml.gz"))
	fmt.Println(rpmmd.Decoded("repodata/a+b.xml.gz"))
	fmt.Println(rpmmd.Decoded("repodata/%2e%2e%2fb.xml.gz"))
	// Output:
	// repodata/a+b.xml.gz true
	//  false
	//  false
}

func FuzzExtraFiles(f *testing.F) {
	f.Add([]byte(`{"data": [{"file": "EULA", "checksums": {"md5": "00"}, "size": -5}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		files, _ := rpmmd.ExtraFiles(body)
		for _, x := range files {
			if x.Size < -1 || x.Checksum.IsZero() {
				t.Errorf("%q is read as %+v", body, x)
			}
		}
	})
}
