package redirects

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// renderApache writes the rules, for mod_rewrite in a virtual host, and three
// answers that mod_asis sends.
//
// All matching is on the path of the request line, for Apache decodes and
// merges its own. Where a moment leads is a binary search by conditions that
// compare, and rules that skip others: Apache has no map that would find what
// lies between two keys. The answers are files because a redirect made by
// mod_rewrite gets a Location with scheme and host, which is wrong wherever TLS
// ends in front of Apache, and can't be replaced by another.
func renderApache(sites []site) ([]Artifact, error) {
	f := &apacheFile{}
	head := madeFrom(sites)
	fmt.Fprintf(&f.text, apacheHead, head)
	f.cut()
	for i := range sites {
		f.site(&sites[i])
	}
	f.when(&f.toStore)
	f.found()
	f.store(sites)
	f.answers()
	f.write()
	return []Artifact{
		{Name: "apache/datestone.conf", Body: f.text.Bytes()},
		{Name: "apache/301.asis", Body: []byte("Status: 301 Moved Permanently\nContent-Type: text/plain\n\n301 moved permanently\n")},
		{Name: "apache/302.asis", Body: []byte("Status: 302 Found\nContent-Type: text/plain\n\n302 found\n")},
		{Name: "apache/404.asis", Body: []byte("Status: 404 Not Found\nContent-Type: text/plain\n\n404 not found\n")},
	}, nil
}

const apacheHead = `# Rules of datestone for Apache 2.4. Generated: do not edit.
# Include this file in a <VirtualHost>, before rewrite rules of your own. It
# needs mod_rewrite, mod_headers and mod_asis.
# Made from
%s#
# All rows of the table "the answer to a request" hold. The clock is Apache's
# where the environment variable TZ says UTC; elsewhere, its clock being that
# of another zone, a moment in the future leads to the newest checkpoint, with
# 302.
#
# For your virtual host:
#   datestone_key      what to ask an object store for: the path below the
#                      public path, escaped as sent, a directory's index.html
#                      named; without the query, in which S3 takes commands
#   datestone_path     where the answer is to serve another checkpoint's file:
#                      its path, decoded
#   datestone_file_cache_control
#                      the Cache-Control of a file that is served from a
#                      directory; objects bring their own

# Where this file and its answers are: define it where they are elsewhere.
<IfDefine !DATESTONE_RULES>
    Define DATESTONE_RULES /etc/apache2/datestone/apache
</IfDefine>
<Directory "${DATESTONE_RULES}">
    Require all granted
    Options FollowSymLinks
    AllowOverride None
</Directory>

AllowEncodedSlashes NoDecode
Header always set Location "%%{datestone_location}e" env=datestone_location
Header always set Cache-Control "%%{datestone_cache_control}e" env=datestone_cache_control
Header always set Cache-Control no-cache "expr=%%{REQUEST_STATUS} == 404"
# What the store refuses is missing, and so is what no path can be.
ErrorDocument 400 /.datestone/missing
ErrorDocument 403 /.datestone/missing

RewriteEngine On
RewriteCond %%{ENV:REDIRECT_STATUS} ^40[03]$
RewriteRule ^/[.]datestone/missing$ "${DATESTONE_RULES}/404.asis" [H=send-as-is,L]
# A question that Apache asks itself is answered already.
RewriteCond %%{IS_SUBREQ} =true [OR]
RewriteCond %%{ENV:REDIRECT_STATUS} .
RewriteRule ^ - [L]
`

// An apacheRule is a RewriteRule that changes variables, then goes on with the
// next rule or, where that is given, one further down.
type apacheRule struct {
	comment    string
	conditions []string // all of them: what follows RewriteCond
	to         string   // the substitution; "-" if empty
	flags      []string
	skip       *apacheLabel
}

// An apacheLabel is a place among the rules: the number of the rule there.
type apacheLabel struct{ at int }

type apacheFile struct {
	text  bytes.Buffer
	rules []apacheRule
	about string // the comment of the next rule

	// where rules go on
	whereFound, toStore, move301, move302, isMissing, end apacheLabel
}

func (f *apacheFile) add(r apacheRule) {
	r.comment, f.about = f.about, ""
	f.rules = append(f.rules, r)
}

// when adds a rule that skips the others up to label.
func (f *apacheFile) when(label *apacheLabel, conditions ...string) {
	f.add(apacheRule{conditions: conditions, skip: label})
}

// set adds a rule that sets variables, each "name:value", and skips the others
// up to label, if there is one.
func (f *apacheFile) set(label *apacheLabel, variables []string, conditions ...string) {
	f.add(apacheRule{conditions: conditions, flags: apacheVariables(variables...), skip: label})
}

func apacheVariables(variables ...string) (flags []string) {
	for _, v := range variables {
		flags = append(flags, "E=datestone_"+v)
	}
	return flags
}

func (f *apacheFile) place(label *apacheLabel) { label.at = len(f.rules) }

// write writes the rules, now that it is known how many each of them skips.
func (f *apacheFile) write() {
	for i, r := range f.rules {
		if r.comment != "" {
			f.text.WriteString("# " + r.comment + "\n")
		}
		for _, c := range r.conditions {
			f.text.WriteString("RewriteCond " + c + "\n")
		}
		if r.skip != nil && r.skip.at > i+1 {
			r.flags = append(r.flags, fmt.Sprint("S=", r.skip.at-i-1))
		}
		if r.to == "" {
			r.to = "-"
		}
		f.text.WriteString("RewriteRule ^ " + r.to)
		if len(r.flags) > 0 {
			f.text.WriteString(" [" + strings.Join(r.flags, ",") + "]")
		}
		f.text.WriteByte('\n')
	}
}

// Conditions that many rules have.
const (
	apacheRestless = "%{ENV:datestone_rest} !."
	// apacheExact is where the segment is the checkpoint itself.
	apacheExact = `%{ENV:datestone_segment}/%{ENV:datestone_id} ^(.*)/\1$`
)

// apacheValue makes text that a flag can't hold, because of its commas, what
// %1 is in the flags.
func apacheValue(text string) string { return fmt.Sprintf("%q (.+)", text) }

// cut takes the path and the query out of the request line.
func (f *apacheFile) cut() {
	f.about = "The path and the query, as sent."
	f.set(nil, []string{"sent:/"})
	f.set(nil, []string{"sent:%1", "query:%2"}, `%{THE_REQUEST} "^\S+ (?:[A-Za-z]+://[^/?\s]*)?(/[^?\s]*)(\?\S*)?"`)
}

// site finds where the segment after a base path leads.
func (f *apacheFile) site(s *site) {
	next := &apacheLabel{}
	base := pathRegex(s.base)
	f.about = s.base
	f.when(next, "%{ENV:datestone_sent} !^"+base+"(?:/|$)")
	f.set(&f.move301, []string{"location:" + s.base + "/%{ENV:datestone_query}"}, "%{ENV:datestone_sent} ="+s.base)
	variables := []string{"base:" + s.base, "segment:%1", "rest:%2"}
	if s.rewrite {
		variables = append(variables, "answer:"+layout.AnswerRewrite)
	}
	f.set(nil, variables, "%{ENV:datestone_sent} ^"+base+"/([^/]*)(.*)$")
	f.channels(s)
	f.when(&f.toStore, "%{ENV:datestone_segment} !^[0-9]{8}(?:T[0-9]{6}Z)?$")
	f.set(nil, []string{"digits:%1%2"}, fmt.Sprintf("%%{ENV:datestone_segment} ^(%s)T(%s)Z$", calendarDay, calendarTime))
	f.set(nil, []string{"digits:%1000000"}, fmt.Sprintf("%%{ENV:datestone_segment} ^(%s)$", calendarDay))
	f.when(&f.isMissing, "%{ENV:datestone_digits} !.")
	f.search(Spans(s.table))
	f.place(next)
}

// channels has one rule for each. A name of a channel may look like a moment,
// and is a channel then.
func (f *apacheFile) channels(s *site) {
	to := s.channels()
	for _, name := range slices.Sorted(maps.Keys(to)) {
		f.lead(outcome{to: to[name]}, "%{ENV:datestone_segment} ="+name)
	}
	f.set(&f.toStore, []string{"file_cache_control:%1"}, "%{ENV:datestone_segment} =log", "%{ENV:datestone_rest} .",
		apacheValue(layout.HeaderFor(layout.LogEntry, "").CacheControl))
}

// lead adds a rule for what leads to o.
func (f *apacheFile) lead(o outcome, conditions ...string) {
	switch {
	case o.to == "":
		f.when(&f.isMissing, conditions...)
	case o.final:
		f.set(&f.whereFound, []string{"id:" + string(o.to)}, conditions...)
	default:
		f.set(&f.whereFound, []string{"id:" + string(o.to), "status:302"}, conditions...)
	}
}

// apacheLeaf is how many spans are tried one after the other. Fewer need more
// rules, more need more time.
const apacheLeaf = 4

// search adds the rules that find the last span that begins at or before the
// digits. The later half stands first, so that only one rule has to skip.
func (f *apacheFile) search(spans []Span) {
	if len(spans) > apacheLeaf {
		half, earlier := len(spans)/2, &apacheLabel{}
		f.when(earlier, fmt.Sprintf("%%{ENV:datestone_digits} <%014d", digitsOf(spans[half].From)))
		f.search(spans[half:])
		f.place(earlier)
		f.search(spans[:half])
		return
	}
	for i := len(spans) - 1; i > 0; i-- {
		f.lead(outcome{spans[i].To, spans[i].Final}, fmt.Sprintf("%%{ENV:datestone_digits} >=%014d", digitsOf(spans[i].From)))
	}
	f.lead(outcome{spans[0].To, spans[0].Final})
}

// found chooses the row of the table of SPEC section 3 for what leads to a
// checkpoint.
func (f *apacheFile) found() {
	f.place(&f.whereFound)
	f.about = "The checkpoint itself."
	f.set(&f.move301, []string{"location:%{ENV:datestone_sent}/%{ENV:datestone_query}"}, apacheExact, apacheRestless)
	f.set(&f.toStore, []string{"file_cache_control:%1"}, apacheExact, apacheValue(layout.HeaderFor(layout.Content, "").CacheControl))
	f.about = "The future."
	f.when(&f.isMissing, `expr "osenv('TZ') in {'UTC', 'UTC0', 'Etc/UTC', 'GMT'}"`,
		`expr "reqenv('datestone_digits') > '%{TIME_YEAR}%{TIME_MON}%{TIME_DAY}%{TIME_HOUR}%{TIME_MIN}%{TIME_SEC}'"`)
	f.about = "Its file in place of a redirect."
	redirect := &apacheLabel{}
	f.when(redirect, "%{ENV:datestone_answer} !="+layout.AnswerRewrite+" [OR]", "%{ENV:datestone_status} =302 [OR]", apacheRestless)
	f.set(nil, []string{"sent:%{ENV:datestone_base}/%{ENV:datestone_id}%{ENV:datestone_rest}", "file_cache_control:%1"}, apacheValue(cacheFinal))
	f.set(&f.toStore, []string{"path:%{ENV:datestone_base}/%{ENV:datestone_id}%2"},
		`"%{ENV:datestone_base} %{REQUEST_URI}" "(?s)^(\S+) \1/[^/]+(/.*)$"`)
	f.when(&f.toStore)
	f.place(redirect)
	f.about = "A redirect settles the slash as well."
	f.set(nil, []string{"rest:/"}, apacheRestless)
	f.set(nil, []string{"location:%{ENV:datestone_base}/%{ENV:datestone_id}%{ENV:datestone_rest}%{ENV:datestone_query}"})
	f.when(&f.move302, "%{ENV:datestone_status} =302")
	f.when(&f.move301)
}

// store turns away what no key can be, and makes the path that an object store
// is asked for.
func (f *apacheFile) store(sites []site) {
	f.place(&f.toStore)
	f.about = "What no key can be, a segment . or .. however escaped, is not the store's, nor is what is datestone's own."
	const slash = `(?:/|%2[fF])`
	public, private := publicPaths(sites), strings.TrimSuffix(layout.PrivatePrefix, "/")
	for _, p := range public {
		f.when(&f.isMissing, `%{ENV:datestone_sent} ^`+pathRegex(p)+`(?:.*`+slash+`)?(?:[.]|%2[eE]){1,2}(?:`+slash+`|$)`)
		f.when(&f.isMissing, `%{ENV:datestone_sent} ^`+pathRegex(p)+slash+`*`+escapedRegex(private)+`(?:`+slash+`|$)`)
		// A directory is served by the path that Apache makes of /./mirror/ or //mirror/.
		f.when(&f.isMissing, `%{REQUEST_URI} ^`+strings.ReplaceAll(pathRegex(p), "/", "/+")+pathRegex(private)+`(?:/|$)`)
	}
	f.about = "The path that is served, as a key."
	for _, p := range public {
		f.set(nil, []string{"key:%1"}, "%{ENV:datestone_key} !.", "%{ENV:datestone_sent} ^"+pathRegex(strings.TrimSuffix(p, "/"))+"(/.*)$")
	}
	f.set(nil, []string{"key:%{ENV:datestone_sent}"}, "%{ENV:datestone_key} !.")
	f.set(nil, []string{"key:%{ENV:datestone_key}index.html"}, "%{ENV:datestone_key} /$")
	f.set(nil, []string{"file_cache_control:%1"}, "%{ENV:datestone_file_cache_control} !.", apacheValue(layout.HeaderFor(layout.Listing, "").CacheControl))
	f.when(&f.end)
}

// escapedRegex matches text with any of its characters escaped.
func escapedRegex(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		high, low := fmt.Sprintf("%X", c>>4), fmt.Sprintf("%X", c&15)
		if l := strings.ToLower(low); l != low {
			low = "[" + low + l + "]"
		}
		fmt.Fprintf(&b, "(?:%s|%%%s%s)", pathRegex(string(c)), high, low)
	}
	return b.String()
}

// answers makes those that Apache gives itself.
func (f *apacheFile) answers() {
	f.about = "Redirects, and what is missing."
	f.place(&f.move301)
	f.set(nil, []string{"cache_control:%1"}, apacheValue(cacheFinal))
	f.add(apacheRule{to: `"${DATESTONE_RULES}/301.asis"`, flags: []string{"H=send-as-is", "L"}})
	f.place(&f.move302)
	f.add(apacheRule{to: `"${DATESTONE_RULES}/302.asis"`, flags: append(apacheVariables("cache_control:"+cacheProvisional), "H=send-as-is", "L")})
	f.place(&f.isMissing)
	f.add(apacheRule{flags: []string{"R=404"}})
	f.place(&f.end)
}
