package main

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/dirstore"
)

// The sample site: the repository myfile at checkpoints/myfile.
const (
	empty  layout.Stamp = "20250318T140338Z" // nothing
	second layout.Stamp = "20250318T140442Z" // 1.iso, 2.iso, dir/a+b.txt
	third  layout.Stamp = "20250401T000000Z" // 1.iso changed, 2.iso gone, 3.iso new
	until  layout.Stamp = "20250402T000000Z"
)

func sampleSettings() layout.Settings {
	return layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: "/",
		Channels: []layout.Channel{{Name: "canary", Follows: true}, {Name: "frozen"}}}
}

type content map[string]string

func sampleStates() []struct {
	id    layout.Stamp
	files content
} {
	return []struct {
		id    layout.Stamp
		files content
	}{
		{empty, content{}},
		{second, content{"1.iso": "one", "2.iso": string(bytes.Repeat([]byte("2"), 1024)), "dir/a+b.txt": "plus"}},
		{third, content{"1.iso": "ONE!", "3.iso": "three", "dir/a+b.txt": "plus"}},
	}
}

// writeSite publishes the sample site into the directory dir.
func writeSite(ctx context.Context, dir string) error {
	s, err := dirstore.New(dirstore.Config{Root: dir, Create: true})
	if err != nil {
		return err
	}
	defer s.Close()
	w := &siteWriter{ctx: ctx, store: s, settings: sampleSettings()}
	w.table = layout.NewTable(w.settings)
	before := layout.Files(nil)
	for _, state := range sampleStates() {
		before = w.checkpoint(before, state.id, state.files)
	}
	w.record(layout.NewRecord(layout.Promote, w.table.Log, "myfile", "checkpoints/myfile", second, third), func(r *layout.Record) { r.Channel = "frozen" })
	w.record(layout.NewRecord(layout.Seen, w.table.Log, "myfile", "checkpoints/myfile", until, until), func(r *layout.Record) { r.Remote = &layout.Remote{Type: "file"} })
	w.announce()
	return w.err
}

// A siteWriter writes a site without the help of package publish's log, so
// that the commands are held against the format and not against its writer.
type siteWriter struct {
	ctx      context.Context
	store    publish.Store
	settings layout.Settings
	table    layout.Table
	err      error
}

func (w *siteWriter) put(role layout.Role, key string, body []byte) {
	if w.err == nil {
		_, w.err = w.store.Put(w.ctx, publish.Bytes(layout.NewPage(role, key, body, 0).Object, body))
	}
}

func (w *siteWriter) checkpoint(before iter.Seq2[layout.File, error], id layout.Stamp, c content) iter.Seq2[layout.File, error] {
	var read []layout.File
	for _, path := range sortedKeys(c) {
		read = append(read, layout.File{Path: path, Size: int64(len(c[path])), SHA256: layout.DigestOf([]byte(c[path]))})
		w.put(layout.Content, layout.Key("checkpoints/myfile", id, path), []byte(c[path]))
	}
	files := layout.FirstSeen(before, layout.Files(read), id)
	for page, err := range layout.DirectoryPages("checkpoints/myfile", "/", id, files) {
		w.err = errors.Join(w.err, err)
		w.put(layout.DirectoryPage, page.Key, page.Body)
	}
	list, body, err := publish.EncodeFileList(files)
	w.err = errors.Join(w.err, err)
	w.put(layout.LogEntry, layout.FileListKey("checkpoints/myfile", list.SHA256), body)
	claim := layout.NewClaim("myfile", "checkpoints/myfile", id, list, layout.Remote{Type: "file"})
	w.record(claim.Record(w.table.Log, id), func(*layout.Record) {})
	return files
}

func (w *siteWriter) record(r layout.Record, change func(*layout.Record)) {
	change(&r)
	body, err := r.Encode()
	w.err = errors.Join(w.err, err, w.table.Apply(w.settings, layout.Entry{Record: r, SHA256: layout.DigestOf(body)}))
	w.put(layout.LogEntry, layout.RecordKey("checkpoints/myfile", r.Entry), body)
}

func (w *siteWriter) announce() {
	body, err := w.table.Encode()
	w.err = errors.Join(w.err, err)
	w.put(layout.Listing, layout.TableKey("checkpoints/myfile"), body)
	pages, err := layout.ListingPages(w.table, layout.Remote{Type: "file"}, "https://snapshots.example.org/", nil)
	w.err = errors.Join(w.err, err)
	for _, p := range pages {
		w.put(layout.Listing, p.Key, p.Body)
	}
}

// asExit is errors.As for the error of a command that ended with a code.
func asExit(err error, to *interface{ ExitCode() int }) bool { return errors.As(err, to) }
