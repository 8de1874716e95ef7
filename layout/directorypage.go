package layout

import (
	"iter"
	"strings"
)

// DirectoryPages draws the pages of a plan without source.
func DirectoryPages(base, publicPath string, id Stamp, files iter.Seq2[File, error]) iter.Seq2[Page, error] {
	return Plan{Base: base, PublicPath: publicPath, ID: id, Files: files}.Pages()
}

// Pages draws the page of every directory of a checkpoint, each when its last
// file has passed: what is held in memory is the rows of the open directories.
// A directory that ships its own index.html gets no page. A checkpoint without
// files has the page of its root. What is drawn depends on the plan alone.
func (p Plan) Pages() iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		d := drawer{Plan: p, prefix: CheckpointPrefix(p.Base, p.ID), open: []openDir{{}}}
		for f, err := range p.Files {
			if err != nil {
				yield(Page{}, err)
				return
			}
			for !strings.HasPrefix(f.Path, d.top().path) {
				if !d.close(yield) {
					return
				}
			}
			d.add(f)
		}
		for len(d.open) > 0 {
			if !d.close(yield) {
				return
			}
		}
	}
}

// A drawer holds the directories on the way to the file that passes.
type drawer struct {
	Plan
	prefix string    // of the checkpoint's keys
	open   []openDir // the root first; each lies in the one before
}

type openDir struct {
	path    string // "" or with a trailing slash
	rows    []row
	ownPage bool // has an index.html of its own
	files   int
	size    int64
	newest  Stamp
}

func (d *drawer) top() *openDir { return &d.open[len(d.open)-1] }

func (d *drawer) add(f File) {
	for {
		dir := d.top().path
		slash := strings.IndexByte(f.Path[len(dir):], '/')
		if slash < 0 {
			break
		}
		d.open = append(d.open, openDir{path: f.Path[:len(dir)+slash+1]})
	}
	name := f.Path[len(d.top().path):]
	d.top().ownPage = d.top().ownPage || name == indexPage
	d.top().take(name, 1, f.Size, f.FirstSeen)
}

func (o *openDir) take(name string, files int, size int64, seen Stamp) {
	o.rows = append(o.rows, row{name: name, seen: seen, size: size})
	o.files += files
	o.size += size
	o.newest = max(o.newest, seen)
}

// close draws the innermost directory, unless it ships its own page, and puts
// its row into the one above: in byte order of path that is the row's place.
func (d *drawer) close(yield func(Page, error) bool) bool {
	o := *d.top()
	d.open = d.open[:len(d.open)-1]
	if len(d.open) > 0 {
		d.top().take(o.path[len(d.top().path):], o.files, o.size, o.newest)
	}
	return o.ownPage || yield(d.draw(o), nil)
}

func (d *drawer) draw(o openDir) Page {
	key := d.prefix + o.path
	b := make([]byte, 0, 2048+128*len(o.rows))
	b = appendHead(b, d.PublicPath+key, none)
	b = appendRows(b, "../", o.rows)
	b = append(b, "<p>"...)
	b = appendCount(b, o.files, "file")
	b = append(b, ", "...)
	b = appendSize(b, o.size)
	b = append(b, ". Checkpoint "...)
	b = append(b, d.ID...)
	b = append(b, " never changes; dates are those of its content, in UTC.</p>\n"...)
	if o.path == "" {
		b = appendLeftOut(b, d.Source.Remote.LeftOut)
		b = appendClients(b, d.Source, "this checkpoint")
	}
	return NewPage(DirectoryPage, key+indexPage, appendFoot(b), 0)
}
