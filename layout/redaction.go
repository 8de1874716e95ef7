package layout

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxReason is the limit for a reason, in bytes: it stands on a page.
const maxReason = 1000

// CleanReason returns the reason of a record if it is one line of text that
// says something.
func CleanReason(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("a reason is missing")
	case len(s) > maxReason:
		return "", fmt.Errorf("a reason of %d bytes is longer than %d", len(s), maxReason)
	case !utf8.ValidString(s):
		return "", errors.New("a reason is text in UTF-8")
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "", fmt.Errorf("a reason is one line of text, without %q", r)
		}
	}
	return s, nil
}

// RedactedSinceNewest reports whether content was redacted after the newest
// checkpoint was committed, which then may lack files that its list names.
func (t *Table) RedactedSinceNewest() bool {
	n, last := len(t.Checkpoints), len(t.Redacted)
	return n > 0 && last > 0 && t.Redacted[last-1].Record > t.Checkpoints[n-1].Record
}

// appendRedactions is the notice of what was removed for legal cause. Nothing
// in it has the form of an ID, since scrapers take every one for a checkpoint's.
func appendRedactions(b []byte, redacted []Redaction) []byte {
	if len(redacted) == 0 {
		return b
	}
	b = append(b, "<h2 id=\"removed\">Removed</h2>\n<p>This content was removed from every checkpoint that had it. "+
		"Where it stood is a 404, and no later checkpoint will have it.</p>\n"...)
	for _, r := range redacted {
		b = append(b, "<p><code>"...)
		b = append(b, r.SHA256.String()...)
		b = append(b, "</code><br>"...)
		b = appendDate(b, r.Time)
		b = append(b, ": "...)
		b = appendWords(b, r.Reason)
		n := strconv.Itoa(r.Record)
		b = append(b, " ("...)
		b = appendLink(b, "./log/"+n+".json", "record "+n)
		b = append(b, ")</p>\n"...)
	}
	return b
}

// appendWords appends words of people, in which what has the form of an ID is
// written so that it reads the same, and is not the same.
func appendWords(b []byte, s string) []byte {
	for i := range len(s) {
		if i >= 8 && i+8 <= len(s) && momentForm(s[i-8:i+8]) != 0 {
			b = append(b, "&#84;"...) // the T in its middle
			continue
		}
		b = appendText(b, s[i:i+1])
	}
	return b
}
