//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"datestone/layout"
	"datestone/redirects"
	"datestone/sync/pulpmanifest"
)

// A chaosReader polls a site while everything goes wrong, and remembers what
// it was told for ever. That a server is down it takes as it comes.
type chaosReader struct {
	story *chaosStory
	rng   *rand.Rand
	told  map[string]layout.Table // the newest table, by repository
	final map[string]layout.Stamp // where a 301 led, by base path and moment
	by    map[string]bool         // that an edge said so itself, by edge, base path and moment
}

func newChaosReader(s *chaosStory, rng *rand.Rand) *chaosReader {
	return &chaosReader{story: s, rng: rng, told: map[string]layout.Table{}, final: map[string]layout.Stamp{}, by: map[string]bool{}}
}

// wrong takes down what no reader may ever see.
func (r *chaosReader) wrong(format string, args ...any) {
	r.story.said.add("THE READER: "+format, args...)
	r.story.t.Errorf("the reader: "+format, args...)
}

// read polls until stop is closed.
func (r *chaosReader) read(stop <-chan struct{}) {
	for !r.story.t.Failed() {
		select {
		case <-stop:
			return
		case <-time.After(4 * time.Millisecond):
		}
		repo := oneOfThem(r.rng, chaosRepos)
		if t, ok := r.table(repo); ok {
			r.hold(repo, t)
			r.page(repo)
			r.ask(repo)
		}
		r.askEdge(oneOfThem(r.rng, r.story.machines))
	}
}

// get reads an object; neither found nor missing means that the server is down.
func (r *chaosReader) get(key string) (body []byte, found, missing bool) {
	o, _, err := r.story.store.Get(r.story.t.Context(), key, 0, -1)
	if err != nil {
		return nil, false, errors.Is(err, fs.ErrNotExist)
	}
	defer o.Close()
	body, err = io.ReadAll(o)
	return body, err == nil, false
}

// table reads a table, which never goes back, nor away.
func (r *chaosReader) table(repo chaosRepo) (t layout.Table, ok bool) {
	before, known := r.told[repo.name]
	body, found, missing := r.get(layout.TableKey(repo.base))
	if !found {
		if missing && known {
			r.wrong("the table of %s is gone", repo.name)
		}
		return t, false
	}
	t, err := layout.DecodeTable(body)
	if err != nil || t.Log.Entries < before.Log.Entries || t.Log.Entries == before.Log.Entries && t.Log != before.Log && known {
		r.wrong("the table of %s went from %v to %v: %v", repo.name, before.Log, t.Log, err)
		return t, false
	}
	return t, true
}

// hold wants all that was announced to be announced still, or pruned, what is
// new whole, and something of what is not.
func (r *chaosReader) hold(repo chaosRepo, t layout.Table) {
	before := r.told[repo.name]
	r.told[repo.name] = t
	for _, c := range before.Checkpoints {
		if _, ok := t.Find(c.ID); !ok && !t.IsGone(c.ID) {
			r.wrong("%s has lost checkpoint %s", repo.name, c.ID)
		}
	}
	for _, c := range t.Checkpoints {
		if _, ok := before.Find(c.ID); !ok {
			r.story.tally.checkpoints.Add(1)
			r.whole(repo, c, 1000)
		}
	}
	if len(t.Checkpoints) > 0 {
		r.whole(repo, oneOfThem(r.rng, t.Checkpoints), 3)
	}
}

// whole wants files of a listed checkpoint, at most so many, chosen at random:
// as its own manifest says, which must be one that upstream had.
func (r *chaosReader) whole(repo chaosRepo, c layout.Checkpoint, most int) {
	r.listed(repo, c, "index.html", layout.Digest{})
	if c.Files == 0 {
		return // published by force, before there was anything
	}
	body, ok := r.listed(repo, c, "PULP_MANIFEST", layout.Digest{})
	if !ok {
		return
	}
	files, err := pulpmanifest.Files(body, "PULP_MANIFEST")
	leftOut := len(files) - (c.Files - 1) // what was redacted before
	if err != nil || leftOut < 0 || leftOut > 0 && !r.story.redacts || repo.mode == "mirror" && !r.story.remote.had(layout.DigestOf(body)) {
		r.wrong("%s/%s has a manifest that upstream never had, of %d files, the table says %d: %v", repo.base, c.ID, len(files), c.Files, err)
		return
	}
	r.rng.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for _, f := range files[:min(most, len(files))] {
		r.listed(repo, c, f.Path, f.SHA256)
	}
}

// listed reads a file of a checkpoint that a table lists: it is there, unless
// it was pruned or redacted meanwhile, and has the digest, if one is given.
func (r *chaosReader) listed(repo chaosRepo, c layout.Checkpoint, path string, want layout.Digest) ([]byte, bool) {
	body, found, missing := r.get(layout.Key(repo.base, c.ID, path))
	if missing {
		now, ok := r.truth(r.told[repo.name])
		if _, redacted := now.Redaction(want); ok && !redacted && !now.IsGone(c.ID) {
			r.wrong("%s/%s was announced and not pruned, but lacks %s", repo.base, c.ID, path)
		}
	}
	if !found {
		return nil, false
	}
	r.story.tally.reads.Add(1)
	if got := layout.DigestOf(body); !want.IsZero() && got != want {
		r.wrong("%s/%s/%s has the SHA-256 %s, its manifest says %s", repo.base, c.ID, path, got, want)
	}
	return body, true
}

// page wants what the page lists to be in the table that is read after it.
func (r *chaosReader) page(repo chaosRepo) {
	body, found, _ := r.get(layout.ListingKey(repo.base))
	if !found {
		return
	}
	t, ok := r.table(repo)
	if !ok {
		return
	}
	rows, _, _ := strings.Cut(string(body), "</pre>") // what follows tells how to ask for times
	for _, id := range e2eID.FindAllString(rows, -1) {
		if _, ok := t.Find(layout.Stamp(id)); !ok && !t.IsGone(layout.Stamp(id)) {
			r.wrong("the page of %s lists %s, the table does not", repo.name, id)
		}
	}
}

// ask asks an edge that has the newest table for a few moments.
func (r *chaosReader) ask(repo chaosRepo) {
	t := r.told[repo.name]
	if len(t.Checkpoints) == 0 {
		return
	}
	edge := redirects.New([]layout.Table{t})
	for range 5 {
		m := r.moment(t)
		a := edge.Resolve(layout.URLPath(repo.base)+"/"+string(m)+"/x", layout.StampOf(time.Now()))
		if a.Status == 200 { // the moment is a checkpoint
			r.answered("one with the newest table", t, m, m, true)
			continue
		}
		r.answered("one with the newest table", t, m, layout.Stamp(e2eID.FindString(a.Location)), a.Status == 301)
	}
}

// moment returns one between the first checkpoint and now, and a little more.
func (r *chaosReader) moment(t layout.Table) layout.Stamp {
	first := t.Checkpoints[0].ID.Time().Add(-2 * time.Second)
	return layout.StampOf(first.Add(between(r.rng, 0, time.Since(first)+3*time.Second)))
}

// answered takes an answer of an edge in: one that was final never changes,
// unless its time was pruned. Only an edge that knows less may say that it
// leads elsewhere for now.
func (r *chaosReader) answered(edge string, t layout.Table, m, id layout.Stamp, final bool) {
	key := t.BasePath + "/" + string(m)
	before, known := r.final[key]
	itself := r.by[edge+" "+key]
	if known && before != id && (final || itself) && !r.pruned(t, m) {
		r.wrong("%s led to %s for ever, and now leads to %q (301: %t) by the edge of %s", key, before, id, final, edge)
	}
	r.by[edge+" "+key] = itself || final
	if final && !known {
		r.final[key] = id
		r.story.tally.answers.Add(1)
	}
}

// pruned reports whether a moment lies in a span that was pruned, or whether
// that can't be known, as the server is down.
func (r *chaosReader) pruned(t layout.Table, m layout.Stamp) bool {
	now, ok := r.truth(t)
	return !ok || now.IsGone(m)
}

// truth returns the table with what the log has by now: rules are put in force,
// and what is redacted is removed, before a table says so.
func (r *chaosReader) truth(t layout.Table) (now layout.Table, ok bool) {
	t.Checkpoints, t.Gone, t.Channels = slices.Clone(t.Checkpoints), slices.Clone(t.Gone), maps.Clone(t.Channels)
	for {
		body, found, missing := r.get(layout.RecordKey(t.BasePath, t.Log.Entries+1))
		if !found {
			return t, missing
		}
		record, err := layout.DecodeRecord(body)
		if err == nil {
			err = t.Apply(layout.Settings{}, layout.Entry{Record: record, SHA256: layout.DigestOf(body)})
		}
		if err != nil {
			r.wrong("%v", err)
			return t, false
		}
	}
}

// askEdge asks a machine's own edge, which may know less than others, for a
// moment: what it says is final must be, and what it names must be committed.
func (r *chaosReader) askEdge(m *chaosMachine) {
	body, err := os.ReadFile(m.file("redirects/json/datestone.json"))
	if err != nil {
		return // not there yet
	}
	var rules struct {
		Repositories []struct {
			Repository string
			Spans      [][]any
		}
	}
	if err := json.Unmarshal(body, &rules); err != nil {
		r.wrong("the rules of %s: %v", m.name, err)
		return
	}
	for _, site := range rules.Repositories {
		t, known := r.told[site.Repository]
		if !known || len(t.Checkpoints) == 0 {
			continue
		}
		at := r.moment(t)
		if t.IsGone(at) {
			continue // this edge may know or not
		}
		for _, span := range slices.Backward(site.Spans) {
			if layout.Stamp(span[0].(string)) <= at {
				id, _ := span[1].(string)
				r.answered(m.name, t, at, layout.Stamp(id), span[2].(bool))
				break
			}
		}
	}
}

// judge reads the whole site once more in the end.
func (r *chaosReader) judge() {
	for _, repo := range chaosRepos {
		if t, ok := r.table(repo); ok {
			for _, c := range t.Checkpoints {
				r.whole(repo, c, 1000)
			}
		}
	}
}
