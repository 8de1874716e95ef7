package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"datestone/layout"
)

// A faultStep is one run of a story: what the remote has by then, the clock,
// and the command.
type faultStep struct {
	name  string
	now   layout.Stamp
	files content
	args  []string
}

// faultStory is what happens to one repository: it grows, changes (bytes
// replaced under one path, a file gone, a new directory, the same content
// twice), a channel moves while nothing is new, final_until grows old, and a
// claim is superseded before it is committed.
func faultStory() []faultStep {
	one := content{"1.iso": "one", "2.iso": "two", "dir/a+b ~é.txt": "plus"}
	two := content{"1.iso": "ONE!", "dir/a+b ~é.txt": "plus", "dir/sub/new": "new", "twin": "new"}
	return []faultStep{
		{"first", "20250318T140338Z", one, []string{"run"}},
		{"changed", "20250318T150000Z", two, []string{"run"}},
		{"channel moves", "20250318T160000Z", two, []string{"run"}},
		{"final_until is old", "20250319T170000Z", two, []string{"run"}},
		{"claimed", "20250319T180000Z", content{"1.iso": "never seen", "3.iso": "three"}, []string{"sync"}},
		{"superseded", "20250319T190000Z", content{"1.iso": "ONE!", "3.iso": "three"}, []string{"run"}},
	}
}

// pruneStory is what follows when the story stands at its third step: what
// nothing leads to any more is pruned, and deleted when its time has come.
func pruneStory() []faultStep {
	return []faultStep{
		{"pruned", "20250318T170000Z", nil, []string{"prune"}},
		{"swept", "20250319T170000Z", nil, []string{"prune"}},
	}
}

const faultConfig = `
bucket: file:SITE
index: ./datestone.db
public_url: https://snapshots.example.org/
repositories:
  - name: myfile
    base_path: checkpoints/myfile
    remote: {type: file, url: "URL/PULP_MANIFEST", mode: MODE, headers: {X-State: "STATE"}}
    channels: {canary: {delay: 0h}, prod: {delay: 30m}, frozen: {}}
    keep: {last: 1, grace: 24h}
redirects: {targets: [json], out: ./redirects, exec: ["true"], refresh: 24h}
`

// faultDir makes the directory in which a run stands: an empty bucket.
func faultDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "site"), 0o777))
	return dir
}

// A faultRemote is a web server that has all states of the story at once; the
// configuration says by a header, which is no part of the log, which of them a
// run is to see.
type faultRemote struct {
	*httptest.Server
	mode string
	site string // the bucket's directory; empty for one of its own below each
	more string // of the configuration
}

func newFaultRemote(t testing.TB, mode string) faultRemote {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, step := range faultStory() {
			if step.name == r.Header.Get("X-State") {
				step.files.serve(w, r)
				return
			}
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return faultRemote{s, mode, "", ""}
}

func (c content) serve(w http.ResponseWriter, r *http.Request) {
	body, ok := c[strings.TrimPrefix(r.URL.Path, "/")]
	if r.URL.Path == "/PULP_MANIFEST" {
		body, ok = c.manifest(), true
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf("%q", layout.DigestOf([]byte(body))))
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
}

func (c content) manifest() string {
	var b strings.Builder
	for _, p := range sortedKeys(c) {
		fmt.Fprintf(&b, "%s,%s,%d\n", p, layout.DigestOf([]byte(c[p])), len(c[p]))
	}
	return b.String()
}

// show writes a configuration that sees the remote as it is at the step.
func (r faultRemote) show(t testing.TB, dir string, s faultStep) {
	t.Helper()
	text := strings.NewReplacer("URL", r.URL, "MODE", r.mode, "STATE", s.name, "SITE", cmp.Or(r.site, "./site")).Replace(faultConfig) + r.more
	must(t, os.WriteFile(filepath.Join(dir, "datestone.yaml"), []byte(text), 0o666))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A siteBytes is what stands somewhere, by key or name.
type siteBytes map[string]string

// readTree reads a directory whole; one that is missing is empty.
func readTree(dir string) (siteBytes, error) {
	found := siteBytes{}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone while we walked
		}
		rel, _ := filepath.Rel(dir, name)
		found[filepath.ToSlash(rel)] = string(b)
		return err
	})
	return found, err
}

// differ says in which keys two sites differ; nothing when they do not.
func differ(got, want siteBytes) string {
	var b strings.Builder
	keys := maps.Clone(got)
	maps.Copy(keys, want)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		g, ok := got[key]
		w, wanted := want[key]
		switch {
		case !ok:
			fmt.Fprintf(&b, "missing %s\n", key)
		case !wanted:
			fmt.Fprintf(&b, "left over %s: %.300q\n", key, g)
		case g != w:
			fmt.Fprintf(&b, "other bytes in %s: %.1200q\nwant %.1200q\n", key, g, w)
		}
	}
	return b.String()
}

// tellsTruth wants every checkpoint that the table, the listing or the rules
// name to be committed and complete. The rules are those below rules; they are
// read before the site is, as a run goes on meanwhile.
func tellsTruth(rules string, look func() (siteBytes, error)) error {
	const base = "checkpoints/myfile"
	named := map[layout.Stamp]string{}
	if err := namedByRules(rules, named); err != nil {
		return err
	}
	site, err := look()
	if err != nil {
		return err
	}
	if body, ok := site[layout.TableKey(base)]; ok {
		t, err := tableIn(body)
		if err != nil {
			return err
		}
		for _, c := range t.Checkpoints {
			named[c.ID] = "table"
		}
	}
	ids, _ := stampsIn(site[layout.ListingKey(base)])
	for _, id := range ids {
		named[id] = "listing"
	}
	for id, by := range named {
		if err := completeIn(site, base, id); err != nil {
			return fmt.Errorf("the %s names checkpoint %s, which is not complete: %w", by, id, err)
		}
	}
	return nil
}

// once makes a function of text remember what it found: a site is looked at
// after each of its changes, and most of it stays what it was.
func once[T any](f func(text string) (T, error)) func(string) (T, error) {
	type found struct {
		value T
		err   error
	}
	var all sync.Map
	return func(text string) (T, error) {
		known, ok := all.Load(text)
		if !ok {
			value, err := f(text)
			known, _ = all.LoadOrStore(text, found{value, err})
		}
		return known.(found).value, known.(found).err
	}
}

var (
	tableIn  = once(func(text string) (layout.Table, error) { return layout.DecodeTable([]byte(text)) })
	recordIn = once(func(text string) (layout.Record, error) { return layout.DecodeRecord([]byte(text)) })
	// filesIn are those of a compressed list.
	filesIn = once(func(packed string) (files []layout.File, err error) {
		z, err := zstd.NewReader(strings.NewReader(packed), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		for f, err := range layout.ReadFileList(z) {
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		return files, nil
	})
	// stampsIn are the words of a page that are timestamps.
	stampsIn = once(func(page string) (ids []layout.Stamp, _ error) {
		for word := range strings.FieldsFuncSeq(page, func(r rune) bool { return strings.ContainsRune(`/"<> `, r) }) {
			if id, err := layout.ParseStamp(word); err == nil {
				ids = append(ids, id)
			}
		}
		return ids, nil
	})
)

func namedByRules(dir string, named map[layout.Stamp]string) error {
	body, err := os.ReadFile(filepath.Join(dir, "json", "datestone.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var rules struct {
		Repositories []struct {
			Channels map[string]layout.Stamp
			Spans    [][]any
		}
	}
	if err == nil {
		err = json.Unmarshal(body, &rules)
	}
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	for _, r := range rules.Repositories {
		for _, id := range r.Channels {
			if id != "" {
				named[id] = "rules"
			}
		}
		for _, span := range r.Spans {
			if id, ok := span[1].(string); ok {
				named[layout.Stamp(id)] = "rules"
			}
		}
	}
	return nil
}

// completeIn looks for the commit of id, and for all that it promises.
func completeIn(site siteBytes, base string, id layout.Stamp) error {
	for n := 1; ; n++ {
		body, ok := site[layout.RecordKey(base, n)]
		if !ok {
			return fmt.Errorf("%d records, none commits it", n-1)
		}
		r, err := recordIn(body)
		if err != nil {
			return err
		}
		if r.Kind != layout.Commit || r.ID != id {
			continue
		}
		files, err := filesIn(site[layout.FileListKey(base, r.List.SHA256)])
		if err != nil {
			return err
		}
		for _, f := range files {
			key := layout.Key(base, id, f.Path)
			body, ok := site[key]
			if !ok && !redactedIn(site, base, f.SHA256) || ok && layout.DigestOf([]byte(body)) != f.SHA256 {
				return fmt.Errorf("%q is missing or wrong", key)
			}
		}
		if _, ok := site[path.Join(base, string(id), "index.html")]; !ok {
			return errors.New("it has no page")
		}
		return nil
	}
}

// redactedIn reports whether the log says of content that it was removed.
func redactedIn(site siteBytes, base string, sum layout.Digest) bool {
	for n := 1; ; n++ {
		r, err := recordIn(site[layout.RecordKey(base, n)])
		if err != nil || slices.Contains(r.Redacted, sum) {
			return err == nil
		}
	}
}
