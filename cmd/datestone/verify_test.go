package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
)

// The checkpoints of a damagedSite, and where they stand.
const (
	vBase              = "checkpoints/myfile"
	vOne  layout.Stamp = "20250318T140338Z"
	vTwo  layout.Stamp = "20250319T140338Z"
	vLast layout.Stamp = "20250320T140338Z"
	vNow  layout.Stamp = "20250321T000000Z"
)

// A damagedSite is a site whose objects are exchanged, and put back.
type damagedSite struct {
	*e2eSite
	store publish.Store
	undo  []func()
}

func newDamagedSite(t *testing.T, kind e2eStore) *damagedSite {
	s := newE2ESite(t, kind, newE2ERemote(t), "/pre/fix", "/")
	for i, id := range []layout.Stamp{vOne, vTwo, vLast} {
		s.see([]string{"one", "two", "three"}[i])
		s.run(id, "run")
	}
	return &damagedSite{e2eSite: s, store: s.open()}
}

// isDirectory reports whether the store keeps neither digests nor headers.
func (s *damagedSite) isDirectory() bool { return s.kind.server == nil }

func (s *damagedSite) read(key string) (string, layout.Header) {
	s.t.Helper()
	r, info, err := s.store.Get(s.t.Context(), key, 0, -1)
	must(s.t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(s.t, err)
	return string(b), info.Header
}

func (s *damagedSite) write(key, body string, h layout.Header) {
	s.t.Helper()
	o := layout.Object{Key: key, Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body)), Header: h}
	_, err := s.store.Put(s.t.Context(), publish.Bytes(o, []byte(body)))
	must(s.t, err)
}

// replace puts other bytes where something stands.
func (s *damagedSite) replace(key string, change func(string) string) {
	s.t.Helper()
	old, h := s.read(key)
	if h == (layout.Header{}) {
		h = layout.HeaderFor(layout.Content, key)
	}
	fresh := change(old)
	if fresh == old {
		s.t.Fatalf("%s: the damage changes nothing", key)
	}
	s.undo = append(s.undo, func() { s.write(key, old, h) })
	s.write(key, fresh, h)
}

func (s *damagedSite) remove(key string) {
	s.t.Helper()
	old, h := s.read(key)
	s.undo = append(s.undo, func() { s.write(key, old, h) })
	must(s.t, s.store.(publish.Deleter).Delete(s.t.Context(), key))
}

func (s *damagedSite) plant(key string) {
	s.t.Helper()
	s.undo = append(s.undo, func() { must(s.t, s.store.(publish.Deleter).Delete(s.t.Context(), key)) })
	s.write(key, "foreign", layout.HeaderFor(layout.Content, key))
}

func (s *damagedSite) dress(key string, h layout.Header) {
	s.t.Helper()
	body, old := s.read(key)
	s.undo = append(s.undo, func() { s.write(key, body, old) })
	s.write(key, body, h)
}

func (s *damagedSite) restore() {
	for _, undo := range slices.Backward(s.undo) {
		undo()
	}
	s.undo = nil
}

// record returns what a record says.
func (s *damagedSite) record(n int) layout.Record {
	s.t.Helper()
	body, _ := s.read(layout.RecordKey(vBase, n))
	r, err := layout.DecodeRecord([]byte(body))
	must(s.t, err)
	return r
}

// verified returns what verify finds, as "kind key", and holds its exit code
// against that.
func (s *damagedSite) verified(args ...string) []string {
	s.t.Helper()
	code, out, said := s.try(vNow, append([]string{"verify", "--json"}, args...)...)
	found := []string{}
	for line := range strings.Lines(out) {
		var f finding
		must(s.t, json.Unmarshal([]byte(line), &f))
		if f.Detail == "" {
			s.t.Errorf("%s: no detail", line)
		}
		found = append(found, f.Kind+" "+strings.TrimPrefix(strings.ReplaceAll(f.Key, s.dir, "DIR"), vBase+"/"))
	}
	want := exitDone
	if len(found) > 0 {
		want = exitDamage
	}
	if code != want {
		s.t.Errorf("exit code %d with %d findings: %s", code, len(found), said)
	}
	return found
}

// sameLength changes bytes and not their number.
func sameLength(old string) string {
	return strings.Map(func(r rune) rune { return r ^ 1 }, old[:1]) + old[1:]
}

// A damage is one thing that goes wrong, and what verify says of it.
type damage struct {
	name string
	do   func(*damagedSite)
	want []string
	// blind is what is seen of it in a directory without --deep, which knows
	// sizes only; nil means the same.
	blind []string
	// of says where it can happen: "" everywhere, else "s3" or "file".
	of string
}

func vKey(id layout.Stamp, path string) string { return layout.Key(vBase, id, path) }

var nothingSeen = []string{}

func damages() []damage {
	file := func(path string) string { return vKey(vTwo, path) }
	return []damage{
		{name: "nothing", do: func(*damagedSite) {}, want: nothingSeen},
		{name: "a file is missing", do: func(s *damagedSite) { s.remove(file("1.iso")) }, want: []string{"missing 20250319T140338Z/1.iso"}},
		{name: "a file whose name is escaped is missing", do: func(s *damagedSite) { s.remove(file("é/ü~%41#?'\".xz")) },
			want: []string{"missing 20250319T140338Z/é/ü~%41#?'\".xz"}},
		{name: "a file is truncated", do: func(s *damagedSite) { s.replace(file("1.iso"), func(b string) string { return b[:len(b)-1] }) },
			want: []string{"size 20250319T140338Z/1.iso"}},
		{name: "a file is empty", do: func(s *damagedSite) { s.replace(file("1.iso"), func(string) string { return "" }) },
			want: []string{"size 20250319T140338Z/1.iso"}},
		{name: "a file has other bytes of the same size", do: func(s *damagedSite) { s.replace(file("sub/deep/er/100%"), sameLength) },
			want: []string{"bytes 20250319T140338Z/sub/deep/er/100%"}, blind: nothingSeen},
		{name: "files are swapped", do: func(s *damagedSite) {
			one, _ := s.read(file("1.iso"))
			two, _ := s.read(file("2.iso"))
			s.replace(file("1.iso"), func(string) string { return two })
			s.replace(file("2.iso"), func(string) string { return one })
		}, want: []string{"bytes 20250319T140338Z/1.iso", "bytes 20250319T140338Z/2.iso"}, blind: nothingSeen},
		{name: "a file has another type", of: "s3", do: func(s *damagedSite) {
			s.dress(file("1.iso"), layout.Header{ContentType: "text/html", CacheControl: layout.HeaderFor(layout.Content, "1.iso").CacheControl})
		}, want: []string{"header 20250319T140338Z/1.iso"}},
		{name: "a page may be cached for a minute", of: "s3", do: func(s *damagedSite) {
			s.dress(file("sub/deep/index.html"), layout.HeaderFor(layout.Listing, "index.html"))
		}, want: []string{"header 20250319T140338Z/sub/deep/index.html"}},
		{name: "a record has another header", of: "s3", do: func(s *damagedSite) {
			s.dress(layout.RecordKey(vBase, 2), layout.HeaderFor(layout.Private, "2.json"))
		}, want: []string{"header log/2.json"}},
		{name: "a page is missing", do: func(s *damagedSite) { s.remove(file("sub/deep/index.html")) },
			want: []string{"missing 20250319T140338Z/sub/deep/index.html"}},
		{name: "a page has another row", do: func(s *damagedSite) {
			s.replace(file("index.html"), func(b string) string { return strings.Replace(b, "./1.iso", "./9.iso", 1) })
		}, want: []string{"bytes 20250319T140338Z/index.html"}, blind: nothingSeen},
		{name: "a page of upstream's own has other bytes", do: func(s *damagedSite) { s.replace(file("sub/index.html"), sameLength) },
			want: []string{"bytes 20250319T140338Z/sub/index.html"}, blind: nothingSeen},
		{name: "foreign objects", do: func(s *damagedSite) {
			s.plant(file("foreign"))
			s.plant(file("sub/zz/index.html"))
			s.plant(vKey("20250318T150000Z", "foreign"))
			s.plant(vBase + "/foreign")
			s.plant(vBase + "/log/foreign")
			s.plant(vBase + "/20250318/index.html")
			s.plant(vBase + "/2025/03/index.html")
		}, want: []string{"unknown log/foreign", "unknown 2025/03/index.html", "unknown 20250318/index.html", "unknown 20250318T150000Z/foreign",
			"unknown 20250319T140338Z/foreign", "unknown 20250319T140338Z/sub/zz/index.html", "unknown foreign"}},
	}
}

func logDamages() []damage {
	return []damage{
		{name: "a record is removed from the middle", do: func(s *damagedSite) { s.remove(layout.RecordKey(vBase, 2)) }, want: []string{"missing log/2.json"}},
		{name: "the last record is removed", do: func(s *damagedSite) { s.remove(layout.RecordKey(vBase, 3)) }, want: []string{"missing log/3.json"}},
		{name: "records are swapped", do: func(s *damagedSite) {
			one, _ := s.read(layout.RecordKey(vBase, 1))
			two, _ := s.read(layout.RecordKey(vBase, 2))
			s.replace(layout.RecordKey(vBase, 1), func(string) string { return two })
			s.replace(layout.RecordKey(vBase, 2), func(string) string { return one })
		}, want: []string{"chain log/1.json", "chain log/2.json"}},
		{name: "a record is rewritten", do: func(s *damagedSite) {
			r := s.record(2)
			r.Time = vNow
			body, err := r.Encode()
			must(s.t, err)
			s.replace(layout.RecordKey(vBase, 2), func(string) string { return string(body) })
		}, want: []string{"chain log/3.json"}},
		{name: "the last record is rewritten", do: func(s *damagedSite) {
			r := s.record(3)
			r.Time = vNow
			body, err := r.Encode()
			must(s.t, err)
			s.replace(layout.RecordKey(vBase, 3), func(string) string { return string(body) })
		}, want: []string{"bytes checkpoints.json"}},
		{name: "a record is no record", do: func(s *damagedSite) { s.replace(layout.RecordKey(vBase, 1), sameLength) }, want: []string{"chain log/1.json"}},
		{name: "a file list is missing", do: func(s *damagedSite) { s.remove(layout.FileListKey(vBase, s.record(2).List.SHA256)) },
			want: []string{"missing log/LIST2"}},
		{name: "a file list has other bytes", do: func(s *damagedSite) {
			s.replace(layout.FileListKey(vBase, s.record(2).List.SHA256), func(b string) string { return b[:len(b)-6] })
		}, want: []string{"bytes log/LIST2"}},
		{name: "a file list is another one", do: func(s *damagedSite) {
			other, _ := s.read(layout.FileListKey(vBase, s.record(1).List.SHA256))
			s.replace(layout.FileListKey(vBase, s.record(2).List.SHA256), func(string) string { return other })
		}, want: []string{"bytes log/LIST2"}},
		{name: "the table is edited", do: func(s *damagedSite) {
			s.replace(layout.TableKey(vBase), func(b string) string { return strings.Replace(b, `"files":10`, `"files":11`, 1) })
		}, want: []string{"bytes checkpoints.json"}},
		{name: "a channel of the table is edited", do: func(s *damagedSite) {
			s.replace(layout.TableKey(vBase), func(b string) string { return strings.Replace(b, `"prod":"`+string(vLast), `"prod":"`+string(vOne), 1) })
		}, want: []string{"bytes checkpoints.json"}},
		{name: "the table is no table", do: func(s *damagedSite) { s.replace(layout.TableKey(vBase), func(string) string { return "{}" }) },
			want: []string{"bytes checkpoints.json"}},
		{name: "the table is missing", do: func(s *damagedSite) { s.remove(layout.TableKey(vBase)) }, want: []string{"missing checkpoints.json"}},
		{name: "the listing is edited", do: func(s *damagedSite) {
			s.replace(layout.ListingKey(vBase), func(b string) string { return strings.Replace(b, "./"+string(vTwo), "./"+string(vOne), 1) })
		}, want: []string{"bytes index.html"}},
		{name: "the listing is missing", do: func(s *damagedSite) { s.remove(layout.ListingKey(vBase)) }, want: []string{"missing index.html"}},
		{name: "the list of repositories is edited", do: func(s *damagedSite) {
			s.replace(layout.RepositoriesKey, func(b string) string { return strings.Replace(b, `"myfile"`, `"other"`, 1) })
		}, want: []string{"bytes repositories.json"}},
		{name: "the list of repositories is none", do: func(s *damagedSite) { s.replace(layout.RepositoriesKey, sameLength) },
			want: []string{"bytes repositories.json"}},
		{name: "the pages above are missing and edited", do: func(s *damagedSite) {
			s.remove("index.html")
			s.replace("checkpoints/index.html", func(b string) string { return strings.Replace(b, "./myfile/", "./m/", 1) })
		}, want: []string{"bytes checkpoints/index.html", "missing index.html"}},
	}
}

// TestVerifyFinds plants every kind of damage on every kind of store (each
// driver, each server), and wants it named by its key, and nothing else.
func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	for _, kind := range []e2eStore{e2eStores[0], e2eStores[1], e2eStores[4]} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newDamagedSite(t, kind)
			for _, d := range append(damages(), logDamages()...) {
				if d.of == "s3" && s.isDirectory() {
					continue
				}
				s.find(d)
			}
			if d := cmp.Diff(nothingSeen, s.verified("--deep")); d != "" {
				t.Errorf("all is as it was (-want +got):\n%s", d)
			}
		})
	}
}

func (s *damagedSite) find(d damage) {
	s.t.Helper()
	list := strings.TrimPrefix(layout.FileListKey(vBase, s.record(2).List.SHA256), vBase+"/log/")
	d.do(s)
	defer s.restore()
	for _, args := range [][]string{{"--deep"}, {}} {
		want := slices.Clone(d.want)
		if len(args) == 0 && s.isDirectory() && d.blind != nil {
			want = d.blind
		}
		for i := range want {
			want[i] = strings.Replace(want[i], "LIST2", list, 1)
		}
		if diff := cmp.Diff(want, s.verified(args...)); diff != "" {
			s.t.Errorf("%s, %v (-want +got):\n%s", d.name, args, diff)
		}
	}
}

// TestVerifyMachine plants damage on the machine itself: rules and index.
func TestVerifyMachine(t *testing.T) {
	t.Parallel()
	s := newDamagedSite(t, e2eStores[0])
	rules := filepath.Join(s.dir, "redirects", "json", "datestone.json")
	body, err := os.ReadFile(rules)
	must(t, err)
	must(t, os.WriteFile(rules, bytes.Replace(body, []byte(vTwo), []byte(vOne), 1), 0o666))
	if d := cmp.Diff([]string{"rules DIR/redirects/json/datestone.json"}, s.verified()); d != "" {
		t.Errorf("rules are edited (-want +got):\n%s", d)
	}
	must(t, os.RemoveAll(filepath.Join(s.dir, "redirects")))
	if d := cmp.Diff(nothingSeen, s.verified()); d != "" {
		t.Errorf("a machine without rules (-want +got):\n%s", d)
	}
	index := filepath.Join(s.dir, "datestone.db")
	whole, err := os.ReadFile(index)
	must(t, err)
	at := bytes.Index(whole, []byte("1.iso"))
	if at < 0 {
		t.Fatal("the index does not have what is to be changed")
	}
	for n, i := 0, at; i >= 0 && n < 40; n++ { // some are in pages that are free
		whole[at] ^= 1
		if i = bytes.Index(whole[at+1:], []byte("1.iso")); i >= 0 {
			at += 1 + i
		}
	}
	must(t, os.WriteFile(index, whole, 0o666))
	if d := cmp.Diff([]string{"index DIR/datestone.db"}, s.verified()); d != "" {
		t.Errorf("bits of the index are flipped (-want +got):\n%s", d)
	}
}
