package redirects_test

import (
	"fmt"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
)

// An s3Site is a bucket with what the target s3 wants in it.
type s3Site struct {
	tables  []layout.Table
	origin  string // of the public URL
	website layout.Website
	objects map[string]string                // that redirect, and where to
	led     map[string]map[layout.Stamp]bool // the checkpoints with rules, by base
	oracle  *redirects.Resolver
}

func newS3Site(t testing.TB, in redirects.Input) *s3Site {
	t.Helper()
	s := &s3Site{tables: in.Tables, origin: strings.TrimRight(in.PublicURL, "/"), objects: map[string]string{},
		led: map[string]map[layout.Stamp]bool{}, oracle: redirects.New(in.Tables)}
	website, objects, err := in.S3Website()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(website.RoutingRules); n > 50 {
		t.Fatalf("%d rules", n)
	}
	s.website = website
	for _, o := range objects {
		s.objects[o.Key] = o.Location
	}
	for _, tab := range in.Tables {
		base := tab.PublicPath + tab.BasePath
		s.led[base] = map[layout.Stamp]bool{}
		for _, r := range website.RoutingRules {
			if id, ok := strings.CutPrefix(r.Redirect.ReplaceKeyPrefix, base[1:]+"/_missing/"); ok {
				s.led[base][layout.Stamp(strings.TrimSuffix(id, "/"))] = true
			}
		}
	}
	return s
}

// files are what stands in every checkpoint.
var s3Files = []string{"index.html", "x", "dir/index.html"}

// has reports whether key is an object's.
func (s *s3Site) has(key string) bool {
	for _, tab := range s.tables {
		inside, ok := strings.CutPrefix("/"+key, tab.PublicPath+tab.BasePath+"/")
		if !ok {
			continue
		}
		id, file, _ := strings.Cut(inside, "/")
		if _, stands := tab.Find(layout.Stamp(id)); stands {
			return file == s3Files[0] || file == s3Files[1] || file == s3Files[2]
		}
		_, redirects := s.objects[key]
		return redirects || inside == "index.html" || inside == "checkpoints.json"
	}
	return false
}

// check holds an answer of S3 without resolver against Resolve, for what the
// report claims. What a path without its last slash gets where it is a
// directory is S3's own affair: a 302 to the slash, or on other servers than
// Amazon's the page, or what the rules say.
func (s *s3Site) check(t testing.TB, target string, status int, location string) {
	t.Helper()
	path, _, _ := strings.Cut(target, "?")
	location, _, _ = strings.Cut(strings.TrimPrefix(location, s.origin), "?")
	got := strings.TrimSpace(fmt.Sprint(status, " ", location))
	want := s.want(path)
	if s.has(strings.TrimSuffix(path[1:], "/")+"/index.html") && !strings.HasSuffix(path, "/") {
		want = append(want, "302 "+path+"/", "200", "301 "+s.objects[path[1:]+"/index.html"])
	}
	for _, w := range want {
		if got == w {
			return
		}
	}
	t.Errorf("%s: S3 says %s, want %s", target, got, strings.Join(want, " or "))
}

// want are the answers that the report allows.
func (s *s3Site) want(path string) []string {
	for _, tab := range s.tables {
		base := tab.PublicPath + tab.BasePath
		if inside, ok := strings.CutPrefix(path, base+"/"); ok {
			segment, rest, _ := strings.Cut(inside, "/")
			return s.wantBelow(tab, base, segment, strings.TrimPrefix(path, base+"/"+segment), rest)
		}
	}
	return []string{s.stored(path)}
}

func (s *s3Site) stored(path string) string {
	if strings.HasSuffix(path, "/") {
		path += "index.html"
	}
	if to := s.objects[path[1:]]; to != "" {
		return "301 " + to
	}
	if s.has(path[1:]) {
		return "200"
	}
	return "404"
}

func (s *s3Site) wantBelow(tab layout.Table, base, segment, slashed, rest string) []string {
	a := s.oracle.Resolve(base+"/"+segment+slashed, "")
	_, isChannel := tab.Channels[segment]
	isChannel = isChannel || segment == "latest" || segment == "now"
	m, err := layout.ParseMoment(segment)
	_, stands := tab.Find(layout.Stamp(segment))
	switch {
	case isChannel && slashed == "": // Ceph adds the slash before it looks at rules
		return []string{"404", strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Location))}
	case isChannel:
		return []string{strings.TrimSpace(fmt.Sprint(a.Status, " ", a.Location))}
	case stands:
		return s.wantInside(base, segment, slashed)
	case err == nil:
		return s.wantMoment(tab, base, segment, slashed, m)
	}
	if stored := s.stored(base + "/" + segment + slashed); stored != "404" {
		return []string{stored}
	}
	want := []string{"404"}
	if segment != "" && segment[0] >= '0' && segment[0] <= '9' {
		for id := range s.led[base] {
			want = append(want, "302 "+base+"/"+string(id)+"/")
		}
	}
	return want
}

// wantInside: the object, or on the way to 404.
func (s *s3Site) wantInside(base, id, slashed string) []string {
	stored := s.stored(base + "/" + id + slashed)
	switch {
	case stored == "404" && s.led[base][layout.Stamp(id)] && slashed == "":
		return []string{"302 " + base + "/" + id + "/"}
	case stored == "404" && s.led[base][layout.Stamp(id)]:
		return []string{"302 " + base + "/_missing/" + id + slashed}
	}
	return []string{stored}
}

// wantMoment: the front page of the checkpoint that Resolve names, if it has
// rules; nothing else ever.
func (s *s3Site) wantMoment(tab layout.Table, base, segment, slashed string, m layout.Stamp) []string {
	if stored := s.stored(base + "/" + segment + slashed); stored != "404" {
		front := s.oracle.Resolve(base+"/"+segment, "")
		if stored != fmt.Sprint(front.Status, " ", front.Location) && slashed == "/" {
			return []string{"what Resolve says, not " + stored}
		}
		return []string{stored}
	}
	front := s.oracle.Resolve(base+"/"+segment, "").Location
	id := layout.Stamp(strings.TrimSuffix(strings.TrimPrefix(front, base+"/"), "/"))
	if front == "" || !s.led[base][id] {
		return []string{"404"}
	}
	want := []string{"302 " + front}
	last := max(tab.FinalUntil, tab.Newest()).Time().Year()
	if m.Time().Year() > last+1 || len(segment) == 8 && s.partlyGone(tab, m) {
		want = append(want, "404")
	}
	return want
}

// partlyGone reports whether pruned time begins in the day of m.
func (s *s3Site) partlyGone(tab layout.Table, m layout.Stamp) bool {
	for _, g := range tab.Gone {
		if g.From[:8] == m[:8] && tab.Pruned == layout.Pruned404 {
			return true
		}
	}
	return false
}

// An s3Interpreter answers as the documentation of S3 says: rules without an
// error code, the first that matches, before the object is looked for; then the
// object; then rules for the error.
type s3Interpreter struct{ *s3Site }

func (s s3Interpreter) answer(target string) (status int, location string) {
	path, query, asked := strings.Cut(target, "?")
	if asked {
		query = "?" + query
	}
	key := path[1:]
	if to, ok := s.rule(key, ""); ok {
		return 302, to + query
	}
	found := key
	if found == "" || strings.HasSuffix(found, "/") {
		found += "index.html"
	}
	switch {
	case s.objects[found] != "":
		return 301, s.objects[found]
	case s.has(found):
		return 200, ""
	case s.has(key + "/index.html"):
		return 302, "/" + key + "/"
	}
	if to, ok := s.rule(key, "404"); ok {
		return 302, to + query
	}
	return 404, ""
}

func (s s3Interpreter) rule(key, code string) (location string, ok bool) {
	for _, r := range s.website.RoutingRules {
		rest, matches := strings.CutPrefix(key, r.Condition.KeyPrefix)
		if !matches || r.Condition.HTTPErrorCode != code {
			continue
		}
		to := key
		if r.Redirect.ReplaceKey != "" {
			to = r.Redirect.ReplaceKey
		} else if r.Redirect.ReplaceKeyPrefix != "" {
			to = r.Redirect.ReplaceKeyPrefix + rest
		}
		return r.Redirect.Protocol + "://" + r.Redirect.HostName + "/" + to, true
	}
	return "", false
}

// follow goes on until there is an answer, which three redirects must suffice
// for: an alias, what a checkpoint lacks, a slash.
func (s s3Interpreter) follow(t *testing.T, target string) {
	t.Helper()
	at := target
	for range 4 {
		status, location := s.answer(at)
		if location == "" {
			if strings.Contains(at, "/_missing/") && status != 404 {
				t.Errorf("%s ends at %s with %d", target, at, status)
			}
			return
		}
		at = strings.TrimPrefix(location, s.origin)
	}
	t.Errorf("%s goes on to %s", target, at)
}

// chase follows target from the bucket, or from the resolver, to its end.
func (s *s3Site) chase(target string, atResolver bool) (end string, hops int) {
	for ; hops < 9; hops++ {
		status, location := s3Interpreter{s}.answer(target)
		if atResolver {
			a := s.oracle.Resolve(target, "")
			status, location = a.Status, a.Location
			if status == 200 && !strings.HasPrefix(s.stored(a.Serves), "200") {
				status = 404
			}
		}
		if location == "" {
			return fmt.Sprint(status, " ", s3Object(target, status)), hops
		}
		if inside, ok := strings.CutPrefix(location, "https://resolver.example.org"); ok {
			atResolver, location = true, inside
		}
		target = strings.TrimPrefix(location, s.origin)
	}
	return "loop", hops
}

func s3Object(target string, status int) string {
	path, _, _ := strings.Cut(target, "?")
	switch {
	case status != 200:
		return ""
	case strings.HasSuffix(path, "/"):
		return path + "index.html"
	}
	return path
}
