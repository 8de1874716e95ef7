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

const day = 24 * time.Hour

// settings returns those of a repository with channels.
func settings(channels ...layout.Channel) layout.Settings {
	return layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: "/", Channels: channels}
}

// A history is a log under way: each method appends one entry.
type history []layout.Entry

func (h *history) add(kind layout.Kind, id, now layout.Stamp, change func(*layout.Record)) {
	var head layout.Head
	if n := len(*h); n > 0 {
		head = layout.Head{Entries: n, SHA256: (*h)[n-1].SHA256}
	}
	r := layout.NewRecord(kind, head, "myfile", "checkpoints/myfile", id, now)
	change(&r)
	*h = append(*h, entry(r))
}

func (h *history) commit(id, now layout.Stamp) {
	h.add(layout.Commit, id, now, func(r *layout.Record) {
		r.Remote, r.List = &layout.Remote{Type: "file"}, &layout.FileList{Files: 4, Bytes: 3300}
	})
}

func (h *history) seen(id layout.Stamp) { h.add(layout.Seen, id, id, func(*layout.Record) {}) }

func (h *history) promote(channel string, id, now layout.Stamp) {
	h.add(layout.Promote, id, now, func(r *layout.Record) { r.Channel = channel })
}

func entry(r layout.Record) layout.Entry {
	b, err := r.Encode()
	if err != nil {
		panic(err)
	}
	return layout.Entry{Record: r, SHA256: layout.DigestOf(b)}
}

func (h history) all(yield func(layout.Entry, error) bool) {
	for _, e := range h {
		if !yield(e, nil) {
			return
		}
	}
}

func fold(t *testing.T, s layout.Settings, h history) layout.Table {
	t.Helper()
	table, err := layout.Fold(s, h.all)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func ids(t layout.Table) string {
	var b strings.Builder
	for _, c := range t.Checkpoints {
		fmt.Fprintf(&b, "%s ", c.ID[6:8])
	}
	return b.String()
}

func TestFoldTakesEveryKindIn(t *testing.T) {
	t.Parallel()
	s := settings(layout.Channel{Name: "canary", Follows: true}, layout.Channel{Name: "prod", Follows: true, Delay: 7 * day}, layout.Channel{Name: "frozen"})
	var h history
	h.commit("20250301T000000Z", "20250301T000001Z")
	h.commit("20250302T000000Z", "20250302T000001Z")
	h.promote("frozen", "20250301T000000Z", "20250303T000000Z")
	h.seen("20250304T000000Z")
	table := fold(t, s, h)
	want := map[string]layout.Stamp{"canary": "20250302T000000Z", "prod": "", "frozen": "20250301T000000Z"}
	if diff := cmp.Diff(want, table.Channels); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
	if table.FinalUntil != "20250304T000000Z" || table.Log != (layout.Head{Entries: 4, SHA256: h[3].SHA256}) {
		t.Errorf("final until %s, log %+v", table.FinalUntil, table.Log)
	}
	first := layout.Checkpoint{ID: "20250301T000000Z", Files: 4, Bytes: 3300, Record: 1, SHA256: h[0].SHA256, Committed: "20250301T000001Z"}
	if len(table.Checkpoints) != 2 || table.Checkpoints[0] != first {
		t.Errorf("checkpoints %+v, want two beginning with %+v", table.Checkpoints, first)
	}
}

func TestFoldOrdersByTimeWhateverTheOrderOfCommit(t *testing.T) {
	t.Parallel()
	var h history
	for _, d := range []string{"05", "01", "03", "09", "02"} {
		h.commit(layout.Stamp("202503"+d+"T000000Z"), "20250401T000000Z")
	}
	table := fold(t, settings(layout.Channel{Name: "canary", Follows: true}), h)
	if got := ids(table); got != "01 02 03 05 09 " {
		t.Errorf("got %s", got)
	}
	if table.FinalUntil != "20250309T000000Z" || table.Channels["canary"] != "20250309T000000Z" {
		t.Errorf("an older commit moved final_until to %s, or canary to %s", table.FinalUntil, table.Channels["canary"])
	}
}

func TestFoldKeepsTheChoicesOfTheRepository(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Rewrite, s.Nearest, s.OpenBefore, s.PublicPath = true, true, first, "/mirror/"
	table := fold(t, s, nil)
	if table.Answer != "rewrite" || table.Pruned != "nearest" || table.FinalFrom != first || table.PublicPath != "/mirror/" || table.FinalUntil != "" {
		t.Errorf("got %+v", table)
	}
}

func TestFoldEndsWithTheLogsError(t *testing.T) {
	t.Parallel()
	broken := fmt.Errorf("broken")
	if _, err := layout.Fold(settings(), func(yield func(layout.Entry, error) bool) { yield(layout.Entry{}, broken) }); err != broken {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestApplyRefusesAndLeavesTheTable(t *testing.T) {
	t.Parallel()
	s := settings(layout.Channel{Name: "canary", Follows: true}, layout.Channel{Name: "frozen"})
	for _, tc := range []struct {
		name   string
		kind   layout.Kind
		change func(*layout.Record)
		want   string
	}{
		{"an entry left out", layout.Commit, func(r *layout.Record) { r.Entry++ }, "entry 4: follows entry 2"},
		{"an entry again", layout.Commit, func(r *layout.Record) { r.Entry-- }, "follows entry 2"},
		{"another predecessor", layout.Commit, func(r *layout.Record) { r.Previous = layout.DigestOf(nil) }, "as the entry before it"},
		{"no predecessor", layout.Commit, func(r *layout.Record) { r.Previous = layout.Digest{} }, "as the entry before it"},
		{"another repository", layout.Commit, func(r *layout.Record) { r.Repository = "other" }, `is of repository "other"`},
		{"another base path", layout.Commit, func(r *layout.Record) { r.BasePath = "other" }, `at "other"`},
		{"a commit without list", layout.Commit, func(r *layout.Record) { r.List = nil }, "without a file list"},
		{"a commit without remote", layout.Commit, func(r *layout.Record) { r.Remote = nil }, "without a file list or remote"},
		{"a commit without ID", layout.Commit, func(r *layout.Record) { r.ID = "" }, "lacks its ID"},
		{"a commit without time", layout.Commit, func(r *layout.Record) { r.Time = "" }, "lacks its ID or its time"},
		{"a checkpoint again", layout.Commit, func(r *layout.Record) { r.ID = "20250301T000000Z" }, "a second time"},
		{"a promotion to no checkpoint", layout.Promote, func(r *layout.Record) { r.Channel = "frozen" }, "is no checkpoint"},
		{"a kind of a newer datestone", "redact", func(*layout.Record) {}, `kind "redact", written by a newer datestone`},
		{"no kind", "", func(*layout.Record) {}, "kind"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var h history
			h.commit("20250301T000000Z", "20250301T000000Z")
			h.commit("20250303T000000Z", "20250303T000000Z")
			table, untouched := fold(t, s, h), fold(t, s, h)
			h.add(tc.kind, "20250302T000000Z", "20250304T000000Z", func(r *layout.Record) {
				r.Remote, r.List = &layout.Remote{}, &layout.FileList{}
				tc.change(r)
			})
			err := table.Apply(s, h[2])
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), `log of "myfile", entry `) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
			if diff := cmp.Diff(untouched, table); diff != "" {
				t.Errorf("the table changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestApplyOneByOneIsTheFold(t *testing.T) {
	t.Parallel()
	s := settings(layout.Channel{Name: "canary", Follows: true}, layout.Channel{Name: "frozen"})
	var h history
	h.commit("20250303T000000Z", "20250303T000000Z")
	h.promote("frozen", "20250303T000000Z", "20250303T000000Z")
	h.commit("20250301T000000Z", "20250304T000000Z")
	h.promote("frozen", "20250301T000000Z", "20250304T000000Z") // by hand also backwards
	h.promote("gone", "20250301T000000Z", "20250304T000000Z")
	h.seen("20250305T000000Z")
	table := layout.NewTable(s)
	for i, e := range h {
		b, err := table.Encode() // each through its bytes, as between two runs
		if err != nil {
			t.Fatal(err)
		}
		if table, err = layout.DecodeTable(b); err != nil {
			t.Fatal(err)
		}
		if err := table.Apply(s, e); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fold(t, s, h[:i+1]), table); diff != "" {
			t.Errorf("after %d (-fold +apply):\n%s", i+1, diff)
		}
	}
	if table.Channels["frozen"] != "20250301T000000Z" {
		t.Errorf("frozen leads to %q", table.Channels["frozen"])
	}
	if _, ok := table.Channels["gone"]; ok {
		t.Error("a channel that is not configured came into the table")
	}
}

// A delayed channel whose delay is taken away leads to the newest checkpoint,
// whatever older runs promoted it to.
func TestFoldOfANewestChannelIgnoresOldPromotions(t *testing.T) {
	t.Parallel()
	var h history
	h.commit("20250301T000000Z", "20250301T000000Z")
	h.commit("20250302T000000Z", "20250302T000000Z")
	h.promote("prod", "20250301T000000Z", "20250308T000000Z")
	table := fold(t, settings(layout.Channel{Name: "prod", Follows: true}), h)
	if got := table.Channels["prod"]; got != "20250302T000000Z" {
		t.Errorf("prod leads to %s", got)
	}
}

func TestFindNewestAndAt(t *testing.T) {
	t.Parallel()
	table := tableOf(nil, "20250302T000000Z", "20250304T000000Z")
	for m, want := range map[layout.Stamp]layout.Stamp{
		"20250301T235959Z": "", "20250302T000000Z": "20250302T000000Z", "20250302T000001Z": "20250302T000000Z",
		"20250303T235959Z": "20250302T000000Z", "20250304T000000Z": "20250304T000000Z", "99991231T235959Z": "20250304T000000Z",
	} {
		if got := table.At(m); got != want {
			t.Errorf("at %s: got %q, want %q", m, got, want)
		}
	}
	for id, want := range map[layout.Stamp]int{"20250301T000000Z": 0, "20250302T000000Z": 0, "20250303T000000Z": 1, "20250304T000000Z": 1, "20250305T000000Z": 2} {
		if at, found := table.Find(id); at != want || found != (id == "20250302T000000Z" || id == "20250304T000000Z") {
			t.Errorf("find %s: got %d, %v, want %d", id, at, found, want)
		}
	}
	empty := tableOf(nil)
	if table.Newest() != "20250304T000000Z" || empty.Newest() != "" || empty.At("99991231T235959Z") != "" {
		t.Errorf("newest %q, of none %q", table.Newest(), empty.Newest())
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	prod := layout.Channel{Name: "prod", Follows: true, Delay: 7 * day}
	var plain, late history
	plain.commit("20250301T000000Z", "20250301T000100Z")
	plain.commit("20250302T000000Z", "20250302T000100Z")
	late.commit("20250302T000000Z", "20250302T000000Z")
	late.commit("20250301T000000Z", "20250320T000000Z") // a backfill
	for _, tc := range []struct {
		name    string
		channel layout.Channel
		log     history
		at      layout.Stamp // what the channel leads to so far
		now     layout.Stamp
		want    layout.Stamp
	}{
		{"a second before the delay is over", prod, plain, "", "20250308T000059Z", ""},
		{"the second it is over", prod, plain, "", "20250308T000100Z", "20250301T000000Z"},
		{"both over at once: the newest", prod, plain, "", "20250401T000000Z", "20250302T000000Z"},
		{"there already", prod, plain, "20250302T000000Z", "20250401T000000Z", ""},
		{"never back", prod, plain, "20250302T000000Z", "20250308T000100Z", ""},
		{"an old state that came late does not hold it up", prod, late, "", "20250321T000000Z", "20250302T000000Z"},
		{"moved by hand only", layout.Channel{Name: "prod"}, plain, "", "20250401T000000Z", ""},
		{"always the newest: the fold moves it", layout.Channel{Name: "prod", Follows: true}, plain, "", "20250401T000000Z", ""},
		{"no checkpoint", prod, nil, "", "20250401T000000Z", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := settings(tc.channel)
			table := fold(t, s, tc.log)
			table.Channels["prod"] = tc.at
			want := map[string]layout.Stamp{}
			if tc.want != "" {
				want["prod"] = tc.want
			}
			if diff := cmp.Diff(want, table.Due(s, tc.now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDueCountsFromTheIDWhereTheTableDoesNotSay(t *testing.T) {
	t.Parallel()
	s := settings(layout.Channel{Name: "prod", Follows: true, Delay: 7 * day})
	table := tableOf(map[string]layout.Stamp{"prod": ""}, "20250301T000000Z")
	table.Checkpoints[0].Committed = ""
	if due := table.Due(s, "20250307T235959Z"); len(due) != 0 {
		t.Errorf("due early: %v", due)
	}
	if due := table.Due(s, "20250308T000000Z"); due["prod"] != "20250301T000000Z" {
		t.Errorf("not due: %v", due)
	}
}

func TestFitsNoticesEveryChange(t *testing.T) {
	t.Parallel()
	canary, prod := layout.Channel{Name: "canary", Follows: true}, layout.Channel{Name: "prod", Follows: true, Delay: 7 * day}
	s := settings(canary, prod)
	var h history
	h.commit("20250301T000000Z", "20250301T000000Z")
	table := fold(t, s, h)
	b, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if table, err = layout.DecodeTable(b); err != nil || !table.Fits(s) || !table.Fits(settings(prod, canary)) {
		t.Errorf("the table does not fit the settings it was made with, or not in another order: %v", err)
	}
	changes := map[string]func(*layout.Settings){
		"answer":               func(s *layout.Settings) { s.Rewrite = true },
		"pruned":               func(s *layout.Settings) { s.Nearest = true },
		"public path":          func(s *layout.Settings) { s.PublicPath = "/mirror/" },
		"base path":            func(s *layout.Settings) { s.BasePath = "other" },
		"open before":          func(s *layout.Settings) { s.OpenBefore = first },
		"a channel more":       func(s *layout.Settings) { s.Channels = append(s.Channels, layout.Channel{Name: "frozen"}) },
		"a channel fewer":      func(s *layout.Settings) { s.Channels = s.Channels[:1] },
		"another delay":        func(s *layout.Settings) { s.Channels[1].Delay = day },
		"the newest no longer": func(s *layout.Settings) { s.Channels[0].Follows = false },
		"another name":         func(s *layout.Settings) { s.Channels[0].Name = "ring0" },
	}
	for name, change := range changes {
		changed := settings(canary, prod)
		change(&changed)
		if table.Fits(changed) {
			t.Errorf("%s: a table of other settings fits", name)
		}
		if again := fold(t, layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: changed.PublicPath, Rewrite: changed.Rewrite,
			Nearest: changed.Nearest, OpenBefore: changed.OpenBefore, Channels: changed.Channels}, h); name != "base path" && !again.Fits(changed) {
			t.Errorf("%s: folded anew it does not fit", name)
		}
	}
}

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

func TestCleanChannel(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"prod", "ring-0", "a", "stable2025"} {
		if got, err := layout.CleanChannel(name); err != nil || got != name {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "0a", "-a", "Prod", "a_b", "a.b", "a b", "é", "a\n", "latest", "now", "log", "index", "checkpoints"} {
		if got, err := layout.CleanChannel(name); err == nil {
			t.Errorf("%q was taken as %q", name, got)
		}
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

func BenchmarkFold(b *testing.B) {
	var h history
	for _, id := range everyHours(10_000, 1) {
		h.commit(id, id)
	}
	s := settings(layout.Channel{Name: "canary", Follows: true})
	for b.Loop() {
		if _, err := layout.Fold(s, h.all); err != nil {
			b.Fatal(err)
		}
	}
}
