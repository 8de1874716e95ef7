package storetest

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

var keyPromises = []promise{
	{"keys are kept character by character", func(t *tester) {
		t.each(hardKeys, func(key string) error {
			t.put(key, "body of "+key)
			return nil
		})
		t.wantList("", slices.Sorted(slices.Values(hardKeys))...)
		t.each(hardKeys, func(key string) error {
			t.wantBody(key, "body of "+key)
			t.wantList(key, key)
			return nil
		})
	}},
	{"a prefix is the beginning of a key, not a directory", func(t *tester) {
		t.putAll([]string{"a.txt", "a/1", "a/b/2", "a/b-c", "a-b/1", "ab", "b/a/1", "A"})
		t.wantList("", "A", "a-b/1", "a.txt", "a/1", "a/b-c", "a/b/2", "ab", "b/a/1")
		t.wantList("a", "a-b/1", "a.txt", "a/1", "a/b-c", "a/b/2", "ab")
		t.wantList("a/", "a/1", "a/b-c", "a/b/2")
		t.wantList("a/b", "a/b-c", "a/b/2")
		t.wantList("a/b/", "a/b/2")
		t.wantList("a/b/2", "a/b/2")
		t.wantList("a-", "a-b/1")
	}},
	{"a list of nothing is empty", func(t *tester) {
		t.wantList("")
		t.wantList("no/such/")
		t.put("a/1", "x")
		t.wantList("b")
		t.wantList("a/2")
		t.wantList("a/1/")
	}},
	{"more than 1,000 keys are listed, whole and sorted, and deleted", func(t *tester) {
		many, near := numbered("many/", 1100), []string{"many-more", "many.txt", "manyfold"}
		all := slices.Sorted(slices.Values(slices.Concat(many, near)))
		t.putAll(all)
		t.wantList("many", all...)
		t.delete(slices.Concat(many, numbered("missing/", 10))...)
		t.wantList("", near...)
	}},
	{"a list gives sizes, and the versions it gives are right", func(t *tester) {
		t.put("list/3", "abc")
		t.put("list/5", "abcde")
		for info, err := range t.store.List(t.ctx, "list/") {
			if err != nil {
				t.Fatal(err)
			}
			at := t.stat(info.Key)
			if info.Size != at.Size || info.Version != "" && info.Version != at.Version {
				t.Errorf("List says %+v, Stat says %+v", info, at)
			}
		}
	}},
	{"a list may be left early", func(t *tester) {
		t.putAll(numbered("early/", 20))
		seen := 0
		for _, err := range t.store.List(t.ctx, "") {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == 3 {
				break
			}
		}
		if seen != 3 {
			t.Errorf("saw %d keys, want 3", seen)
		}
	}},
}

// hardKeys are what package repositories and layout.CleanPath let through and
// what URLs, headers, signatures and file systems stumble over.
var hardKeys = []string{
	"pool/libstdc++6_12.2.0-14+deb12u1~bpo1_amd64.deb",
	"epoch/1:2.3-4", "with space/a b", "é/ü/ß", "decomposed/e\u0301", "日本/語.rpm", "emoji/\U0001F4E6",
	"percent/100%", "percent/%2F", "percent/%41%2b%25", "hash/#1", "question/what?x=1&y=2", "ampersand/a&b=c",
	"quote/it's", "quote/\"so\"", "brackets/(1)", "brackets/[2]", "brackets/{3}", "angle/<b>", "comma/a,b;c", "at/@!$*^|`=",
	" leading", "trailing ", "dots/...", "dots/.hidden", "dots/a..b", "tilde/~", "plus/+", "-dash", "_", "double/a  b",
	strings.Repeat("s", 255),
	"long/" + strings.Repeat(strings.Repeat("d", 99)+"/", 8) + strings.Repeat("f", 80),
}

// numbered returns n keys in 7 directories.
func numbered(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%s%d/%d", prefix, i%7, i)
	}
	return keys
}

// each calls f for every key, some at once.
func (t *tester) each(keys []string, f func(key string) error) {
	t.Helper()
	var g errgroup.Group
	g.SetLimit(64)
	for _, key := range keys {
		g.Go(func() error { return f(key) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
