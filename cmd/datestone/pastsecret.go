package main

import (
	"net/url"
	"strings"
)

// pastSecrets are what gives access to the hosts of sources. Sources, and the
// places of states, are printed: they stand apart from those.
type pastSecrets map[string]*url.Userinfo // by scheme and host

// hide takes user and password out of a URL, and returns its query apart. What
// is no URL of the web stays as it is.
func (s pastSecrets) hide(text string) (clean, query string) {
	if !isWeb(text) {
		return text, ""
	}
	text, query, _ = strings.Cut(text, "?")
	scheme, rest, _ := strings.Cut(text, "://")
	authority, path := rest, ""
	if at := strings.IndexByte(rest, '/'); at >= 0 {
		authority, path = rest[:at], rest[at:]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return text, query
	}
	host := scheme + "://" + authority[at+1:]
	name, password, _ := strings.Cut(authority[:at], ":")
	s[host] = url.UserPassword(unescaped(name), unescaped(password))
	return host + path, query
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// of returns what is meant for the host of a URL, or nil.
func (s pastSecrets) of(u *url.URL) *url.Userinfo { return s[u.Scheme+"://"+u.Host] }

// withoutSecrets is a --from as it may be shown.
func withoutSecrets(text string) string {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok {
		return text
	}
	rest, times, listed := strings.Cut(rest, "#")
	rest, _ = pastSecrets{}.hide(rest)
	if listed {
		times, _ = pastSecrets{}.hide(times)
		rest += "#" + times
	}
	return kind + ":" + rest
}
