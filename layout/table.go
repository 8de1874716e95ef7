package layout

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// A Head is the end of a log: how many entries, and the last one's SHA-256.
type Head struct {
	Entries int    `json:"entries"`
	SHA256  Digest `json:"sha256"`
}

// Settings are what of a repository's configuration the table tells the edges.
type Settings struct {
	Repository string
	BasePath   string
	PublicPath string // "/" or "/mirror/"
	Rewrite    bool   // answer: rewrite
	Nearest    bool   // pruned: nearest
	OpenBefore Stamp  // open_before: final_from in the table
	Channels   []Channel
}

// The answers of SPEC section 3 that a repository chooses, as the table has them.
const (
	AnswerRedirect = "redirect"
	AnswerRewrite  = "rewrite"
	Pruned404      = "404"
	PrunedNearest  = "nearest"
)

// tableVersion is the version of the table written here; fields may be added.
const tableVersion = 1

// A Table is what edges need of a repository: a pure fold of its log and its
// settings, checkpoints.json in the bucket.
type Table struct {
	Version    int    `json:"version"`
	Repository string `json:"repository"`
	BasePath   string `json:"base_path"`
	PublicPath string `json:"public_path"`
	Answer     string `json:"answer"`
	Pruned     string `json:"pruned"`
	Log        Head   `json:"log"`
	// Settings is the SHA-256 of the settings the table was made with; unknown
	// in a table that datestone did not write.
	Settings   Digest           `json:"settings"`
	FinalFrom  Stamp            `json:"final_from"`
	FinalUntil Stamp            `json:"final_until"`
	Channels   map[string]Stamp `json:"channels"`
	Gone       []Span           `json:"gone"` // ascending, apart
	// Removed counts the checkpoints that were pruned, ever.
	Removed int `json:"removed,omitempty"`
	// Pinned says of checkpoints that are never pruned, why.
	Pinned   map[Stamp]string `json:"pinned,omitempty"`
	Redacted []Redaction      `json:"redacted,omitempty"` // in the order of the log

	Checkpoints []Checkpoint `json:"checkpoints"` // ascending by ID
}

// A Redaction is content that was removed for legal cause from every checkpoint
// that had it, and that none will have again.
type Redaction struct {
	SHA256 Digest `json:"sha256"`
	Time   Stamp  `json:"time"`   // of the record
	Record int    `json:"record"` // its entry in the log
	Reason string `json:"reason"`
}

// A Span is a stretch of time, both ends included.
type Span struct {
	From  Stamp `json:"from"`
	Until Stamp `json:"until"`
}

// A Checkpoint is one published state, as the table has it.
type Checkpoint struct {
	ID     Stamp  `json:"id"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Record int    `json:"record"` // the entry of the log that committed it
	SHA256 Digest `json:"sha256"` // of that record
	// Committed is the time of that record; delays of channels count from it.
	Committed Stamp `json:"committed"`
}

// NewTable returns the table of a repository whose log is empty.
func NewTable(s Settings) Table {
	t := Table{Version: tableVersion, Repository: s.Repository, BasePath: s.BasePath, PublicPath: s.PublicPath,
		Answer: AnswerRedirect, Pruned: Pruned404, Settings: s.digest(), FinalFrom: s.OpenBefore,
		Channels: map[string]Stamp{}, Gone: []Span{}, Checkpoints: []Checkpoint{}}
	if s.Rewrite {
		t.Answer = AnswerRewrite
	}
	if s.Nearest {
		t.Pruned = PrunedNearest
	}
	for _, c := range s.Channels {
		t.Channels[c.Name] = ""
	}
	return t
}

// digest tells settings apart that would fold one log into different tables.
func (s Settings) digest() Digest {
	s.Channels = slices.SortedFunc(slices.Values(s.Channels), func(a, b Channel) int { return cmp.Compare(a.Name, b.Name) })
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings, booleans and numbers only
	}
	return DigestOf(b)
}

// An Entry is a record together with the SHA-256 of its bytes.
type Entry struct {
	Record
	SHA256 Digest
}

// Fold makes the table of a whole log. A record that does not follow the one
// before it is an error, as in Apply.
func Fold(s Settings, log iter.Seq2[Entry, error]) (Table, error) {
	t := NewTable(s)
	for e, err := range log {
		if err != nil {
			return t, err
		}
		if err := t.Apply(s, e); err != nil {
			return t, err
		}
	}
	return t, nil
}

// Apply takes the next record of the log in. One that is out of sequence, that
// names another predecessor, or that contradicts the table is an error, and
// leaves the table as it was. Copies of t share its parts: whoever keeps one
// across Apply clones it first.
func (t *Table) Apply(s Settings, e Entry) error {
	if err := t.follows(e); err != nil {
		return fmt.Errorf("log of %q, entry %d: %w", t.Repository, e.Entry, err)
	}
	switch e.Kind {
	case Commit:
		t.commit(s, e)
	case Promote:
		t.promote(s, e)
	case Prune:
		t.prune(e.Pruned)
	case Pin:
		t.pin(e.ID, e.Reason)
	case Unpin:
		t.unpin(e.ID)
	case Redact:
		t.redact(e)
	}
	if e.Kind == Commit || e.Kind == Seen {
		t.FinalUntil = max(t.FinalUntil, e.ID)
	}
	t.Log = Head{Entries: e.Entry, SHA256: e.SHA256}
	return nil
}

func (t *Table) follows(e Entry) error {
	_, known := t.Find(e.ID)
	switch {
	case e.Entry != t.Log.Entries+1:
		return fmt.Errorf("follows entry %d", t.Log.Entries)
	case e.Previous != t.Log.SHA256:
		return fmt.Errorf("names %s as the entry before it, which is %s", e.Previous, t.Log.SHA256)
	case e.ID == "" || e.Time == "":
		return errors.New("lacks its ID or its time")
	case e.Repository != t.Repository || e.BasePath != t.BasePath:
		return fmt.Errorf("is of repository %q at %q", e.Repository, e.BasePath)
	case e.Kind == Commit && (e.List == nil || e.Remote == nil):
		return fmt.Errorf("is a commit without a file list or remote")
	case e.Kind == Commit && known:
		return fmt.Errorf("commits %s a second time", e.ID)
	case e.Kind == Commit && t.IsGone(e.ID):
		return fmt.Errorf("commits %s, a time that was pruned", e.ID)
	case (e.Kind == Promote || e.Kind == Pin || e.Kind == Unpin) && !known:
		return fmt.Errorf("is a %s of %s, which is no checkpoint", e.Kind, e.ID)
	case e.Kind == Prune:
		return t.prunable(e.Pruned)
	case e.Kind == Redact && len(e.Redacted) == 0:
		return errors.New("redacts nothing")
	case !slices.Contains(kinds, e.Kind):
		return fmt.Errorf("is of the kind %q, written by a newer datestone", e.Kind)
	}
	return nil
}

var kinds = []Kind{Commit, Seen, Promote, Prune, Pin, Unpin, Redact}

func (t *Table) commit(s Settings, e Entry) {
	c := Checkpoint{ID: e.ID, Files: e.List.Files, Bytes: e.List.Bytes, Record: e.Entry, SHA256: e.SHA256, Committed: e.Time}
	at, _ := t.Find(c.ID)
	t.Checkpoints = slices.Insert(t.Checkpoints, at, c)
	for _, ch := range s.Channels {
		if ch.isNewest() {
			t.Channels[ch.Name] = t.Newest()
		}
	}
}

// promote moves a channel that is still configured, unless its settings have
// come to say that it is the newest checkpoint's name.
func (t *Table) promote(s Settings, e Entry) {
	at := slices.IndexFunc(s.Channels, func(c Channel) bool { return c.Name == e.Channel })
	if at >= 0 && !s.Channels[at].isNewest() {
		t.Channels[e.Channel] = e.ID
	}
}

// Find returns the index of the checkpoint id, or where it would stand.
func (t *Table) Find(id Stamp) (int, bool) {
	return slices.BinarySearchFunc(t.Checkpoints, id, func(c Checkpoint, id Stamp) int {
		switch {
		case c.ID < id:
			return -1
		case c.ID > id:
			return 1
		}
		return 0
	})
}

// Newest returns the newest checkpoint, or none.
func (t *Table) Newest() Stamp {
	if len(t.Checkpoints) == 0 {
		return ""
	}
	return t.Checkpoints[len(t.Checkpoints)-1].ID
}

// At returns the newest checkpoint at or before the moment m, or none.
func (t *Table) At(m Stamp) Stamp {
	i, ok := t.Find(m)
	switch {
	case ok:
		return m
	case i == 0:
		return ""
	}
	return t.Checkpoints[i-1].ID
}

// Due returns, by name, the delayed channels that lead elsewhere at now than
// the table says, and where they should lead. A channel never goes back.
func (t *Table) Due(s Settings, now Stamp) map[string]Stamp {
	due := map[string]Stamp{}
	for _, ch := range s.Channels {
		if !ch.Follows || ch.isNewest() {
			continue
		}
		if id := t.newestCommitted(StampOf(now.Time().Add(-ch.Delay))); id > t.Channels[ch.Name] {
			due[ch.Name] = id
		}
	}
	return due
}

// newestCommitted returns the newest checkpoint that was committed at or
// before the moment m, or none. Where the table does not say when one was
// committed, its ID does.
func (t *Table) newestCommitted(m Stamp) Stamp {
	for _, c := range slices.Backward(t.Checkpoints) {
		if cmp.Or(c.Committed, c.ID) <= m {
			return c.ID
		}
	}
	return ""
}

// Fits reports whether the table was made with the settings s; if not, the log
// is folded anew.
func (t *Table) Fits(s Settings) bool { return t.Settings == s.digest() }

// Encode returns the table as checkpoints.json has it: JSON, a checkpoint a
// line, so that a reader may take the newest from the end.
func (t Table) Encode() ([]byte, error) {
	rows := t.Checkpoints
	t.Checkpoints = []Checkpoint{}
	b, err := encodeLine(t)
	if err != nil || len(rows) == 0 {
		return b, err
	}
	b = b[:len(b)-len("]}\n")]
	for i, c := range rows {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, '\n'), line...)
	}
	return append(b, "\n]}\n"...), nil
}

// DecodeTable reads a table. One of another version is refused, and one that
// an edge could not be made from: names and paths become parts of its rules.
// Fields it does not know are passed over.
func DecodeTable(b []byte) (Table, error) {
	var t Table
	if err := json.Unmarshal(b, &t); err != nil {
		return Table{}, fmt.Errorf("table: %w", err)
	}
	if t.Version != tableVersion {
		return Table{}, fmt.Errorf("table of version %d; this datestone knows version %d", t.Version, tableVersion)
	}
	if err := t.check(); err != nil {
		return Table{}, fmt.Errorf("table of %q: %w", t.Repository, err)
	}
	if t.Channels == nil {
		t.Channels = map[string]Stamp{}
	}
	if t.Gone == nil {
		t.Gone = []Span{}
	}
	if t.Checkpoints == nil {
		t.Checkpoints = []Checkpoint{}
	}
	return t, nil
}

func (t *Table) check() error {
	if _, err := CleanBasePath(t.BasePath); err != nil {
		return err
	}
	if p, err := PublicPath("http://host" + t.PublicPath); err != nil || p != t.PublicPath {
		return fmt.Errorf("public path %q is not of the form / or /path/", t.PublicPath)
	}
	if t.Answer != AnswerRedirect && t.Answer != AnswerRewrite {
		return fmt.Errorf("answer %q is neither %q nor %q", t.Answer, AnswerRedirect, AnswerRewrite)
	}
	if t.Pruned != Pruned404 && t.Pruned != PrunedNearest {
		return fmt.Errorf("pruned %q is neither %q nor %q", t.Pruned, Pruned404, PrunedNearest)
	}
	for name := range t.Channels {
		if _, err := CleanChannel(name); err != nil {
			return err
		}
	}
	return t.checkOrder()
}

func (t *Table) checkOrder() error {
	last := Stamp("")
	for _, c := range t.Checkpoints {
		if c.ID <= last {
			return fmt.Errorf("checkpoint %q comes after %q: not ascending", c.ID, last)
		}
		last = c.ID
	}
	last = ""
	for _, g := range t.Gone {
		if g.From <= last || g.Until < g.From {
			return fmt.Errorf("gone from %q until %q, after %q: not ascending", g.From, g.Until, last)
		}
		last = g.Until
	}
	return nil
}
