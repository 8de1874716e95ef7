package layout

import (
	"fmt"
	"strings"
)

// LeftOut counts the packages that a filter of the configuration keeps out of a
// checkpoint. The metadata is upstream's and names them all the same: whoever
// asks for one gets 404.
type LeftOut struct {
	Packages int `json:"packages"` // that are left out: at least 1
	Of       int `json:"of"`       // that the metadata names
	// Names and Newest are what was asked for: names and globs, and how many
	// versions of each.
	Names  []string `json:"names,omitempty"`
	Newest int      `json:"newest,omitempty"`
}

// String is what the run that left them out says, with the keys of the
// configuration that did it.
func (l LeftOut) String() string {
	var keys []string
	if len(l.Names) > 0 {
		keys = append(keys, "packages:")
	}
	if l.Newest > 0 {
		keys = append(keys, "newest:")
	}
	return l.count() + " packages are left out by " + strings.Join(keys, ", ") + "; readers who ask for them get 404"
}

// count is "1,234 of 2,000".
func (l LeftOut) count() string {
	return string(appendGrouped(append(appendGrouped(nil, l.Packages), " of "...), l.Of))
}

// told is what readers are told.
func (l LeftOut) told() string {
	return l.count() + " packages that the metadata names are left out here: whoever asks for one gets 404."
}

// kept is what readers are told of what is there.
func (l LeftOut) kept() string {
	var parts []string
	if len(l.Names) > 0 {
		parts = append(parts, strings.Join(l.Names, ", "))
	}
	switch {
	case l.Newest == 1:
		parts = append(parts, "the newest version of each")
	case l.Newest > 1:
		parts = append(parts, fmt.Sprintf("the %d newest versions of each", l.Newest))
	}
	return "Kept: " + strings.Join(parts, "; ") + "."
}

// appendLeftOut is the paragraph of a page, where there is anything to say.
func appendLeftOut(b []byte, l *LeftOut) []byte {
	if l == nil {
		return b
	}
	b = append(b, "<p><strong>"...)
	b = appendText(b, l.told())
	b = append(b, "</strong> "...)
	b = appendText(b, l.kept())
	return append(b, "</p>\n"...)
}

// leftOut writes what is left out of a checkpoint as a comment.
func (t *textFile) leftOut(comment string, s Source) {
	if l := s.Remote.LeftOut; l != nil {
		t.line(comment, " ", l.told())
	}
}
