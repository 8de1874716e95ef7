package layout

import (
	"slices"
	"strings"
)

// SitePages draws repositories.json, the root page and a page for every
// directory above a base path.
func SitePages(l Repositories, publicPath string) ([]Page, error) {
	body, err := l.Encode()
	if err != nil {
		return nil, err
	}
	keys := []string{RootPageKey}
	for _, r := range l.Repositories {
		keys = append(keys, PageKeysAbove(r.BasePath)...)
	}
	slices.Sort(keys)
	pages := []Page{NewPage(Listing, RepositoriesKey, body, l.Changes)}
	for _, key := range slices.Compact(keys) {
		pages = append(pages, sitePage(l, publicPath, key))
	}
	return pages, nil
}

func sitePage(l Repositories, publicPath, key string) Page {
	dir := pageDir(key)
	below := l.below(dir)
	b := appendHead(nil, publicPath+dir, l.Changes)
	up, rows := "../", childRows(dir, below)
	if key == RootPageKey {
		up = "" // what is above the site is not its own
		rows = append(rows, row{name: RepositoriesKey, size: none})
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	}
	b = append(b, "<p>"...)
	if len(below) == 1 {
		b = append(b, "1 repository.</p>\n"...)
	} else {
		b = append(appendGrouped(b, len(below)), " repositories.</p>\n"...)
	}
	b = appendRows(b, up, rows)
	if key == RootPageKey {
		b = appendRepositories(b, below)
	}
	return NewPage(Listing, key, appendFoot(b), l.Changes)
}

// below returns the repositories under the directory dir, "" or "a/".
func (l Repositories) below(dir string) []Repository {
	var below []Repository
	for _, r := range l.Repositories {
		if strings.HasPrefix(r.BasePath, dir) {
			below = append(below, r)
		}
	}
	return below
}

// childRows returns a row for each directory that lies directly in dir.
func childRows(dir string, below []Repository) []row {
	var names []string
	for _, r := range below {
		child, _, _ := strings.Cut(r.BasePath[len(dir):], "/")
		names = append(names, child+"/")
	}
	slices.Sort(names)
	var rows []row
	for _, name := range slices.Compact(names) {
		rows = append(rows, row{name: name, size: none})
	}
	return rows
}

// appendRepositories links every repository from the root page, however deep.
func appendRepositories(b []byte, repositories []Repository) []byte {
	if len(repositories) == 0 {
		return b
	}
	b = append(b, "<h2>Repositories</h2>\n<table>\n"...)
	for _, r := range repositories {
		b = append(b, "<tr><td>"...)
		b = appendLink(b, "./"+r.BasePath+"/", r.Name)
		b = append(b, "</td><td>"...)
		b = appendText(b, r.Type+", in "+r.BasePath+"/")
		b = append(b, "</td></tr>\n"...)
	}
	return append(b, "</table>\n"...)
}
