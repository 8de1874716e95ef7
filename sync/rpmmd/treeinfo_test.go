package rpmmd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/sync/rpmmd"
)

const treeinfo = `[header]
type = productmd.treeinfo
version = 1.2

[checksums]
images/boot.iso = sha256:SHA256
images/install.img = sha512:SHA512
repodata/repomd.xml = sha256:SHA256
Addon/repodata/repomd.xml = sha256:SHA256

[general]
; WARNING.0 = This section provides compatibility
family = X

[images-x86_64]
boot.iso = images/boot.iso
kernel = images/pxeboot/vmlinuz

[stage2]
mainimage = images/install.img

[variant-X]
repository = .
packages = Packages
`

func TestTreeinfo(t *testing.T) {
	t.Parallel()
	got, err := rpmmd.Treeinfo([]byte(digits.Replace(treeinfo)))
	want := []rpmmd.TreeFile{
		{Path: "images/boot.iso", Checksum: rpmmd.Checksum{Type: "sha256", Hex: digits.Replace("SHA256")}},
		{Path: "images/install.img", Checksum: rpmmd.Checksum{Type: "sha512", Hex: digits.Replace("SHA512")}},
		{Path: "images/pxeboot/vmlinuz"},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v: want -, got +\n%s", err, d)
	}
	for name, test := range map[string]struct{ text, want string }{
		"nothing":           {"", "no section [general] or [tree]"},
		"a page":            {"<html>\n<body>", `line 1: "<html>" is not a key`},
		"a wrong checksum":  {"[checksums]\nx = sha256:00", `line 2: checksum of "x"`},
		"checksum untyped":  {"[checksums]\nx = 00", `checksum type "00" is not known`},
		"an endless line":   {strings.Repeat("x", 1<<20), "too long"},
		"another INI file":  {"[x]\na = b", "no section [general] or [tree]"},
		"no value for name": {"[general]\nx", `line 2: "x" is not a key with a value`},
	} {
		if got, err := rpmmd.Treeinfo([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v; want %q", name, got, err, test.want)
		}
	}
}

func ExampleTreeinfo() {
	files, err := rpmmd.Treeinfo([]byte("[general]\nfamily = X\n[checksums]\nimages/boot.iso = md5:d41d8cd98f00b204e9800998ecf8427e\n"))
	fmt.Println(files[0].Path, files[0].Checksum, err)
	// Output: images/boot.iso md5:d41d8cd98f00b204e9800998ecf8427e <nil>
}

func FuzzTreeinfo(f *testing.F) {
	f.Add([]byte(digits.Replace(treeinfo)))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, err := rpmmd.Treeinfo(b)
		for i := 1; i < len(files); i++ {
			if files[i-1].Path >= files[i].Path {
				t.Errorf("%q is not sorted: %v, %v", b, files, err)
			}
		}
	})
}
