package redirects_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"

	"github.com/google/go-cmp/cmp"
)

// TestS3RulesSayWhatTheReportSays asks an interpreter of routing rules.
func TestS3RulesSayWhatTheReportSays(t *testing.T) {
	t.Parallel()
	for name, tables := range s3Tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newS3Site(t, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/"})
			bucket := s3Interpreter{s}
			for _, target := range plain(randomTargets(rand.New(rand.NewPCG(41, 42)), tables, 30000)) {
				status, location := bucket.answer(target)
				s.check(t, target, status, location)
				bucket.follow(t, target)
			}
		})
	}
}

// s3Tables are those the rules are tried with.
func s3Tables() map[string][]layout.Table {
	rng := rand.New(rand.NewPCG(43, 44))
	whole := func(base string, n int, step time.Duration) layout.Table {
		tab := table(base)
		for i := range n {
			tab.Checkpoints = append(tab.Checkpoints, layout.Checkpoint{ID: layout.StampOf(time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * step))})
		}
		tab.FinalUntil = tab.Newest()
		return tab
	}
	kept := table("kept", "20250101T000000Z", "20250301T120000Z") // within what is gone
	kept.Gone = []layout.Span{{From: "20250201T100000Z", Until: "20250301T130000Z"}}
	kept.FinalUntil = "20250401T000000Z"
	near := randomTable(rng, "near", 12)
	near.Pruned, near.PublicPath, near.Answer = layout.PrunedNearest, "/mirror/", layout.AnswerRewrite
	old := whole("old", 30, 24*time.Hour)
	old.Checkpoints[0].ID = "00010101T000000Z" // nothing is before it
	return map[string][]layout.Table{
		"one": {randomTable(rng, "one", 1)}, "two": {randomTable(rng, "deep/two", 2)}, "fifty": {randomTable(rng, "a.b", 50)},
		"1000": {randomTable(rng, "many", 1000)}, "20000": {randomTable(rng, "most", 20000)},
		"midnights": {whole("midnights", 400, 24*time.Hour)}, "months": {whole("months", 25, 30*24*time.Hour)},
		"noons": {whole("noons", 60, 12*time.Hour)}, "kept in what is gone": {kept}, "nearest": {near}, "old": {old}, "many": manyTables(),
	}
}

// plain are the targets whose escapes and slashes S3 leaves alone, each query
// being one that commands nothing.
func plain(targets []string) (out []string) {
	for i, target := range targets {
		path, _, _ := strings.Cut(target, "?")
		if !plainPath.MatchString(path) || strings.Contains(path, "//") || strings.Contains(path, "/.") {
			continue
		}
		if i%4 == 0 {
			path += "?a=1"
		}
		out = append(out, path)
	}
	return out
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._~-]+$`)

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

// TestS3ResolverEndsEverything: what the bucket lacks is answered by another
// edge, which serves the same bucket, as if it had been asked first.
func TestS3ResolverEndsEverything(t *testing.T) {
	t.Parallel()
	tables := manyTables()
	s := newS3Site(t, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/", Resolver: "resolver.example.org"})
	if len(s.objects) != 0 {
		t.Errorf("%d objects that redirect", len(s.objects))
	}
	for _, target := range plain(randomTargets(rand.New(rand.NewPCG(45, 46)), tables, 30000)) {
		if strings.HasSuffix(target, "/dir") {
			continue
		}
		got, hops := s.chase(target, false)
		want, _ := s.chase(target, true)
		if got != want || hops > 3 {
			t.Fatalf("%s ends with %s after %d redirects, want %s", target, got, hops, want)
		}
	}
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

func TestS3ReportHasTheNumbers(t *testing.T) {
	t.Parallel()
	tables := s3Tables()
	for name, want := range map[string][]string{
		"20000":     {" of 17143 checkpoints"},
		"midnights": {"Rules: 49 of 50", "/midnights: 19 of 400 checkpoints (47 rules; all would need 801)", "not: 381 from 20230101T000000Z to 20240116T000000Z;"},
	} {
		report := s3Artifact(t, redirects.Input{Tables: tables[name]}, "s3/report.txt")
		for _, w := range want {
			if !strings.Contains(report, w) {
				t.Errorf("%s: no %q in\n%s", name, w, report)
			}
		}
	}
}

func s3Artifact(t *testing.T, in redirects.Input, name string) string {
	t.Helper()
	artifacts, err := in.Render("s3")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		if a.Name == name {
			return string(a.Body)
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

func TestS3NamesItsHostInEveryRule(t *testing.T) {
	t.Parallel()
	for resolver, hosts := range map[string]string{"": "host:81", "edge.example.org": "edge.example.org host:81"} {
		w, _, err := redirects.Input{Tables: manyTables(), PublicURL: "http://host:81/", Resolver: resolver}.S3Website()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range w.RoutingRules {
			if r.Redirect.Protocol != "http" || !strings.Contains(hosts, r.Redirect.HostName) || r.Redirect.HostName == "" {
				t.Errorf("resolver %q: %+v", resolver, r)
			}
		}
	}
}

func TestS3Refuses(t *testing.T) {
	t.Parallel()
	var tables []layout.Table
	for i := range 26 {
		tables = append(tables, table(fmt.Sprintf("r%d", i), "20250101T000000Z"))
	}
	_, err := redirects.Input{Tables: tables}.Render("s3")
	const want = "the tables need 52 rules for latest, now and channels, it takes 50; ways out: fewer channels, `resolver`"
	if !errors.Is(err, redirects.ErrTooManyRules) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	w, _, err := redirects.Input{Tables: tables, Resolver: "edge.example.org"}.S3Website()
	if err != nil || len(w.RoutingRules) != 50 {
		t.Errorf("with a resolver: %d rules, %v", len(w.RoutingRules), err)
	}
	report := s3Artifact(t, redirects.Input{Tables: tables, Resolver: "edge.example.org"}, "s3/report.txt")
	if !strings.Contains(report, "3 of the channels") {
		t.Errorf("does not say what has no room: %s", report)
	}
	long := "https://" + strings.Repeat("a", 5000) + "/"
	_, err = redirects.Input{Tables: s3Tables()["months"], PublicURL: long}.Render("s3")
	if !errors.Is(err, redirects.ErrTooManyRules) || !strings.Contains(err.Error(), "bytes, it takes 131072") {
		t.Errorf("got %v", err)
	}
}

func TestCheckResolver(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"": "", "edge.example.org": "", "edge.example.org:8443": "", "127.0.0.1:80": "",
		"https://edge.example.org": "write the host", "edge.example.org/": "write the host", "a b": "write the host", "a@b": "write the host", ":80": "write the host",
		"Snapshots.example.org": "is the host of the public URL itself",
	} {
		err := redirects.CheckResolver(host, "https://snapshots.example.org/mirror/")
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q: got %v, want %q", host, err, want)
		}
	}
}

// TestS3ArtifactsSayTheSame: the XML for the API and the JSON for the console.
func TestS3ArtifactsSayTheSame(t *testing.T) {
	t.Parallel()
	in := redirects.Input{Tables: manyTables(), PublicURL: "https://snapshots.example.org/"}
	want, objects, err := in.S3Website()
	if err != nil {
		t.Fatal(err)
	}
	var fromXML layout.Website
	if err := xml.Unmarshal([]byte(s3Artifact(t, in, "s3/website.xml")), &fromXML); err != nil {
		t.Fatal(err)
	}
	fromXML.XMLName = want.XMLName
	fromJSON := layout.Website{IndexDocument: "index.html"}
	if err := json.Unmarshal([]byte(s3Artifact(t, in, "s3/routing-rules.json")), &fromJSON.RoutingRules); err != nil {
		t.Fatal(err)
	}
	var listed []layout.Redirection
	if err := json.Unmarshal([]byte(s3Artifact(t, in, "s3/day-objects.json")), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromXML) + cmp.Diff(want, fromJSON) + cmp.Diff(objects, listed); diff != "" || len(objects) == 0 {
		t.Errorf("%d objects, %s", len(objects), diff)
	}
}
