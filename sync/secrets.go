package reposync

import (
	"regexp"
	"slices"
	"strings"
)

// minSecret is the length from which a secret is looked for in texts. URLs
// lose their secrets by shown; this is for what servers and libraries quote.
const minSecret = 4

// A scrubber takes secrets out of the text of errors: the remote's, and what
// servers write into URLs that they lead to.
type scrubber struct {
	secrets []string // the longest first: one may be part of another
	replace *strings.Replacer
}

func newScrubber(r Remote, l location) scrubber {
	secrets := []string{r.Password, l.url.RawQuery}
	for _, v := range r.Headers {
		secrets = append(secrets, v)
		if _, token, ok := strings.Cut(v, " "); ok { // Bearer TOKEN
			secrets = append(secrets, token)
		}
	}
	for _, values := range l.url.Query() {
		secrets = append(secrets, values...)
	}
	if p, ok := l.user.Password(); ok {
		secrets = append(secrets, p, strings.TrimPrefix(l.user.String(), l.user.Username()+":"))
	}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return len(s) < minSecret })
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s, "xxxxx")
	}
	return scrubber{secrets, strings.NewReplacer(pairs...)}
}

// err returns err with a text that has no secrets; what it wraps stays.
func (s scrubber) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := s.text(text); clean != text {
		return &scrubbed{clean, err}
	}
	return err
}

// Users and passwords, and queries, of URLs within a text; in quotes one that
// can't be read may have spaces.
var (
	quotedUser  = regexp.MustCompile(`("[^"]*://)[^"/?#]*@`)
	quotedQuery = regexp.MustCompile(`("[^"]*://[^"?]*\?)[^"]*"`)
	urlUser     = regexp.MustCompile(`(://)[^\s"\\/?#]*@`)
	urlQuery    = regexp.MustCompile(`(://[^\s"\\?]*\?)[^\s"\\]+`)
)

// text returns the text without secrets. Where it quotes the beginning of
// something, a secret may be cut: its first half goes, too.
func (s scrubber) text(text string) string {
	text = s.replace.Replace(text)
	for _, secret := range s.secrets {
		for n := len(secret) - 1; n >= minSecret; n-- {
			text = strings.ReplaceAll(text, secret[:n]+`"`, `xxxxx"`)
		}
	}
	text = quotedUser.ReplaceAllString(text, "${1}")
	text = quotedQuery.ReplaceAllString(text, "${1}xxxxx\"")
	text = urlUser.ReplaceAllString(text, "${1}")
	return urlQuery.ReplaceAllString(text, "${1}xxxxx")
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }
