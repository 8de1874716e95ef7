package layout

import "iter"

// A Page is an object that datestone draws: its bytes, and what the store is
// told of it.
type Page struct {
	Object
	Body []byte
	// Changes is, for a Listing, the number of log entries (or of changes of
	// repositories.json) that it shows; a page never replaces one that shows
	// more. ShownChanges reads it back from the bytes.
	Changes int
}

// NewPage returns a page of body; size and digest are taken from it.
func NewPage(role Role, key string, body []byte, changes int) Page {
	return Page{Object: Object{Key: key, Size: int64(len(body)), SHA256: DigestOf(body), Header: HeaderFor(role, key)},
		Body: body, Changes: changes}
}

// DirectoryPages draws the page of every directory of a checkpoint, each when
// its last file has passed: what is held in memory is the rows of the open
// directories. files are sorted and have FirstSeen. A directory that ships its
// own index.html gets no page. A checkpoint without files has the page of its
// root. What is drawn depends on the arguments alone.
func DirectoryPages(base, publicPath string, id Stamp, files iter.Seq2[File, error]) iter.Seq2[Page, error] {
	panic("drawn by the pages helper") // replaced before the first release
}

// ListingPages draws the page that lists the checkpoints of a repository and,
// when there are more than 1,000, those of the months in which the checkpoints
// changed lie (all months where changed is nil).
func ListingPages(t Table, publicURL string, changed []Stamp) ([]Page, error) {
	panic("drawn by the pages helper")
}

// SitePages draws repositories.json, the root page and a page for every
// directory above a base path.
func SitePages(l Repositories, publicPath string) ([]Page, error) { panic("drawn by the pages helper") }

// ShownChanges returns the Changes of a listing, a table or repositories.json
// from its bytes, and false where there are none.
func ShownChanges(body []byte) (int, bool) { panic("drawn by the pages helper") }
