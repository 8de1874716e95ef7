package layout

import "unicode/utf8"

// A row is one line of a page's listing, in the form that scrapers know
// (docs/formats.md, section 6).
type row struct {
	name string // of a directory with "/"
	href string // relative to the page, not escaped; "./" + name where empty
	seen Stamp
	size int64  // none where it is not known
	note string // what follows the size, for people
}

const (
	minColumn = 12
	maxColumn = 72 // a longer name moves its own date, not everybody's
)

// appendRows writes rows as a pre whose first line leads to up; no up, no line.
func appendRows(b []byte, up string, rows []row) []byte {
	b = append(b, "<pre>"...)
	if up != "" {
		b = appendLink(b, up, "../")
		b = append(b, '\n')
	}
	width := columnFor(rows)
	for _, r := range rows {
		b = appendRow(b, r, width)
	}
	return append(b, "</pre>\n"...)
}

func columnFor(rows []row) int {
	width := minColumn
	for _, r := range rows {
		width = max(width, min(utf8.RuneCountInString(r.name)+2, maxColumn))
	}
	return width
}

func appendRow(b []byte, r row, width int) []byte {
	href := r.href
	if href == "" {
		// "./" keeps a name with a colon from being read as a scheme.
		href = "./" + r.name
	}
	b = appendLink(b, href, r.name)
	if r.seen == "" && r.size == none {
		return append(b, '\n')
	}
	b = appendSpaces(b, max(width-utf8.RuneCountInString(r.name), 2))
	b = appendDate(b, r.seen)
	if r.size == none {
		return append(b, '\n')
	}
	b = append(b, "  "...)
	at := len(b)
	b = appendSize(b, r.size)
	if r.note != "" {
		b = appendSpaces(b, at+len("999 Bytes  ")-len(b))
		b = append(b, r.note...)
	}
	return append(b, '\n')
}

func appendLink(b []byte, href, text string) []byte {
	b = append(b, `<a href="`...)
	b = appendHref(b, href)
	b = append(b, `">`...)
	b = appendText(b, text)
	return append(b, "</a>"...)
}

// appendText escapes s for HTML, in text and in quoted attributes.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&#34;"...)
		case '\'':
			b = append(b, "&#39;"...)
		default:
			b = append(b, s[i])
		}
	}
	return b
}

// appendHref percent-encodes a relative path. All but the unreserved
// characters, "/", ":" and "@" is encoded, so that nothing is left to escape
// for HTML, and "+" too, as in URLPath.
func appendHref(b []byte, path string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(path) {
		if c := path[i]; plainInHref[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

var plainInHref = func() (plain [256]bool) {
	for _, c := range []byte(urlSafe + "~/:@") {
		plain[c] = true
	}
	return plain
}()
