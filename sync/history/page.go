package history

import (
	"bytes"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// Links returns what an index page links to right below itself, as names:
// those of directories end in a slash. It knows the pages of the web servers
// and snapshot services of the field, which all link by relative names.
func Links(page []byte) []string {
	var names []string
	z := html.NewTokenizer(bytes.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			slices.Sort(names)
			return slices.Compact(names)
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, ok := linked(z.Token()); ok {
				names = append(names, name)
			}
		}
	}
}

func linked(t html.Token) (name string, ok bool) {
	if t.Data != "a" {
		return "", false
	}
	for _, a := range t.Attr {
		if a.Key != "href" {
			continue
		}
		u, err := url.Parse(a.Val)
		if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" {
			return "", false
		}
		name = strings.TrimPrefix(u.Path, "./")
		inside := strings.TrimSuffix(name, "/")
		return name, inside != "" && inside != "." && inside != ".." && !strings.Contains(inside, "/")
	}
	return "", false
}
