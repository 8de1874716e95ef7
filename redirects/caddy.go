package redirects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// renderCaddy writes two files of directives for a route of a site.
//
// Placeholders made by a map directive are found out anew each time they are
// used, so what is used twice is kept in a variable. Nothing a client sent is
// ever handed to vars_regexp, which would take a "{…}" in it for a placeholder;
// a map's regular expressions take it as it is.
func renderCaddy(sites []site) ([]Artifact, error) {
	head := madeFrom(sites)
	f, key := &caddyFile{}, &caddyFile{}
	fmt.Fprintf(f, caddyHead, head)
	f.cut(sites)
	f.lookUp(sites)
	f.answer(sites)
	f.forbid(sites)
	fmt.Fprintf(key, caddyKeyHead, head)
	key.linef("rewrite ?")
	key.linef("uri path_regexp ^%s /", caddyPublic(sites))
	key.linef("uri path_regexp /$ /index.html")
	return []Artifact{
		{Name: "caddy/datestone.caddy", Body: f.Bytes()},
		{Name: "caddy/key.caddy", Body: key.Bytes()},
	}, nil
}

const caddyHead = `# Rules of datestone for Caddy 2.6 or later. Generated: do not edit.
# Import this file in a route of your site, before what serves it.
# Made from
%s#
# All rows of the table "the answer to a request" hold. The clock is Caddy's.
#
# For the rest of your route:
#   {http.vars.datestone_file_cache_control}
#       the Cache-Control of a file that is served from a directory; objects
#       bring their own
#   {http.vars.datestone_path} and {http.vars.datestone_query}
#       path and query of the request, as sent

`

const caddyKeyHead = `# Rules of datestone for Caddy 2.6 or later. Generated: do not edit.
# Import this file after datestone.caddy where the site stands in an object
# store: it makes the path a key, the one below the public path, escaped as
# sent, a directory's index.html named; without the query, in which S3 takes
# commands.
# Made from
%s
`

// A caddyFile is directives, indented by the blocks they stand in.
type caddyFile struct {
	bytes.Buffer
	depth int
}

func (f *caddyFile) linef(format string, args ...any) {
	for range f.depth {
		f.WriteByte('\t')
	}
	fmt.Fprintf(f, format+"\n", args...)
}

// block writes a directive and what stands in its braces.
func (f *caddyFile) block(directive string, inside func()) {
	f.linef("%s {", directive)
	f.depth++
	inside()
	f.depth--
	f.linef("}")
}

// route writes a route for requests for which all matchers hold. Of two
// "vars" of one name Caddy would be content with one, and it asks matchers in
// no order: what needs that is a route in a route.
func (f *caddyFile) route(name string, inside func(), matchers ...string) {
	if len(matchers) == 1 {
		f.linef("@datestone_%s %s", name, matchers[0])
	} else {
		f.block("@datestone_"+name, func() {
			for _, m := range matchers {
				f.linef("%s", m)
			}
		})
	}
	f.block("route @datestone_"+name, inside)
}

// mapping writes a map, its lines being inputs and outputs.
func (f *caddyFile) mapping(source, destinations string, lines ...string) {
	f.block("map "+source+" "+destinations, func() {
		for _, l := range lines {
			f.linef("%s", l)
		}
	})
}

func (f *caddyFile) set(name, value string) { f.linef("vars datestone_%s %s", name, value) }

func (f *caddyFile) moved(status int, location, cache string) {
	f.linef("header Cache-Control %q", cache)
	f.linef("redir %s %d", location, status)
}

func (f *caddyFile) missing() {
	f.linef("header Cache-Control %q", cacheProvisional)
	f.linef(`respond "404 not found" 404`)
}

// cut takes the request apart, each part as sent. Where the request line has a
// host, as for a proxy, it is left out. Base paths are looked for by as many
// segments as they have, so that there is no regular expression for each.
func (f *caddyFile) cut(sites []site) {
	f.linef("# Path and query, as sent.")
	f.mapping("{http.request.orig_uri}", "{datestone_path} {datestone_query}", `~^(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?]*)?([^?]*)([?].*)?$ ${1} ${2}`)
	f.set("path", "{datestone_path}")
	f.set("query", "{datestone_query}")
	f.linef("# Which repository, by the first segments: its number and how many they are.")
	found, parts := "", []string(nil)
	for _, depth := range depths(sites) {
		f.mapping("{http.vars.datestone_path}", fmt.Sprintf("{datestone_above%d}", depth), fmt.Sprintf("~^((?:/[^/]+){%d})(?:/|$) ${1}", depth))
		var bases []string
		for i, s := range sites {
			if strings.Count(s.base, "/") == depth {
				bases = append(bases, fmt.Sprintf("%s %d:%d", s.base, i, depth))
			}
		}
		f.mapping(fmt.Sprintf("{datestone_above%d}", depth), fmt.Sprintf("{datestone_found%d}", depth), bases...)
		found += fmt.Sprintf("{datestone_found%d}", depth)
		parts = append(parts, fmt.Sprintf("~^([0-9]+):%[1]d((?:/[^/]+){%[1]d})/([^/]*)(.*)$ ${1} ${2} ${3} ${4}", depth))
	}
	f.set("found", fmt.Sprintf("%q", found))
	f.linef(`# Number, "slash" for a base path without one, or nothing; base, segment and rest.`)
	f.mapping(`"{http.vars.datestone_found}{http.vars.datestone_path}"`, "{datestone_number} {datestone_base} {datestone_segment} {datestone_rest}",
		append(parts, `~^[0-9]+: slash "" "" ""`)...)
	for _, part := range []string{"number", "base", "segment", "rest"} {
		f.set(part, "{datestone_"+part+"}")
	}
	f.linef("# Elsewhere a redirect to more than one slash would lead to another host.")
	f.mapping("{http.vars.datestone_path}", "{datestone_rooted}", `~^/*(/.*)$ ${1}`)
	f.route("elsewhere", func() { f.set("path", "{datestone_rooted}") }, `vars datestone_number ""`)
}

// lookUp finds where the segment leads. A name of a channel may look like a
// moment, and is a channel then.
func (f *caddyFile) lookUp(sites []site) {
	f.linef("\n# Where the segment leads: f<checkpoint> (final), p<checkpoint>, 404, or nothing: to the store.")
	var channels []string
	for i := range sites {
		to := sites[i].channels()
		for _, name := range slices.Sorted(maps.Keys(to)) {
			channels = append(channels, fmt.Sprintf("%d:%s %s", i, name, outcomeWord(to[name], false)))
		}
	}
	f.mapping(`"{http.vars.datestone_number}:{http.vars.datestone_segment}"`, "{datestone_channel}", channels...)
	f.set("to", "{datestone_channel}")
	f.set("digits", `""`)
	day := strings.TrimPrefix(calendarDay, "(?!0000)") // there is no (?!…) here
	f.mapping("{http.vars.datestone_segment}", "{datestone_digits}",
		`~^0000[0-9]{4}(?:T[0-9]{6}Z)?$ 404`,
		fmt.Sprintf("~^(%s)T(%s)Z$ ${1}${2}", day, calendarTime),
		fmt.Sprintf("~^(%s)$ ${1}000000", day),
		`~^[0-9]{8}(?:T[0-9]{6}Z)?$ 404`)
	f.route("open", func() { f.set("digits", "{datestone_digits}") }, `vars datestone_to ""`, `not vars datestone_number "" slash`)
	f.route("never", func() { f.set("to", "404") }, "vars datestone_digits 404")
	f.route("moment", func() { f.moment(sites) }, `not vars datestone_digits "" 404`)
	f.mapping("{http.vars.datestone_to}", "{datestone_kind} {datestone_id}", "~^([fp])(.+)$ ${1} ${2}")
	f.set("kind", "{datestone_kind}")
	f.set("id", "{datestone_id}")
}

// moment finds where a moment leads.
func (f *caddyFile) moment(sites []site) {
	f.search(newCaddyTree(sites))
	f.mapping("{http.vars.datestone_span}", "{datestone_outcome}",
		"~^(.{8})(.{6})([fp])$ ${3}${1}T${2}Z",
		"~^.{14}([fp].+)$ ${1}",
		"default 404")
	f.set("to", "{datestone_outcome}")
}

// answer chooses the row of the table of SPEC section 3.
func (f *caddyFile) answer(sites []site) {
	const bare = `vars datestone_rest ""`
	f.linef("\n# The answer. A redirect settles the slash as well.")
	f.set("file_cache_control", fmt.Sprintf("%q", layout.HeaderFor(layout.Listing, "").CacheControl))
	f.route("slash", func() { f.moved(301, "{http.vars.datestone_path}/{http.vars.datestone_query}", cacheFinal) }, "vars datestone_number slash")
	f.route("missing", f.missing, "vars datestone_to 404")
	f.route("exact", func() {
		f.route("exact_bare", func() {
			f.moved(301, "{http.vars.datestone_path}/{http.vars.datestone_query}", cacheFinal)
		}, bare)
		f.set("kind", "store")
		f.set("file_cache_control", fmt.Sprintf("%q", layout.HeaderFor(layout.Content, "").CacheControl))
	}, `not vars datestone_id ""`, "vars datestone_segment {http.vars.datestone_id}")
	f.route("log", func() {
		f.set("file_cache_control", fmt.Sprintf("%q", layout.HeaderFor(layout.LogEntry, "").CacheControl))
	}, `not vars datestone_number ""`, "vars datestone_segment log", "not "+bare)
	f.clock()
	f.rewrite(sites)
	f.route("bare", func() { f.set("rest", "/") }, bare)
	const location = "{http.vars.datestone_base}/{http.vars.datestone_id}{http.vars.datestone_rest}{http.vars.datestone_query}"
	f.route("final", func() { f.moved(301, location, cacheFinal) }, "vars datestone_kind f")
	f.route("provisional", func() { f.moved(302, location, cacheProvisional) }, "vars datestone_kind p")
}

// clock turns away moments after now. A time of Unix has no zone.
func (f *caddyFile) clock() {
	f.route("timed", func() {
		f.mapping("{http.vars.datestone_digits}", "{datestone_time}", `~^(....)(..)(..)(..)(..)(..)$ "${1}-${2}-${3}T${4}:${5}:${6}Z"`)
		f.route("ahead", f.missing, "expression `timestamp({datestone_time}) > timestamp(int({time.now.unix}))`")
	}, "vars datestone_kind f p", `not vars datestone_digits ""`)
}

// rewrite puts the checkpoint into the path of what is served in place of a
// redirect. The rest of it stays escaped as sent, which a rewrite directive
// could not do.
func (f *caddyFile) rewrite(sites []site) {
	for i, s := range sites {
		if !s.rewrite {
			continue
		}
		f.route(fmt.Sprintf("r%d", i), func() {
			f.route(fmt.Sprintf("r%d_rewrite", i), func() {
				f.set("kind", "rewrite")
				f.set("file_cache_control", fmt.Sprintf("%q", cacheFinal))
				f.linef("uri path_regexp ^%s/[^/]* %s/{http.vars.datestone_id}", pathRegex(s.base), s.base)
			}, "vars datestone_kind f", `not vars datestone_rest ""`)
		}, fmt.Sprintf("vars datestone_number %d", i))
	}
}

// forbid turns away what no key can be. Directives after these may clean a
// path, and look at it without regard to case, before they take the public
// path off: so it is turned away in whatever spelling. Without a public path
// it is the key that must not be asked for.
func (f *caddyFile) forbid(sites []site) {
	f.linef("\n# What no key can be, a segment . or .. however escaped, is not the store's, nor is what is datestone's own.")
	private := pathRegex(strings.TrimSuffix(layout.PrivatePrefix, "/"))
	below := strings.ReplaceAll(caddyPublic(sites), "/", "/+")
	f.mapping("{http.request.orig_uri.path}", "{datestone_forbidden}",
		"~(?:^|/)[.]{1,2}(?:/|$) 404",
		fmt.Sprintf("~^(?i:%s)%s(?:/|$) 404", below, private))
	f.route("forbidden", f.missing, "vars {datestone_forbidden} 404")
}

// caddyPublic is a regular expression of all public paths, and the root.
func caddyPublic(sites []site) string {
	var below []string
	for _, p := range publicPaths(sites) {
		if p != "/" {
			below = append(below, pathRegex(p[1:]))
		}
	}
	if len(below) == 0 {
		return "/"
	}
	return "/(?:" + strings.Join(below, "|") + ")?"
}
