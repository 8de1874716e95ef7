package reposync

import (
	"slices"
	"strings"
)

// minSecret is the length from which a secret is looked for in texts. URLs
// lose their secrets by shown; this is for what servers and libraries quote.
const minSecret = 4

// A scrubber takes a remote's secrets out of the text of errors.
type scrubber struct{ replace *strings.Replacer }

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
	// The longest first: one may be part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, s := range secrets {
		pairs = append(pairs, s, "xxxxx")
	}
	return scrubber{strings.NewReplacer(pairs...)}
}

// err returns err with a text that has no secrets; what it wraps stays.
func (s scrubber) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := s.replace.Replace(text); clean != text {
		return &scrubbed{clean, err}
	}
	return err
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }
