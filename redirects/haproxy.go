package redirects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// renderHAProxy writes a named defaults section, whose rules run in every
// proxy that says "from datestone", and the three maps that they ask.
//
// HAProxy could compare: a map_int takes ranges. But it walks through them one
// by one, where map_beg is one walk down a tree, however many prefixes it has.
func renderHAProxy(sites []site) ([]Artifact, error) {
	head := madeFrom(sites)
	f := &haproxyFile{}
	fmt.Fprintf(f, haproxyHead, head)
	f.cut(sites)
	f.moment()
	f.answer()
	f.store(sites)
	return []Artifact{
		{Name: "haproxy/datestone.cfg", Body: f.Bytes()},
		{Name: "haproxy/channels.map", Body: haproxyMap("channels", "the repository's number and a channel, and where it leads", head, haproxyChannels(sites))},
		{Name: "haproxy/moments.map", Body: haproxyMap("moments", "the repository's number and the first digits of a moment, and where it leads", head, haproxyMoments(sites))},
		{Name: "haproxy/repositories.map", Body: haproxyMap("repositories", "a path, and the number, depth and answer of its repository", head, haproxyRepositories(sites))},
	}, nil
}

const haproxyHead = `# Rules of datestone for HAProxy 2.6 or later. Generated: do not edit.
# Load this file before your own (haproxy -f datestone.cfg -f haproxy.cfg),
# and write "from datestone" at the backend that has the site.
# Made from
%s#
# All rows of the table "the answer to a request" hold. The clock is HAProxy's.
#
# For your backend:
#   txn.datestone_key  what to ask an object store for: the path below the
#                      public path, escaped as sent, a directory's index.html
#                      named; without the query, in which S3 takes commands

global
    # Where the maps are: set the variable where they are elsewhere.
    presetenv DATESTONE_RULES /etc/haproxy/datestone/haproxy

defaults datestone
    mode http
`

// haproxyMap writes a map that datestone.cfg asks.
func haproxyMap(name, what, head string, lines []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Rules of datestone for HAProxy: %s.map, which datestone.cfg asks.\n# Generated: do not edit. A line is %s.\n# Made from\n%s", name, what, head)
	for _, l := range lines {
		b.WriteString(l)
	}
	return b.Bytes()
}

func haproxyRepositories(sites []site) (lines []string) {
	for i, s := range sites {
		lines = append(lines, fmt.Sprintf("%s/ %d:%d:%s\n", s.base, i, strings.Count(s.base, "/"), s.answerWord()))
	}
	return lines
}

func haproxyChannels(sites []site) (lines []string) {
	for i := range sites {
		to := sites[i].channels()
		for _, name := range slices.Sorted(maps.Keys(to)) {
			lines = append(lines, fmt.Sprintf("%d:%s %s\n", i, name, outcomeWord(to[name], false)))
		}
	}
	return lines
}

func haproxyMoments(sites []site) (lines []string) {
	for i := range sites {
		for _, p := range Prefixes(Spans(sites[i].table)) {
			lines = append(lines, fmt.Sprintf("%d:%s %s\n", i, p.Digits, outcomeWord(p.To, p.Final)))
		}
	}
	return lines
}

type haproxyFile struct{ bytes.Buffer }

// linef writes a line of the section.
func (f *haproxyFile) linef(format string, args ...any) {
	fmt.Fprintf(f, "    "+format+"\n", args...)
}

// set gives a variable of the transaction a value, a sample expression. One
// that fails leaves the variable as it was.
func (f *haproxyFile) set(name, value string, conditions ...string) {
	if len(conditions) > 0 {
		value += " if " + strings.Join(conditions, " ")
	}
	f.linef("http-request set-var(txn.datestone_%s) %s", name, value)
}

// cut takes the path as sent apart: base, segment, rest and query.
func (f *haproxyFile) cut(sites []site) {
	f.linef("# Base, segment and rest of the path, as sent, and the query.")
	f.set("path", "path")
	f.set("query", `"pathq,regsub('^[^?]*','')"`)
	f.set("site", `"path,concat(/),map_beg(${DATESTONE_RULES}/repositories.map)"`)
	f.set("number", `"var(txn.datestone_site),field(1,:),concat(:)"`)
	for _, depth := range depths(sites) {
		here := fmt.Sprintf("{ var(txn.datestone_site),field(2,:) -m str %d }", depth)
		f.set("base", fmt.Sprintf(`"path,regsub('^((?:/[^/]+){%d}).*','\1')"`, depth), here)
		f.set("inside", fmt.Sprintf(`"path,regsub('^(?:/[^/]+){%d}','')"`, depth), here)
	}
	f.set("segment", `"var(txn.datestone_inside),regsub('^/([^/]*).*','\1')"`)
	f.set("rest", `"var(txn.datestone_inside),regsub('^/[^/]*','')"`)
}

// depths returns of how many segments base paths are, each number once.
func depths(sites []site) (depths []int) {
	for _, s := range sites {
		depths = append(depths, strings.Count(s.base, "/"))
	}
	slices.Sort(depths)
	return slices.Compact(depths)
}

// moment finds where the segment leads. A name of a channel may look like a
// moment, and is a channel then.
func (f *haproxyFile) moment() {
	const open = "{ var(txn.datestone_to) -m str store }"
	f.linef("# Where the segment leads: f<checkpoint> (final), p<checkpoint>, 404, or to the store.")
	f.set("to", "str(store)")
	f.set("to", `"var(txn.datestone_number),concat(,txn.datestone_segment),map_str(${DATESTONE_RULES}/channels.map)"`)
	calendar := fmt.Sprintf("{ var(txn.datestone_segment) -m reg '^%s(?:T%sZ)?$' }", calendarDay, calendarTime)
	f.set("digits", `"var(txn.datestone_segment),regsub('[TZ]','',g),concat(000000),bytes(0,14)"`, open, calendar)
	f.set("to", `"var(txn.datestone_number),concat(,txn.datestone_digits),map_beg(${DATESTONE_RULES}/moments.map,404)"`, "{ var(txn.datestone_digits) -m found }")
	f.set("to", "str(404)", open, "{ var(txn.datestone_segment) -m reg '^[0-9]{8}(?:T[0-9]{6}Z)?$' }")
	f.set("id", `"var(txn.datestone_to),bytes(1)"`)
	f.linef("# How far the moment is ahead of the clock, as a difference of fourteen digits.")
	f.set("now", `"date,utime(%Y%m%d%H%M%S),add(0)"`)
	f.set("ahead", `"var(txn.datestone_digits),sub(txn.datestone_now)"`)
}

// answer chooses the row of the table of SPEC section 3.
func (f *haproxyFile) answer() {
	const (
		exact    = "{ var(txn.datestone_segment),strcmp(txn.datestone_id) eq 0 }"
		final    = "{ var(txn.datestone_to) -m beg f }"
		leads    = "{ var(txn.datestone_to) -m beg f p }"
		restless = "{ var(txn.datestone_rest) -m len 0 }"
	)
	f.linef("# The answer. A redirect settles the slash as well.")
	f.moved(301, "%[var(txn.datestone_base)]/%[var(txn.datestone_query)]", cacheFinal, "{ var(txn.datestone_inside) -m len 0 }")
	f.missing("{ var(txn.datestone_to) -m str 404 }")
	f.moved(301, "%[path]/%[var(txn.datestone_query)]", cacheFinal, leads, exact, restless)
	f.set("to", "str(store)", leads, exact)
	f.missing(leads, "{ var(txn.datestone_ahead) -m int gt 0 }")
	f.set("to", "str(rewrite)", final, "!"+restless, "{ var(txn.datestone_site),field(3,:) -m str "+layout.AnswerRewrite+" }")
	f.set("rest", "str(/)", restless)
	const location = "%[var(txn.datestone_base)]/%[var(txn.datestone_id)]%[var(txn.datestone_rest)]%[var(txn.datestone_query)]"
	f.moved(301, location, cacheFinal, final)
	f.moved(302, location, cacheProvisional, "{ var(txn.datestone_to) -m beg p }")
}

// moved answers a redirect: "http-request redirect" could set no Cache-Control.
func (f *haproxyFile) moved(status int, location, cache string, conditions ...string) {
	f.linef(`http-request return status %d hdr Location "%s" hdr Cache-Control %q if %s`, status, location, cache, strings.Join(conditions, " "))
}

func (f *haproxyFile) missing(conditions ...string) {
	f.linef(`http-request return status 404 content-type text/plain string "404 not found\n" hdr Cache-Control %s if %s`, cacheProvisional, strings.Join(conditions, " "))
}

// store turns away what no key can be, and makes the path that an object store
// is asked for. url_dec works in the buffer it is given, which must not be the
// request's: it gets a copy.
func (f *haproxyFile) store(sites []site) {
	f.linef("# What no key can be, a segment . or .. however escaped, is not the store's, nor is what is datestone's own.")
	f.set("plain", "path")
	f.set("plain", "var(txn.datestone_path),url_dec")
	public := publicPaths(sites)
	for _, p := range public {
		below, private := pathRegex(p), pathRegex(strings.TrimSuffix(layout.PrivatePrefix, "/"))
		f.missing("{ path -m beg "+p+" }", fmt.Sprintf(`{ var(txn.datestone_plain) -m reg '^%s(?:(?s:.*)/)?[.]{1,2}(?:/|\z)' '^%s/*%s(?:/|\z)' }`, below, below, private))
	}
	f.linef("# The path that is served, and the same as a key.")
	f.linef("http-request set-path %%[var(txn.datestone_base)]/%%[var(txn.datestone_id)]%%[var(txn.datestone_rest)] if { var(txn.datestone_to) -m str rewrite }")
	for _, p := range public {
		f.set("key", fmt.Sprintf(`"path,regsub('^%s','/')"`, pathRegex(p)), "!{ var(txn.datestone_key) -m found }", "{ path -m beg "+p+" }")
	}
	f.set("key", "path", "!{ var(txn.datestone_key) -m found }")
	f.set("key", `"var(txn.datestone_key),concat(index.html)"`, "{ path -m end / }")
}
