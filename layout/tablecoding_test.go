package layout_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func TestTableComesBack(t *testing.T) {
	t.Parallel()
	s := settings(layout.Channel{Name: "canary", Follows: true}, layout.Channel{Name: "prod", Follows: true, Delay: day})
	for n := range 4 {
		var h history
		for i := range n {
			id := layout.StampOf(time.Date(2025, 3, 1+i, 0, 0, 0, 0, time.UTC))
			h.commit(id, id)
		}
		table := fold(t, s, h)
		if n == 3 {
			table.Gone = []layout.Span{{From: "20240101T000000Z", Until: "20240201T000000Z"}, {From: "20240301T000000Z", Until: "20240301T000000Z"}}
		}
		b, err := table.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := layout.DecodeTable(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(table, got); diff != "" {
			t.Errorf("with %d (-want +got):\n%s", n, diff)
		}
		if want := max(n+2, 1); n > 0 && strings.Count(string(b), "\n") != want {
			t.Errorf("%d checkpoints are in %d lines, want %d: %s", n, strings.Count(string(b), "\n"), want, b)
		}
		if n == 2 {
			golden(t, "checkpoints.json", b)
		}
	}
}

// The example of SPEC section 4, with digests where it has words.
const exampleTable = `{"version": 1, "repository": "myfile", "base_path": "checkpoints/myfile", "public_path": "/", "answer": "redirect", "pruned": "404",
 "log": {"entries": 2, "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}, "final_from": null, "final_until": "20250318T140442Z",
 "channels": {"canary": "20250318T140442Z", "prod": null}, "gone": [],
 "checkpoints": [{"id": "20250318T140338Z", "files": 0, "bytes": 0, "record": 1, "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
                 {"id": "20250318T140442Z", "files": 4, "bytes": 3300, "record": 2, "sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"}]}`

func TestDecodeTableTakesTheExampleOfTheContract(t *testing.T) {
	t.Parallel()
	table, err := layout.DecodeTable([]byte(exampleTable))
	if err != nil {
		t.Fatal(err)
	}
	if table.FinalUntil != second || table.Newest() != second || table.Checkpoints[1].Bytes != 3300 || table.Log.Entries != 2 {
		t.Errorf("got %+v", table)
	}
	if diff := cmp.Diff(map[string]layout.Stamp{"canary": second, "prod": ""}, table.Channels); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
}

func TestDecodeTableTakesTheVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../testdata/vectors/resolve.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Tables []json.RawMessage }
	if err := json.Unmarshal(b, &vectors); err != nil || len(vectors.Tables) == 0 {
		t.Fatalf("%d tables, %v", len(vectors.Tables), err)
	}
	for _, raw := range vectors.Tables {
		table, err := layout.DecodeTable(raw)
		if err != nil {
			t.Errorf("%v in %s", err, raw)
			continue
		}
		b, err := table.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := layout.DecodeTable(b); err != nil || cmp.Diff(table, again) != "" {
			t.Errorf("%q did not come back: %v %s", table.Repository, err, cmp.Diff(table, again))
		}
	}
}

func TestDecodeTableFillsInWhatIsNull(t *testing.T) {
	t.Parallel()
	in := `{"version":1,"repository":"a","base_path":"a","public_path":"/","answer":"redirect","pruned":"404","channels":null,"gone":null,"checkpoints":null,"added":[1]}`
	table, err := layout.DecodeTable([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if table.Channels == nil || table.Gone == nil || table.Checkpoints == nil {
		t.Errorf("got %+v", table)
	}
	if b, err := table.Encode(); err != nil || strings.Contains(string(b), `"gone":null`) {
		t.Errorf("encoded as %s, %v", b, err)
	}
}

func TestDecodeTableRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, old, new, want string }{
		{"another version", `"version": 1`, `"version": 2`, "version 2; this datestone knows version 1"},
		{"no version", `"version": 1`, `"v": 1`, "version 0"},
		{"checkpoints out of order", `"20250318T140338Z", "files"`, `"20250318T150000Z", "files"`, "not ascending"},
		{"a checkpoint twice", `"20250318T140338Z", "files"`, `"20250318T140442Z", "files"`, "not ascending"},
		{"a checkpoint without ID", `"id": "20250318T140338Z"`, `"id": null`, "not ascending"},
		{"an ID that is none", `"20250318T140338Z", "files"`, `"20250230T000000Z", "files"`, "no time of the calendar"},
		{"a base path that would be a rule", `"checkpoints/myfile"`, `"a;} location / {"`, "base path"},
		{"a public path that would be a rule", `"public_path": "/"`, `"public_path": "/;}/"`, "public"},
		{"a public path without its slash", `"public_path": "/"`, `"public_path": "/mirror"`, "public path"},
		{"no public path", `"public_path": "/"`, `"public_path": ""`, "public path"},
		{"a channel that would be a rule", `"canary"`, `"canary{"`, "channel"},
		{"a channel that hides the log", `"canary"`, `"log"`, `channel "log"`},
		{"an answer that is none", `"redirect"`, `"proxy"`, `answer "proxy"`},
		{"a pruned that is none", `"404"`, `"410"`, `pruned "410"`},
		{"a span that ends before it begins", `"gone": []`, `"gone": [{"from": "20250302T000000Z", "until": "20250301T000000Z"}]`, "not ascending"},
		{"a span without beginning", `"gone": []`, `"gone": [{"from": null, "until": "20250301T000000Z"}]`, "not ascending"},
		{"spans that overlap", `"gone": []`, `"gone": [{"from": "20240101T000000Z", "until": "20240301T000000Z"}, {"from": "20240301T000000Z", "until": "20240401T000000Z"}]`, "not ascending"},
		{"half a table", `"channels"`, "\x00", "invalid character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := strings.Replace(exampleTable, tc.old, tc.new, 1)
			if in == exampleTable {
				t.Fatalf("%q is not in the example", tc.old)
			}
			if _, err := layout.DecodeTable([]byte(in)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func ExampleTable_At() {
	table, err := layout.DecodeTable([]byte(exampleTable))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(table.At("20250318T140400Z"), table.Newest())
	// Output: 20250318T140338Z 20250318T140442Z
}
