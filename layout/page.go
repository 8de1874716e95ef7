package layout

import (
	"bytes"
	_ "embed" // the style
	"encoding/json"
	"strconv"
)

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

// changesMeta is how a listing says what it shows. No text from outside can
// hold it, for all of that is escaped.
const changesMeta = `<meta name="datestone:changes" content="`

// ShownChanges returns the Changes of a listing, a table or repositories.json
// from its bytes, and false where there are none.
func ShownChanges(body []byte) (int, bool) {
	if _, rest, ok := bytes.Cut(body, []byte(changesMeta)); ok {
		digits, _, _ := bytes.Cut(rest, []byte(`"`))
		n, err := strconv.Atoi(string(digits))
		return max(n, 0), err == nil && n >= 0
	}
	var shown struct {
		Changes *int `json:"changes"`
		Log     struct {
			Entries *int `json:"entries"`
		} `json:"log"`
	}
	if err := json.Unmarshal(body, &shown); err != nil {
		return 0, false
	}
	for _, n := range []*int{shown.Log.Entries, shown.Changes} {
		if n != nil {
			return max(*n, 0), *n >= 0
		}
	}
	return 0, false
}

// style is that of all pages. It stands in each of them, so that a page is
// whole by itself, for ever.
//
//go:embed style.css
var style string

// none stands for a number that there is not: the changes that a page of a
// checkpoint shows, the size of a directory of repositories.
const none = -1

// appendHead begins the page of path; changes is none or what it shows.
func appendHead(b []byte, path string, changes int) []byte {
	b = append(b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
`...)
	if changes != none {
		b = append(b, changesMeta...)
		b = strconv.AppendInt(b, int64(changes), 10)
		b = append(b, "\">\n"...)
	}
	b = append(b, "<title>Index of "...)
	b = appendText(b, path)
	b = append(append(append(b, "</title>\n<style>\n"...), style...), "</style>\n</head>\n<body>\n<main>\n<h1>Index of "...)
	b = appendText(b, path)
	return append(b, "</h1>\n"...)
}

func appendFoot(b []byte) []byte { return append(b, "</main>\n</body>\n</html>\n"...) }
