package redirects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// renderNginx writes two files: maps for http{}, and what acts on them for
// server{}. All matching is on the raw $request_uri, so that what is escaped
// stays so.
//
// Where a moment leads is found by longest prefix in a chain of maps with
// exact, hashed keys, one for each length, each the default of the next longer
// one: a handful of look-ups however many checkpoints there are, where a list
// of regular expressions is tried one by one.
func renderNginx(sites []site) ([]Artifact, error) {
	http, server := &nginxFile{}, &nginxFile{}
	head := madeFrom(sites)
	fmt.Fprintf(http, nginxHTTPHead, head)
	lines := chainLines(sites)
	http.sizes(sites, lines)
	http.cut(sites)
	http.moment()
	http.chain(lines)
	http.channels(sites)
	http.answer(sites)
	http.store(sites)
	fmt.Fprintf(server, nginxServerHead, head)
	server.actions(sites)
	return []Artifact{
		{Name: "nginx/datestone-http.conf", Body: http.Bytes()},
		{Name: "nginx/datestone-server.conf", Body: server.Bytes()},
	}, nil
}

const nginxHTTPHead = `# Rules of datestone for nginx 1.18 or later. Generated: do not edit.
# Include this file in http {}, before any map of your own (a configuration
# that sets map_hash_max_size or map_hash_bucket_size itself must drop that),
# and datestone-server.conf in server {}.
# Made from
%s#
# All rows of the table "the answer to a request" hold, those of an edge
# without clock where it matters: a moment in the future leads to the newest
# checkpoint, with 302.
#
# For your locations:
#   $datestone_key     what to ask an object store for: the path below the
#                      public path, escaped as sent, a directory's index.html
#                      named; without the query, in which S3 takes commands
#   $datestone_file_cache_control
#                      the Cache-Control of a file that is served from a
#                      directory; objects bring their own
#   $datestone_answer  slash, 301, 302, 404, rewrite or store

`

const nginxServerHead = `# Rules of datestone for nginx. Generated: do not edit.
# Include this file in server {}, before its locations, once
# datestone-http.conf is included in http {}.
# Made from
%s#
# A site in a directory:
#   location / {
#       root /srv/site;
#       add_header Cache-Control $datestone_file_cache_control;
#       error_page 403 404 =404 @missing;
#   }
#   location @missing { add_header Cache-Control no-cache always; return 404; }
# or, with the public path /mirror/:
#   location /mirror/ {
#       alias /srv/site/;
#       add_header Cache-Control $datestone_file_cache_control;
#       error_page 403 404 =404 @missing;
#   }
#
# A site in a bucket that anyone may read (MinIO, S3):
#   location / {
#       limit_except GET { deny all; }
#       proxy_pass http://127.0.0.1:9000/bucket$datestone_key;
#       proxy_http_version 1.1;
#       proxy_set_header Connection "";
#       proxy_intercept_errors on;
#       error_page 400 403 404 =404 @missing;
#   }
#   location @missing { add_header Cache-Control no-cache always; return 404; }

`

type nginxFile struct{ bytes.Buffer }

func (f *nginxFile) linef(format string, args ...any) { fmt.Fprintf(f, format+"\n", args...) }

// openMap begins a map; source is quoted as it stands.
func (f *nginxFile) openMap(comment, source, variable string) {
	f.linef("# %s\nmap %s $datestone_%s {", comment, source, variable)
}

func (f *nginxFile) closeMap() { f.linef("}\n") }

// sizes makes room for the largest map: as many buckets as keys, of eight
// cache lines, so that nginx finds a layout at its first attempt. Its search
// for a smaller one takes minutes where there are a million keys.
func (f *nginxFile) sizes(sites []site, lines [15][]string) {
	most, channels := 2048, 0
	for _, l := range lines {
		most = max(most, len(l))
	}
	for i := range sites {
		channels += len(sites[i].channels())
	}
	f.linef("map_hash_max_size %d;", max(most, channels)+1000)
	f.linef("map_hash_bucket_size 512;\n")
}

// cut matches the base path and takes the parts of the request. The sites'
// numbers, which begin the keys of other maps, are those of this map.
func (f *nginxFile) cut(sites []site) {
	f.openMap("Which repository, and the parts of the request: each as sent.", "$request_uri", "repository")
	f.linef(`    default "";`)
	if len(sites) == 0 { // the captures must exist for nginx to know their names
		f.linef(`    "~(?!)(?<datestone_base>)(?<datestone_segment>)(?<datestone_rest>)(?<datestone_query>)" "";`)
	}
	for i, s := range sites {
		base := pathRegex(s.base)
		f.linef(`    "~^(?<datestone_base>%s)/(?<datestone_segment>[^/?]*)(?<datestone_rest>[^?]*)(?<datestone_query>.*)$" %d;`, base, i)
		f.linef(`    "~^(?<datestone_base>%s)(?<datestone_query>[?].*|)$" slash;`, base)
	}
	f.closeMap()
}

// moment makes the fourteen digits of a moment, and all their prefixes.
func (f *nginxFile) moment() {
	f.openMap("The fourteen digits of a moment, after the repository's number.",
		`"$datestone_repository:$datestone_segment"`, "digits")
	f.linef(`    default "";`)
	f.linef(`    "~^(?<datestone_n>[0-9]+:)(?<datestone_d>%s)T(?<datestone_t>%s)Z$" $datestone_n$datestone_d$datestone_t;`, calendarDay, calendarTime)
	f.linef(`    "~^(?<datestone_n>[0-9]+:)(?<datestone_d>%s)$" $datestone_n${datestone_d}000000;`, calendarDay)
	f.linef(`    "~^[0-9]+:[0-9]{8}(?:T[0-9]{6}Z)?$" never;`)
	f.closeMap()
	pattern := `(?<datestone_p0>[0-9]+:)`
	for n := 1; n <= 14; n++ {
		pattern = fmt.Sprintf(`(?<datestone_p%d>%s[0-9])`, n, pattern)
	}
	f.openMap("Its prefixes. The value is empty, the captures are what counts.", "$datestone_digits", "prefixes")
	f.linef("    default \"\";\n    \"~^%s$\" \"\";", pattern)
	f.closeMap()
}

// chainLines returns the entries of the maps of the chain, by prefix length.
func chainLines(sites []site) (lines [15][]string) {
	for i := range sites {
		for _, p := range Prefixes(Spans(sites[i].table)) {
			n := len(p.Digits)
			lines[n] = append(lines[n], fmt.Sprintf("    %d:%s %s;\n", i, p.Digits, outcomeWord(p.To, p.Final)))
		}
	}
	return lines
}

// chain writes the maps of all lengths, the shortest first: 404 is the end.
func (f *nginxFile) chain(lines [15][]string) {
	shorter := "404"
	for n := range lines {
		if len(lines[n]) == 0 {
			continue
		}
		f.openMap(fmt.Sprintf("Where moments lead, by %d digits.", n), fmt.Sprintf("$datestone_p%d", n), fmt.Sprintf("by%d", n))
		f.linef("    default %s;", shorter)
		for _, l := range lines[n] {
			f.WriteString(l)
		}
		f.closeMap()
		shorter = fmt.Sprintf("$datestone_by%d", n)
	}
	// The captures of $datestone_prefixes have to be there before the first
	// map of the chain looks at them.
	f.openMap("Where the moment leads: f<checkpoint> (final), p<checkpoint> or 404.", `"$datestone_digits$datestone_prefixes"`, "moment")
	f.linef("    \"\" store;\n    never 404;\n    default %s;", shorter)
	f.closeMap()
}

func (f *nginxFile) channels(sites []site) {
	// nginx looks strings up without regard to case, so Prod would be prod.
	f.openMap("What has the form of a channel, after the repository's number.", `"$datestone_repository:$datestone_segment"`, "name")
	f.linef("    default \"\";\n    \"~^(?<datestone_named>[0-9]+:[a-z0-9-]+)$\" $datestone_named;")
	f.closeMap()
	f.openMap("Where the segment leads: a channel, a moment, or to the store.", "$datestone_name", "to")
	f.linef("    default $datestone_moment;")
	for i := range sites {
		to := sites[i].channels()
		for _, name := range slices.Sorted(maps.Keys(to)) {
			f.linef("    %d:%s %s;", i, name, outcomeWord(to[name], false))
		}
	}
	f.closeMap()
	f.openMap("The checkpoint of it.", "$datestone_to", "id")
	f.linef("    default \"\";\n    \"~^[fp](?<datestone_stamp>.+)$\" $datestone_stamp;")
	f.closeMap()
}

// answer chooses the row of the table of SPEC section 3.
func (f *nginxFile) answer(sites []site) {
	f.openMap("What no key can be, a segment . or .. however escaped, is not the store's.", "$request_uri", "store")
	f.linef("    default store;")
	for _, public := range publicPaths(sites) {
		f.linef(`    "~^%s(?:[^?]*(?:/|%%2[fF]))?(?:[.]|%%2[eE]){1,2}(?:/|%%2[fF]|[?]|$)" 404;`, pathRegex(public))
	}
	f.closeMap()
	f.openMap("The same for what is served from another directory than the one asked for.", "$datestone_store", "rewrite")
	f.linef("    404 404;\n    default rewrite;")
	f.closeMap()
	f.openMap("The answer.", `"$datestone_repository $datestone_to $datestone_segment$datestone_rest"`, "answer")
	f.linef("    default $datestone_store;")
	f.linef(`    "~^slash " slash;`)
	f.linef(`    "~^[0-9]+ 404 " 404;`)
	f.linef(`    "~^[0-9]+ [fp]([0-9TZ]{16}) \1/" $datestone_store;`)
	f.linef(`    "~^[0-9]+ [fp]([0-9TZ]{16}) \1$" 301;`)
	f.linef(`    "~^[0-9]+ p" 302;`)
	for i, s := range sites {
		if s.rewrite {
			f.linef(`    "~^%d f[0-9TZ]{16} [^/]*/" $datestone_rewrite;`, i)
		}
	}
	f.linef(`    "~^[0-9]+ f" 301;`)
	f.closeMap()
	f.openMap("How long it may be kept. What the store answers keeps its own header.", "$datestone_answer", "cache_control")
	f.linef("    default \"\";\n    slash \"%[1]s\";\n    301 \"%[1]s\";\n    302 %[2]s;\n    404 %[2]s;", cacheFinal, cacheProvisional)
	f.closeMap()
	f.objectCache()
	f.openMap("A redirect settles the slash as well.", "$datestone_rest", "tail")
	f.linef("    default $datestone_rest;\n    \"\" /;")
	f.closeMap()
}

// objectCache gives a directory's files the headers that objects carry. What is
// served in place of a redirect is kept as long as the redirect would be.
func (f *nginxFile) objectCache() {
	f.openMap("How long a file may be kept.", `"$datestone_answer $datestone_repository $datestone_to $datestone_segment$datestone_rest"`, "file_cache_control")
	f.linef("    default %q;", layout.HeaderFor(layout.Listing, "").CacheControl)
	f.linef(`    "~^rewrite " "%s";`, cacheFinal)
	f.linef(`    "~^store [0-9]+ [fp]([0-9TZ]{16}) \1/" "%s";`, layout.HeaderFor(layout.Content, "").CacheControl)
	f.linef(`    "~^store [0-9]+ store log/" "%s";`, layout.HeaderFor(layout.LogEntry, "").CacheControl)
	f.closeMap()
}

// store makes the path that an object store is asked for.
func (f *nginxFile) store(sites []site) {
	f.openMap("The path as sent, without the query.", "$request_uri", "sent")
	f.linef("    default $request_uri;\n    \"~^(?<datestone_before_query>[^?]*)[?]\" $datestone_before_query;")
	f.closeMap()
	f.openMap("The path that is served.", "$datestone_answer", "path")
	f.linef("    default $datestone_sent;\n    rewrite $datestone_base/$datestone_id$datestone_rest;")
	f.closeMap()
	f.openMap("The same as a key.", "$datestone_path", "key")
	f.linef("    default $datestone_path;")
	for _, public := range publicPaths(sites) {
		p := pathRegex(strings.TrimSuffix(public, "/"))
		f.linef(`    "~^%s(?<datestone_dir>/(?:.*/)?)$" ${datestone_dir}index.html;`, p)
		f.linef(`    "~^%s(?<datestone_file>/.*)$" $datestone_file;`, p)
	}
	f.closeMap()
}

// actions acts on $datestone_answer. A rewrite is of the path as nginx has
// normalised it: one with a raw ".." would leave the root. Its capture has a
// name because the maps behind $datestone_id overwrite $1. With "break" an
// alias would refuse to serve it.
func (f *nginxFile) actions(sites []site) {
	f.linef("absolute_redirect off;")
	f.linef("add_header Cache-Control $datestone_cache_control always;\n")
	f.linef("if ($datestone_answer = slash) { return 301 $datestone_base/$datestone_query; }")
	f.linef("if ($datestone_answer = 301) { return 301 $datestone_base/$datestone_id$datestone_tail$datestone_query; }")
	f.linef("if ($datestone_answer = 302) { return 302 $datestone_base/$datestone_id$datestone_tail$datestone_query; }")
	f.linef("if ($datestone_answer = 404) { return 404; }")
	for _, s := range sites {
		if s.rewrite {
			f.linef(`if ($datestone_answer = rewrite) { rewrite "(?s)^%s/[0-9TZ]+(?<datestone_kept>/.*)$" %s/$datestone_id$datestone_kept last; }`, pathRegex(s.base), s.base)
		}
	}
	f.linef("")
	for _, public := range publicPaths(sites) {
		private := public + strings.TrimSuffix(layout.PrivatePrefix, "/")
		for _, where := range []string{"= " + private, "^~ " + private + "/"} {
			f.linef("location %s { add_header Cache-Control %s always; return 404; }", where, cacheProvisional)
		}
	}
}
