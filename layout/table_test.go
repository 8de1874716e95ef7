package layout_test

import (
	"fmt"
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
		{"a kind of a newer datestone", "graft", func(*layout.Record) {}, `kind "graft", written by a newer datestone`},
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
