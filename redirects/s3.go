package redirects

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"datestone/layout"
)

// What S3 takes of a website configuration: rules, and bytes of XML.
const (
	s3Rules = 50
	s3Bytes = 128 << 10
)

// renderS3 writes what S3 website hosting can do: the configuration as XML for
// the API and its rules as JSON for the console, the objects that redirect, and
// a report of what all that does not answer.
func renderS3(sites []site) ([]Artifact, error) {
	p := planS3(sites)
	w, err := p.website()
	if err != nil {
		return nil, err
	}
	body, err := s3XML(w)
	if err != nil {
		return nil, err
	}
	rules, err := s3JSON(w.RoutingRules)
	if err != nil {
		return nil, err
	}
	objects, err := s3JSON(p.objects)
	if err != nil {
		return nil, err
	}
	return []Artifact{
		{Name: "s3/website.xml", Body: body},
		{Name: "s3/routing-rules.json", Body: rules},
		{Name: "s3/day-objects.json", Body: objects},
		{Name: "s3/report.txt", Body: p.report(len(body))},
	}, nil
}

// S3Website returns what a bucket's website configuration has to be, and the
// objects that redirect, by their keys in the bucket (the public path is part
// of them): what the artifacts of the target s3 say, as values.
func (in Input) S3Website() (layout.Website, []layout.Redirection, error) {
	sites, err := in.sites()
	if err != nil {
		return layout.Website{}, nil, err
	}
	p := planS3(sites)
	w, err := p.website()
	if err == nil {
		_, err = s3XML(w)
	}
	return w, p.objects, err
}

// s3XML writes w for the API, and refuses one that is longer than S3 takes.
func s3XML(w layout.Website) ([]byte, error) {
	body, err := xml.MarshalIndent(w, "", " ")
	if err != nil {
		return nil, err
	}
	if body = append(body, '\n'); len(body) > s3Bytes {
		return nil, &TooManyRulesError{Target: "s3", Needs: len(body), Takes: s3Bytes, Unit: "bytes", WaysOut: s3WaysOut}
	}
	return body, nil
}

// s3JSON writes a list, a member a line.
func s3JSON[T any](list []T) ([]byte, error) {
	b := bytes.NewBufferString("[")
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	for i, v := range list {
		if i > 0 {
			b.Truncate(b.Len() - 1)
			b.WriteString(",")
		}
		b.WriteString("\n")
		if err := e.Encode(v); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	return b.Bytes(), nil
}

const s3WaysOut = "fewer channels, `resolver` with the host of another edge (one rule), or another target, such as nginx"

// An s3Plan is what is to be said to S3.
type s3Plan struct {
	repositories []s3Repository
	host         string // of the public URL; empty: that of the request
	protocol     string
	resolver     string

	aliases, shields, spans []layout.RoutingRule
	missingAliases          int // left to the resolver for want of room
	objects                 []layout.Redirection
}

func planS3(sites []site) *s3Plan {
	p := &s3Plan{}
	for i := range sites {
		s := &sites[i]
		if u, err := url.Parse(s.publicURL); err == nil {
			p.host, p.protocol = u.Host, u.Scheme
		}
		p.resolver = s.resolver
		p.alias(s)
		p.repositories = append(p.repositories, newS3Repository(s))
	}
	if p.resolver != "" {
		p.resolve()
		return p
	}
	p.fit(s3Rules - len(p.aliases))
	for i := range p.repositories {
		r := &p.repositories[i]
		r.count()
		p.shield(r)
		p.lead(r)
		p.days(r)
	}
	return p
}

// website returns the configuration. That rules act is a matter of order: those
// of shields stand before those of spans, and longer prefixes before shorter.
func (p *s3Plan) website() (layout.Website, error) {
	w := layout.Website{IndexDocument: "index.html", RoutingRules: slices.Concat(p.aliases, p.shields, p.spans)}
	if n := len(w.RoutingRules); n > s3Rules {
		return w, &TooManyRulesError{Target: "s3", Needs: n, Takes: s3Rules, Unit: "rules for latest, now and channels", WaysOut: s3WaysOut}
	}
	return w, nil
}

// redirect returns a rule. All are 302: S3 sends no Cache-Control with them,
// so that a 301 would be kept for ever, by one who may not know a backfill.
func (p *s3Plan) redirect(prefix string, to layout.RoutingRedirect) layout.RoutingRule {
	to.HostName, to.Protocol, to.HTTPRedirectCode = p.host, p.protocol, "302"
	return layout.RoutingRule{Condition: layout.RoutingCondition{KeyPrefix: prefix}, Redirect: to}
}

// redirectMissing is redirect for what the bucket does not have.
func (p *s3Plan) redirectMissing(prefix string, to layout.RoutingRedirect) layout.RoutingRule {
	r := p.redirect(prefix, to)
	r.Condition.HTTPErrorCode = "404"
	return r
}

// alias adds a rule for each channel that leads somewhere.
func (p *s3Plan) alias(s *site) {
	to := s.channels()
	for _, name := range slices.Sorted(maps.Keys(to)) {
		if to[name] != "" {
			p.aliases = append(p.aliases, p.redirect(s.key(name)+"/", layout.RoutingRedirect{ReplaceKeyPrefix: s.key(string(to[name])) + "/"}))
		}
	}
}

// key returns where name stands below the base path: S3 knows requests by key.
func (s *site) key(name string) string { return s.base[1:] + "/" + name }

// resolve leaves all that the bucket does not have to the resolver, as it was
// asked for: one rule for each public path. Channels without a rule of their
// own are among that.
func (p *s3Plan) resolve() {
	var paths []string
	for _, r := range p.repositories {
		paths = append(paths, r.site.public[1:])
	}
	slices.Sort(paths)
	for _, prefix := range slices.Compact(paths) {
		r := p.redirectMissing(prefix, layout.RoutingRedirect{})
		r.Redirect.HostName = p.resolver
		p.spans = append(p.spans, r)
	}
	if room := max(0, s3Rules-len(p.spans)); len(p.aliases) > room {
		p.missingAliases = len(p.aliases) - room
		p.aliases = p.aliases[:room]
	}
}

// An s3Repository is what the rules can lead to.
type s3Repository struct {
	site        *site
	list        []Span
	checkpoints []layout.Stamp // which moments lead to, ascending
	horizon     int            // the year from which on moments are left alone
	fits        int            // how many of checkpoints, the newest, have rules
	led         []Prefix       // to those
	needs       int            // rules for all of checkpoints
	atLeast     bool           // needs is less than that
}

func newS3Repository(s *site) s3Repository {
	r := s3Repository{site: s, list: Spans(s.table)}
	for _, span := range r.list {
		if n := len(r.checkpoints); span.To != "" && (n == 0 || r.checkpoints[n-1] != span.To) {
			r.checkpoints = append(r.checkpoints, span.To)
		}
	}
	if last := max(s.table.FinalUntil, s.table.Newest()); last != "" {
		// The year after the next begins: rules hold for a year at least, if
		// nothing is published any more, and the cover of whole years is small.
		r.horizon = last.Time().Year() + 2
	}
	return r
}

// prefixes returns those that lead to the newest n checkpoints.
func (r *s3Repository) prefixes(n int) []Prefix {
	if n == 0 {
		return nil
	}
	return sparsePrefixes(r.list, r.checkpoints[len(r.checkpoints)-n], r.horizon)
}

// count finds out what all checkpoints would need. Where they are thousands it
// is enough to know that each needs a shield and a prefix.
func (r *s3Repository) count() {
	const exactly = 2000
	n := len(r.checkpoints)
	if r.atLeast = n > exactly; r.atLeast {
		r.needs = 2 * n
		return
	}
	r.needs = n + len(r.prefixes(n))
}

// answered returns the checkpoints that have rules, the newest first.
func (r *s3Repository) answered() []layout.Stamp {
	newest := slices.Clone(r.checkpoints[len(r.checkpoints)-r.fits:])
	slices.Reverse(newest)
	return newest
}

// fit chooses the checkpoints that room is enough for: the newest of each
// repository, then the second, and so on. Each costs its shield and its
// prefixes; more of them may need fewer prefixes, so it is the most that fit.
func (p *s3Plan) fit(room int) {
	costs, counts := make([]int, len(p.repositories)), make([]int, len(p.repositories))
	for shields := 0; ; {
		before := shields
		for i := range p.repositories {
			r := &p.repositories[i]
			if counts[i] == len(r.checkpoints) || shields >= room {
				continue
			}
			shields++
			counts[i]++
			costs[i] = counts[i] + len(r.prefixes(counts[i]))
			if sum(costs) <= room {
				p.take(counts)
			}
		}
		if shields == before {
			break
		}
	}
	for i := range p.repositories {
		p.repositories[i].led = p.repositories[i].prefixes(p.repositories[i].fits)
	}
}

func (p *s3Plan) take(counts []int) {
	for i, n := range counts {
		p.repositories[i].fits = n
	}
}

func sum(of []int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

// s3Missing is where nothing ever stands. No channel has such a name.
const s3Missing = "_missing"

// shield keeps what a checkpoint lacks from the rules of spans, which its ID is
// in: no rule says 404, so it is sent on to where nothing stands.
func (p *s3Plan) shield(r *s3Repository) {
	for _, id := range r.answered() {
		own := r.site.key(string(id)) + "/"
		p.shields = append(p.shields, p.redirectMissing(own, layout.RoutingRedirect{ReplaceKeyPrefix: r.site.key(s3Missing+"/"+string(id)) + "/"}))
	}
}

// lead sends spans to the front page of their checkpoint. They only act where
// the bucket has nothing: its IDs, pages and redirections lie in them too.
func (p *s3Plan) lead(r *s3Repository) {
	for _, l := range r.led {
		p.spans = append(p.spans, p.redirectMissing(r.site.key(l.Digits), layout.RoutingRedirect{ReplaceKey: r.site.key(string(l.To)) + "/"}))
	}
}

// days adds a redirection for each day whose midnight has a final answer.
func (p *s3Plan) days(r *s3Repository) {
	const day = 24 * time.Hour
	for _, s := range r.list {
		if !s.Final {
			continue
		}
		until := s.Until.Time()
		for at := s.From.Time().Add(day - time.Second).Truncate(day); !at.After(until); at = at.Add(day) {
			p.objects = append(p.objects, layout.Redirection{
				Key: layout.DayKey(r.site.base[1:], layout.StampOf(at)), Location: fmt.Sprintf("%s/%s/", r.site.base, s.To),
			})
		}
	}
}
