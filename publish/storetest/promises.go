package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"datestone/layout"
)

// mayStand says what a site would promise falsely with o at key. The objects
// are locked.
func (m *Memory) mayStand(key string, o Object) error {
	if old, ok := m.objects[key]; ok && immutable(old) && old.Body != o.Body {
		return fmt.Errorf("never changes, and is replaced by other bytes")
	}
	switch {
	case inCheckpoint(key): // where upstream may have files of any name
		return nil
	case key == layout.TableKey(path.Dir(key)):
		return m.tableHolds(path.Dir(key), o.Body)
	case path.Base(key) == layout.RootPageKey:
		return m.listingHolds(key, o.Body)
	case isRecord(key):
		return m.recordHolds(path.Dir(path.Dir(key)), o.Body)
	}
	return nil
}

func immutable(o Object) bool { return strings.Contains(o.Header.CacheControl, "immutable") }

// mayGo says what would be broken if key were deleted.
func (m *Memory) mayGo(key string) error {
	o, ok := m.objects[key]
	if !ok {
		return nil
	}
	if isRecord(key) && !inCheckpoint(key) {
		return errors.New("is a record, and nothing leaves the log")
	}
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		id, err := layout.ParseStamp(path.Base(dir))
		if err != nil {
			continue
		}
		var table layout.Table
		if old, ok := m.objects[layout.TableKey(path.Dir(dir))]; ok {
			if table, err = layout.DecodeTable([]byte(old.Body)); err != nil {
				return err
			}
		}
		if _, named := table.Find(id); named && !m.redacted(path.Dir(dir), o.digest) {
			return fmt.Errorf("is deleted while the table names its checkpoint")
		}
	}
	return nil
}

func inCheckpoint(key string) bool {
	for s := range strings.SplitSeq(path.Dir(key), "/") {
		if _, err := layout.ParseStamp(s); err == nil {
			return true
		}
	}
	return false
}

func isRecord(key string) bool {
	dir, name := path.Split(key)
	n, err := strconv.Atoi(strings.TrimSuffix(name, ".json"))
	return err == nil && path.Base(dir) == "log" && key == layout.RecordKey(path.Dir(path.Dir(key)), n)
}

// tableHolds wants all checkpoints of the table complete, and the log no
// shorter than the table before said.
func (m *Memory) tableHolds(base, body string) error {
	t, err := layout.DecodeTable([]byte(body))
	if err != nil {
		return err
	}
	if old, ok := m.objects[layout.TableKey(base)]; ok {
		before, err := layout.DecodeTable([]byte(old.Body))
		if err != nil {
			return fmt.Errorf("replaces a table that can't be read: %w", err)
		}
		if t.Log.Entries < before.Log.Entries {
			return fmt.Errorf("goes back from %d entries of the log to %d", before.Log.Entries, t.Log.Entries)
		}
	}
	for _, c := range t.Checkpoints {
		r, err := m.record(base, c.Record, c.SHA256)
		if err != nil {
			return fmt.Errorf("names checkpoint %s: %w", c.ID, err)
		}
		if r.Kind != layout.Commit || r.ID != c.ID {
			return fmt.Errorf("names checkpoint %s by record %d, which is a %s of %s", c.ID, c.Record, r.Kind, r.ID)
		}
		if err := m.complete(base, r); err != nil {
			return fmt.Errorf("names checkpoint %s: %w", c.ID, err)
		}
	}
	if t.Log.Entries > 0 {
		if _, err := m.record(base, t.Log.Entries, t.Log.SHA256); err != nil {
			return fmt.Errorf("names the head of the log: %w", err)
		}
	}
	return nil
}

// record returns the record n; sum is its SHA-256, where that is known.
func (m *Memory) record(base string, n int, sum layout.Digest) (layout.Record, error) {
	o, ok := m.objects[layout.RecordKey(base, n)]
	switch {
	case !ok:
		return layout.Record{}, fmt.Errorf("record %d: %w", n, fs.ErrNotExist)
	case !sum.IsZero() && o.digest != sum:
		return layout.Record{}, fmt.Errorf("record %d is %s, not %s", n, o.digest, sum)
	}
	return layout.DecodeRecord([]byte(o.Body))
}

// redacted reports whether a record says of content that it is removed.
func (m *Memory) redacted(base string, sum layout.Digest) bool {
	for n := 1; ; n++ {
		r, err := m.record(base, n, layout.Digest{})
		if err != nil {
			return false
		}
		if slices.Contains(r.Redacted, sum) {
			return true
		}
	}
}

// complete wants all of the checkpoint that r committed to stand, but what was
// redacted.
func (m *Memory) complete(base string, r layout.Record) error {
	return m.eachObject(base, r, func(key string, want *layout.File) error {
		o, ok := m.objects[key]
		switch {
		case !ok && want != nil && m.redacted(base, want.SHA256):
			return nil
		case !ok:
			return fmt.Errorf("%q: %w", key, fs.ErrNotExist)
		case want != nil && (o.digest != want.SHA256 || int64(len(o.Body)) != want.Size):
			return fmt.Errorf("%q is %d bytes, SHA-256 %s; the file list says %d, %s", key, len(o.Body), o.digest, want.Size, want.SHA256)
		}
		return nil
	})
}

// eachObject calls do for the file list of a commit, for the files in it, and
// for the first page. Of files it knows what they must be.
func (m *Memory) eachObject(base string, r layout.Record, do func(key string, want *layout.File) error) error {
	if r.Kind != layout.Commit || r.List == nil {
		return fmt.Errorf("record %d is no commit with a file list", r.Entry)
	}
	list := layout.FileListKey(base, r.List.SHA256)
	if err := do(list, nil); err != nil {
		return err
	}
	text, err := unpack(m.objects[list].Body)
	if err != nil || layout.DigestOf(text) != r.List.SHA256 {
		return fmt.Errorf("%q is not the list it is named after: %v", list, err)
	}
	for f, err := range layout.ReadFileList(strings.NewReader(string(text))) {
		if err != nil {
			return fmt.Errorf("%q: %w", list, err)
		}
		if err := do(layout.Key(base, r.ID, f.Path), &f); err != nil {
			return err
		}
	}
	return do(layout.Key(base, r.ID, layout.RootPageKey), nil)
}

func unpack(packed string) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll([]byte(packed), nil)
}

// recordHolds wants what a commit names to be complete and durable: after the
// record is written there is no way back.
func (m *Memory) recordHolds(base, body string) error {
	r, err := layout.DecodeRecord([]byte(body))
	if err != nil || r.Kind != layout.Commit {
		return err
	}
	if err := m.complete(base, r); err != nil {
		return fmt.Errorf("commits checkpoint %s: %w", r.ID, err)
	}
	return m.eachObject(base, r, func(key string, want *layout.File) error {
		if want != nil && m.redacted(base, want.SHA256) {
			return fmt.Errorf("commits checkpoint %s with %q, which was redacted", r.ID, key)
		}
		if m.dirty[key] {
			return fmt.Errorf("commits checkpoint %s while %q is not synced", r.ID, key)
		}
		return nil
	})
}

var href = regexp.MustCompile(`href="([^"]+)"`)

// listingHolds wants every checkpoint to which a page links to be complete.
func (m *Memory) listingHolds(key, body string) error {
	for _, link := range href.FindAllStringSubmatch(body, -1) {
		if strings.HasPrefix(link[1], "/") || strings.Contains(link[1], ":") {
			continue
		}
		dir := path.Join(path.Dir(key), link[1])
		id, err := layout.ParseStamp(path.Base(dir))
		if err != nil {
			continue
		}
		if err := m.committed(path.Dir(dir), id); err != nil {
			return fmt.Errorf("links to checkpoint %s: %w", id, err)
		}
	}
	return nil
}

// committed looks for the commit of id in the log, and wants it complete.
func (m *Memory) committed(base string, id layout.Stamp) error {
	for n := 1; ; n++ {
		r, err := m.record(base, n, layout.Digest{})
		if err != nil {
			return fmt.Errorf("no commit of it: %w", err)
		}
		if r.Kind == layout.Commit && r.ID == id {
			return m.complete(base, r)
		}
	}
}
