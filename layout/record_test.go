package layout_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func claim() layout.Claim {
	return layout.NewClaim("myfile", "checkpoints/myfile", first,
		layout.FileList{SHA256: layout.DigestOf([]byte("list")), Files: 4, Bytes: 3300},
		layout.Remote{Type: "file", URL: "https://example.org/a?b=<c>&d", Mode: "mirror", Config: layout.DigestOf([]byte("config")),
			Validators: layout.Validators{ETag: `"x"`, LastModified: "Tue, 18 Mar 2025 14:03:38 GMT", Fingerprint: "0123456789abcdef"}})
}

func TestRecordsComeBack(t *testing.T) {
	t.Parallel()
	head := layout.Head{Entries: 3, SHA256: layout.DigestOf([]byte("3"))}
	promote := layout.NewRecord(layout.Promote, head, "myfile", "checkpoints/myfile", first, second)
	promote.Channel = "prod"
	seen := layout.NewRecord(layout.Seen, head, "myfile", "checkpoints/myfile", second, second)
	remote := claim().Remote
	seen.Remote = &remote
	for name, r := range map[string]layout.Record{
		"commit": claim().Record(head, second), "first commit": claim().Record(layout.Head{}, second), "promote": promote, "seen": seen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Count(b, []byte("\n")) != 1 || b[len(b)-1] != '\n' {
				t.Errorf("%q is not one line", b)
			}
			got, err := layout.DecodeRecord(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimBecomesItsCommit(t *testing.T) {
	t.Parallel()
	c := claim()
	c.Replaced = 2
	r := c.Record(layout.Head{Entries: 1, SHA256: layout.DigestOf(nil)}, second)
	remote, list := c.Remote, c.List
	want := layout.Record{Version: 1, Entry: 2, Kind: layout.Commit, Repository: "myfile", BasePath: "checkpoints/myfile",
		ID: first, Time: second, Previous: layout.DigestOf(nil), Remote: &remote, List: &list, Replaced: 2}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Records and claims are taken as they are written, or not at all.
func TestDecodeIsStrict(t *testing.T) {
	t.Parallel()
	record, err := claim().Record(layout.Head{}, second).Encode()
	if err != nil {
		t.Fatal(err)
	}
	written, err := claim().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := layout.DecodeClaim(written); err != nil || cmp.Diff(claim(), got) != "" {
		t.Errorf("the claim came back as %+v, %v", got, err)
	}
	decoders := map[string]func(string) error{
		string(record):  func(s string) error { _, err := layout.DecodeRecord([]byte(s)); return err },
		string(written): func(s string) error { _, err := layout.DecodeClaim([]byte(s)); return err },
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"another version, with fields of its own", `{"version":1,`, `{"version":2,"new":[],`, "version 2"},
		{"no version", `{"version":1,`, `{`, "version 0"},
		{"an unknown field", `{"version":1,`, `{"version":1,"new":1,`, "not written as datestone writes it"},
		{"white space", `,"id"`, `, "id"`, "not written"},
		{"a field twice", `,"id"`, `,"id":"20250318T140338Z","id"`, "not written"},
		{"another case", `"id"`, `"ID"`, "not written"},
		{"an escaped character", `"myfile"`, `"\u006dyfile"`, "not written"},
		{"no newline", "}\n", "}", "not written"},
		{"something after it", "}\n", "}\n{}", "after top-level value"},
		{"an ID that is none", string(first), "20250230T000000Z", "no time of the calendar"},
		{"a digest that is none", layout.DigestOf([]byte("list")).String(), "00", "not a SHA-256"},
		{"not JSON", `{`, `<`, "invalid character"},
		{"half of it", `,"list"`, "\x00", "invalid"},
	} {
		for text, decode := range decoders {
			changed := strings.Replace(text, tc.old, tc.new, 1)
			if changed == text {
				t.Fatalf("%s: %q is not in %q", tc.name, tc.old, text)
			}
			if err := decode(changed); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want an error with %q", tc.name, err, tc.want)
			}
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	b, err := claim().Record(layout.Head{}, second).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := layout.DecodeRecord(in)
		if err != nil {
			return
		}
		if out, err := r.Encode(); err != nil || !bytes.Equal(out, in) {
			t.Errorf("read %q, wrote %q, %v", in, out, err)
		}
	})
}

func ExampleRecord_Encode() {
	r := layout.NewRecord(layout.Promote, layout.Head{}, "myfile", "checkpoints/myfile", "20250318T140338Z", "20250318T150000Z")
	r.Channel = "prod"
	b, err := r.Encode()
	fmt.Printf("%s%v\n", b, err)
	// Output:
	// {"version":1,"entry":1,"kind":"promote","repository":"myfile","base_path":"checkpoints/myfile","id":"20250318T140338Z","time":"20250318T150000Z","previous":"","channel":"prod"}
	// <nil>
}
