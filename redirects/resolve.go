package redirects

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"datestone/layout"
)

// An Answer is what an edge says to a request.
type Answer struct {
	Status int // 200, 301, 302 or 404
	// Location is where a redirect leads: an absolute path, with the rest and
	// the query of the request byte for byte.
	Location string
	// Serves is, for 200, the path handed to the store, which may answer 404.
	Serves string
	// CacheControl is the header of an answer that the edge makes itself.
	CacheControl string
}

// An Artifact is a file of rules to write, Name being relative to the
// directory for rules.
type Artifact struct {
	Name string
	Body []byte
}

// The headers of answers that an edge makes itself. A redirect that adds a
// slash never changes either, so it is kept as long as one to a checkpoint.
const (
	cacheFinal       = "public, max-age=86400"
	cacheProvisional = "no-cache"
)

// Resolve answers a request for target, the request's path and query as sent
// (the part of the request line after the host), at now by the edge's clock;
// a now of none is an edge without clock. A target below no table's base path
// is handed to the store.
//
// Three things SPEC section 3 leaves open are settled here for every edge.
// With `answer: rewrite` a moment without a rest is redirected all the same,
// to the checkpoint's directory: it lacks the slash. A channel whose
// checkpoint is no more is 404. And what no key can be is never handed to the
// store but answered 404: a path with a segment "." or "..", however it is
// escaped, and all that is datestone's own (`.datestone/`).
func Resolve(tables []layout.Table, target string, now layout.Stamp) Answer {
	return New(tables).Resolve(target, now)
}

// A Resolver answers many requests from the same tables. It may be used by
// several goroutines.
type Resolver struct{ sites []site }

// New prepares tables for Resolver.Resolve.
func New(tables []layout.Table) *Resolver {
	r := &Resolver{}
	for _, t := range tables {
		r.sites = append(r.sites, newSite(t))
	}
	return r
}

// Resolve answers as the function Resolve does.
func (r *Resolver) Resolve(target string, now layout.Stamp) Answer {
	path, query := target, ""
	if i := strings.IndexByte(target, '?'); i >= 0 {
		path, query = target[:i], target[i:]
	}
	for i := range r.sites {
		s := &r.sites[i]
		inside, ok := strings.CutPrefix(path, s.base)
		switch {
		case !ok:
		case inside == "":
			return moved(s.base + "/" + query)
		case inside[0] == '/':
			return r.below(s, request{path: path, inside: inside[1:], query: query}, now)
		}
	}
	return r.store(path)
}

// A request is one below a base path, cut into its parts.
type request struct {
	path   string // without the query
	inside string // what follows the base path and its slash
	query  string // with its question mark
}

func (r *Resolver) below(s *site, q request, now layout.Stamp) Answer {
	segment, rest := q.inside, ""
	if i := strings.IndexByte(segment, '/'); i >= 0 {
		segment, rest = segment[:i], segment[i:]
	}
	if to, ok := s.channel(segment); ok {
		return s.redirect(outcome{to: to}, rest, q.query)
	}
	if !layout.HasMomentForm(segment) {
		return r.store(q.path)
	}
	m, err := layout.ParseMoment(segment)
	if err != nil {
		return missing()
	}
	o := s.at(m)
	switch {
	case segment == string(o.to) && rest == "":
		return moved(q.path + "/" + q.query)
	case segment == string(o.to):
		return r.store(q.path)
	case now != "" && m > now:
		return missing()
	case o.final && s.rewrite && rest != "":
		return r.store(s.base + "/" + string(o.to) + rest)
	}
	return s.redirect(o, rest, q.query)
}

func (s *site) redirect(o outcome, rest, query string) Answer {
	if rest == "" {
		rest = "/"
	}
	location := s.base + "/" + string(o.to) + rest + query
	switch {
	case o.to == "":
		return missing()
	case o.final:
		return moved(location)
	}
	return Answer{Status: 302, Location: location, CacheControl: cacheProvisional}
}

// FinalAge is how long caches keep a final answer; cacheFinal says it to them.
const FinalAge = 24 * time.Hour

func moved(location string) Answer {
	return Answer{Status: 301, Location: location, CacheControl: cacheFinal}
}

func missing() Answer { return Answer{Status: 404, CacheControl: cacheProvisional} }

// store hands path on, if it can be an object's.
func (r *Resolver) store(path string) Answer {
	for i := range r.sites {
		if r.sites[i].forbids(path) {
			return missing()
		}
	}
	return Answer{Status: 200, Serves: path}
}

// A site is a table made ready: where it stands, and its gone spans sorted.
type site struct {
	table   layout.Table
	public  string // "/" or "/mirror/"
	base    string // the public path and the base path: /mirror/debian
	rewrite bool
	nearest bool
	gone    []layout.Span // ascending, apart

	publicURL, resolver string // those of the Input; for s3
}

func newSite(t layout.Table) site {
	return site{
		table: t, public: t.PublicPath, base: t.PublicPath + t.BasePath,
		rewrite: t.Answer == layout.AnswerRewrite, nearest: t.Pruned == layout.PrunedNearest,
		gone: apart(t.Gone),
	}
}

// apart sorts spans and joins those that overlap.
func apart(spans []layout.Span) []layout.Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b layout.Span) int { return strings.Compare(string(a.From), string(b.From)) })
	var out []layout.Span
	for _, s := range spans {
		if n := len(out); n > 0 && s.From <= out[n-1].Until {
			out[n-1].Until = max(out[n-1].Until, s.Until)
			continue
		}
		out = append(out, s)
	}
	return out
}

// An outcome is where a moment leads: a checkpoint and whether that is final,
// or, to being none, nowhere.
type outcome struct {
	to    layout.Stamp
	final bool
}

// at returns where m leads; where it leads to itself it is a checkpoint.
func (s *site) at(m layout.Stamp) outcome {
	o := outcome{to: s.table.At(m)}
	switch {
	case o.to == "":
	case o.to != m && s.isGone(m) && s.nearest:
	case o.to != m && s.isGone(m):
		o.to = ""
	default:
		o.final = s.table.FinalFrom <= m && m <= s.table.FinalUntil
	}
	return o
}

func (s *site) isGone(m layout.Stamp) bool {
	i, _ := slices.BinarySearchFunc(s.gone, m, func(g layout.Span, m layout.Stamp) int {
		return strings.Compare(string(g.Until), string(m))
	})
	return i < len(s.gone) && s.gone[i].From <= m
}

// channel returns the checkpoint that a channel leads to, or none, and
// whether there is a channel of that name.
func (s *site) channel(name string) (to layout.Stamp, ok bool) {
	if name == "latest" || name == "now" {
		return s.table.Newest(), true
	}
	if to, ok = s.table.Channels[name]; !ok {
		return "", false
	}
	if _, stands := s.table.Find(to); !stands {
		return "", true
	}
	return to, true
}

// forbids reports whether path is below the site's public path and can't be
// the path of an object that anyone may read.
func (s *site) forbids(path string) bool {
	inside, ok := strings.CutPrefix(path, s.public)
	if !ok {
		return false
	}
	if plain, err := url.PathUnescape(inside); err == nil {
		inside = plain
	}
	for segment := range strings.SplitSeq(inside, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return strings.HasPrefix(strings.TrimLeft(inside, "/")+"/", layout.PrivatePrefix)
}
