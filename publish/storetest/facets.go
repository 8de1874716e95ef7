package storetest

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"datestone/publish"
)

var facetPromises = []promise{
	{"a link has the bytes of the one and the header of the other", func(t *tester) {
		t.put("base/20250101T000000Z/pool/a+b~1.deb", "content")
		t.link("base/20250101T000000Z/pool/a+b~1.deb", "base/20250102T000000Z/pool/c d?.html", "content")
		t.wantBody("base/20250102T000000Z/pool/c d?.html", "content")
		t.wantBody("base/20250101T000000Z/pool/a+b~1.deb", "content")
	}},
	{"a link of no bytes and one of 6 MiB are whole", func(t *tester) {
		for key, body := range map[string]string{"none": "", "large": noise(6 << 20)} {
			t.put(key, body)
			t.link(key, "linked/"+key, body)
			t.wantBody("linked/"+key, body)
		}
	}},
	{"hard keys can be linked from and to", func(t *tester) {
		t.each(hardKeys, func(key string) error {
			t.put(key, key)
			t.link(key, "l/"+key, key)
			t.wantBody("l/"+key, key)
			return nil
		})
	}},
	{"a link from what is missing is fs.ErrNotExist", func(t *tester) {
		err := t.linker().Link(t.ctx, "nothing", object("new", "x"))
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Link = %v, want fs.ErrNotExist", err)
		}
		t.wantMissing("new")
		t.put("old", "x")
		if err := t.linker().Link(t.ctx, "no/such/thing", object("old", "x")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Link = %v, want fs.ErrNotExist", err)
		}
		t.wantBody("old", "x")
	}},
	{"a link to where the same bytes stand changes nothing", func(t *tester) {
		t.put("a", "same")
		t.put("b", "same")
		t.link("a", "b", "same")
		t.link("a", "a", "same")
		t.link("b", "a", "same")
		t.link("a", "new", "same")
		t.link("a", "new", "same")
		for _, key := range []string{"a", "b", "new"} {
			t.wantBody(key, "same")
		}
	}},
	{"a link replaces other bytes", func(t *tester) {
		t.put("a", "new bytes")
		t.put("b", "old bytes")
		t.put("c", "of another length")
		t.link("a", "b", "new bytes")
		t.link("a", "c", "new bytes")
		t.wantBody("b", "new bytes")
		t.wantBody("c", "new bytes")
	}},
	{"a link outlives what it was made from", func(t *tester) {
		t.put("a", "content")
		t.link("a", "b", "content")
		t.put("a", "other")
		t.wantBody("b", "content")
		t.delete("a")
		t.wantBody("b", "content")
		t.link("b", "c", "content")
		t.delete("b")
		t.wantMissing("b")
		t.wantBody("c", "content")
	}},
	{"a new put leaves links to the old one alone", func(t *tester) {
		t.put("a", "content")
		t.link("a", "b", "content")
		t.put("b", "CONTENT")
		t.wantBody("a", "content")
		t.wantBody("b", "CONTENT")
	}},
	{"what is deleted is missing, the rest is not", func(t *tester) {
		t.putAll([]string{"d/1", "d/2", "d/sub/3", "d-4"})
		t.delete("d/1")
		t.wantMissing("d/1")
		t.wantList("", "d-4", "d/2", "d/sub/3")
		t.delete("d/sub/3", "d/2")
		t.wantList("", "d-4")
		t.put("d", "where a directory was")
		t.wantBody("d", "where a directory was")
	}},
	{"a key at which nothing stands is deleted", func(t *tester) {
		t.delete("nothing")
		t.delete("no/such/nothing", "nor/this")
		t.delete()
		t.put("a/b", "x")
		t.delete("a", "a/b/c", "a/c")
		t.wantBody("a/b", "x")
	}},
	{"hard keys can be deleted", func(t *tester) {
		t.putAll(hardKeys)
		t.delete(hardKeys...)
		t.wantList("")
	}},
	{"what is purged is missing, the rest is not", func(t *tester) {
		t.putAll([]string{"d/1", "d/10", "d/1.deb"})
		t.put("d/2", "content")
		t.link("d/2", "d/3", "content")
		t.put("d/2", "CONTENT")
		t.purge("d/1", "d/2")
		t.wantMissing("d/1")
		t.wantMissing("d/2")
		t.wantList("", "d/1.deb", "d/10", "d/3")
		t.wantBody("d/3", "content")
		t.purge("d/1", "d/2", "no/such/thing")
		t.purge()
		t.wantList("", "d/1.deb", "d/10", "d/3")
	}},
	{"hard keys can be purged", func(t *tester) {
		t.putAll(hardKeys)
		t.purge(hardKeys...)
		t.wantList("")
	}},
	{"a store that syncs does", func(t *tester) {
		s, ok := t.store.(publish.Syncer)
		if !ok {
			t.Skip("the store is no publish.Syncer: what it wrote is durable")
		}
		t.put("a/b", "x")
		if err := s.Sync(t.ctx); err != nil {
			t.Fatalf("Sync: %v", err)
		}
		t.wantBody("a/b", "x")
	}},
	{"a store with a clock has the time", func(t *tester) {
		c, ok := t.store.(publish.Clock)
		if !ok {
			t.Skip("the store is no publish.Clock")
		}
		now, err := c.Now(t.ctx)
		if err != nil {
			t.Fatalf("Now: %v", err)
		}
		if off := time.Since(now).Abs(); off > time.Hour {
			t.Errorf("Now = %v, %v off", now, off)
		}
	}},
}

func (t *tester) linker() publish.Linker {
	t.Helper()
	l, ok := t.store.(publish.Linker)
	if !ok {
		t.Fatalf("%T is no publish.Linker", t.store)
	}
	return l
}

func (t *tester) deleter() publish.Deleter {
	t.Helper()
	d, ok := t.store.(publish.Deleter)
	if !ok {
		t.Fatalf("%T is no publish.Deleter", t.store)
	}
	return d
}

func (t *tester) purge(keys ...string) {
	t.Helper()
	p, ok := t.store.(publish.Purger)
	if !ok {
		t.Fatalf("%T is no publish.Purger", t.store)
	}
	if err := p.Purge(t.ctx, keys...); err != nil {
		t.Fatalf("Purge(%s): %v", short(strings.Join(keys, " ")), err)
	}
}

func (t *tester) link(from, to, body string) {
	t.Helper()
	if err := t.linker().Link(t.ctx, from, object(to, body)); err != nil {
		t.Fatalf("Link(%q, %q): %v", from, to, err)
	}
}

func (t *tester) delete(keys ...string) {
	t.Helper()
	if err := t.deleter().Delete(t.ctx, keys...); err != nil {
		t.Fatalf("Delete(%s): %v", short(strings.Join(keys, " ")), err)
	}
}
