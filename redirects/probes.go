package redirects

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"datestone/layout"
)

// A Subject is a live site, as far as it is known before it is asked.
type Subject struct {
	Table layout.Table
	Now   layout.Stamp
	// Samples are files of the checkpoint At; none where it is none.
	At layout.Stamp
	Samples
}

// Samples are files of a checkpoint that are good to ask for.
type Samples struct {
	Plain     *layout.File // has a piece to ask for
	Plus      *layout.File // has a "+" in its path
	Directory string       // without a last slash
}

// maxSample is how long a file may be that is asked for whole.
const maxSample = 1 << 20

// Take looks at one more file, and reports whether there is something left to
// look for.
func (s *Samples) Take(f layout.File) bool {
	fits := f.Size >= 2 && f.Size <= maxSample
	plus := strings.Contains(f.Path, "+")
	if s.Plain == nil && fits && !plus {
		s.Plain = &f
	}
	if s.Plus == nil && f.Size <= maxSample && plus {
		s.Plus = &f
	}
	// An engine may write the path of a redirect anew: only plain ones compare.
	if i := strings.LastIndexByte(f.Path, '/'); s.Directory == "" && i > 0 && layout.URLPath(f.Path[:i]) == "/"+f.Path[:i] {
		s.Directory = f.Path[:i]
	}
	return s.Plain == nil || s.Plus == nil || s.Directory == ""
}

// NewestWithFiles returns the newest checkpoint that has files, or none.
func NewestWithFiles(t layout.Table) (layout.Checkpoint, bool) {
	for i := len(t.Checkpoints) - 1; i >= 0; i-- {
		if t.Checkpoints[i].Files > 0 {
			return t.Checkpoints[i], true
		}
	}
	return layout.Checkpoint{}, false
}

// margin is how far clocks may be apart before a question about now has
// another answer.
const margin = 10 * time.Minute

// maxChannels is how many channels are asked for.
const maxChannels = 100

// Probes returns what to ask the site: each row of SPEC section 3, and what
// stores and caches get wrong besides. A row that has nothing to ask says why.
func Probes(s Subject) []Row {
	p := &prober{Subject: s, resolver: New([]layout.Table{s.Table}), base: s.Table.PublicPath + s.Table.BasePath}
	p.spans()
	p.lists()
	p.checkpoints()
	p.misses()
	p.moments()
	p.channels()
	p.kept()
	p.files()
	p.caches()
	return p.rows
}

// A prober collects rows.
type prober struct {
	Subject
	resolver *Resolver
	base     string
	rows     []Row

	final, provisional []layout.Stamp // moments between checkpoints, by their answer
	gone               []layout.Stamp
}

// spans chooses moments: at both ends of a few spans of each kind.
func (p *prober) spans() {
	var final, provisional []Span
	clock := layout.StampOf(p.Now.Time().Add(-margin))
	for _, s := range Spans(p.Table) {
		if s.From == s.To && s.From < s.Until {
			s.From = s.From.Next()
		}
		s.Until = min(s.Until, clock)
		switch {
		case s.To == "" || s.From > s.Until || s.From == s.To:
		case s.Final:
			final = append(final, s)
		default:
			provisional = append(provisional, s)
		}
	}
	p.final, p.provisional = ends(final), ends(provisional)
	for _, g := range p.Table.Gone {
		if len(p.gone) < 6 && g.From <= clock {
			p.gone = append(p.gone, g.From, min(g.Until, clock))
		}
	}
}

// ends returns both ends of the first span, of one in the middle, of the last.
func ends(spans []Span) []layout.Stamp {
	var all []layout.Stamp
	for i, s := range spans {
		if i == 0 || i == len(spans)/2 || i == len(spans)-1 {
			all = append(all, s.From)
			if s.Until != s.From {
				all = append(all, s.Until)
			}
		}
	}
	return all
}

func (p *prober) row(name string, questions ...Question) {
	r := Row{Name: name, Questions: questions}
	if len(questions) == 0 {
		r.Skip = "the site has nothing to ask for"
	}
	p.rows = append(p.rows, r)
}

func (p *prober) skip(name, why string) { p.rows = append(p.rows, Row{Name: name, Skip: why}) }

func get(target string, wants ...Expected) Question {
	return Question{Method: "GET", Target: target, Wants: wants}
}

var missingObject = Expected{Status: 404}

// expected is what SPEC section 3 answers to the target, which is no object's.
func (p *prober) expected(target string, now layout.Stamp) Expected {
	a := p.resolver.Resolve(target, now)
	if a.Status == 200 {
		return missingObject
	}
	return Expected{Status: a.Status, Location: a.Location}
}

// ask asks for what Resolve answers by itself, or what does not stand.
func (p *prober) ask(below string) Question {
	return get(p.base+below, p.expected(p.base+below, p.Now))
}

func (p *prober) lists() {
	p.row("base path without slash", p.ask(""), p.ask("?datestone=check"))
	p.row("list of checkpoints", get(p.base+"/", Expected{Status: 200}))
}

// page is the front page of the newest checkpoint.
func (p *prober) page() string { return p.base + "/" + string(p.Table.Newest()) + "/" }

func (p *prober) checkpoints() {
	const page, slash, directory = "checkpoint's page", "checkpoint without slash", "directory without slash"
	newest := "/" + string(p.Table.Newest())
	if newest == "/" {
		p.skip(page, "there is no checkpoint")
		p.skip(slash, "there is no checkpoint")
	} else {
		p.row(page, get(p.page(), Expected{Status: 200}))
		p.row(slash, p.ask(newest), p.ask(newest+"?datestone=check"))
	}
	if p.Directory == "" {
		p.skip(directory, "no directory is known")
		return
	}
	at := p.base + "/" + string(p.At) + "/" + p.Directory
	p.row(directory, get(at, missingObject, Expected{Status: 301, Location: at + "/", Note: "the edge knows directories"}))
}

func (p *prober) misses() {
	if newest := string(p.Table.Newest()); newest != "" {
		p.row("miss inside a checkpoint", get(p.page()+"datestone-check-miss", missingObject), get(p.page()+"datestone-check-miss/", missingObject))
		p.row("nearly a timestamp", get(p.base+"/"+newest+"junk/x", missingObject), get(p.base+"/"+strings.ToLower(newest)+"/x", missingObject))
	} else {
		p.skip("miss inside a checkpoint", "there is no checkpoint")
		p.skip("nearly a timestamp", "there is no checkpoint")
	}
	p.row("miss outside", get(p.base+"/datestone-check-miss", missingObject), get(p.base+"/datestone-check-miss/x", missingObject))
	p.row("directory without a page", get(p.base+"/log/", missingObject))
	p.row("what is private", get(p.Table.PublicPath+layout.ProbeKey, missingObject), get(p.Table.PublicPath+"%2Edatestone/probe", missingObject))
}

func (p *prober) moments() {
	p.row("between two", p.between(p.final)...)
	p.rewritten()
	p.row("provisional", p.between(p.provisional)...)
	p.row("pruned", p.between(p.gone)...)
	first, _, _ := strings.Cut(string(firstMoment), "T")
	before := []Question{p.ask("/" + first + "/datestone-check")}
	if len(p.Table.Checkpoints) > 0 {
		before = append(before, p.ask("/"+string(previous(p.Table.Checkpoints[0].ID))+"/datestone-check"))
	}
	p.row("before the first", before...)
	p.row("after now", p.afterNow("/datestone-check"), p.afterNow("/"))
	var impossible []Question
	for _, m := range []string{"20250230T120000Z", "20250229", "20251301", "20250101T240000Z", "20250318T206000Z", "20250101T235960Z", "00000101"} {
		impossible = append(impossible, p.ask("/"+m+"/datestone-check"))
	}
	p.row("impossible date", impossible...)
	p.row("day", p.days()...)
}

// between asks for the moments, with a rest.
func (p *prober) between(moments []layout.Stamp) []Question {
	var all []Question
	for _, m := range moments {
		all = append(all, p.ask("/"+string(m)+"/datestone-check"))
	}
	return all
}

// rewritten asks for a file at a moment, where that is served and not redirected.
func (p *prober) rewritten() {
	if p.Table.Answer != layout.AnswerRewrite {
		return
	}
	for _, m := range p.final {
		if p.Table.At(m) == p.At && p.Plain != nil {
			p.row("rewrite", get(p.base+"/"+string(m)+layout.URLPath(p.Plain.Path), Expected{Status: 200, Body: p.Plain.SHA256}))
			return
		}
	}
	p.skip("rewrite", "no final moment leads to a file that is known")
}

// afterNow asks for a moment to come: 404, but an edge without clock can't know.
func (p *prober) afterNow(rest string) Question {
	target := p.base + "/" + string(layout.StampOf(p.Now.Time().Add(48*time.Hour))) + rest
	noClock := p.expected(target, "")
	noClock.Note = "the edge has no clock"
	wants := []Expected{p.expected(target, p.Now)}
	if wants[0].Status != noClock.Status {
		wants = append(wants, noClock)
	}
	return get(target, wants...)
}

// days asks for today and for a day in the past, with and without a rest.
func (p *prober) days() []Question {
	today := layout.StampOf(p.Now.Time().Add(-margin))[:8]
	all := []Question{p.ask("/" + string(today)), p.ask("/" + string(today) + "/datestone-check?x=1")}
	for i := len(p.final) - 1; i >= 0; i-- {
		day := p.final[i][:8]
		if day != today && p.Table.At(day+"T000000Z") != "" {
			return append(all, p.ask("/"+string(day)), p.ask("/"+string(day)+"/datestone-check?x=1"))
		}
	}
	return all
}

func (p *prober) channels() {
	names := []string{"latest", "now"}
	for _, name := range slices.Sorted(maps.Keys(p.Table.Channels)) {
		if len(names) < maxChannels {
			names = append(names, name)
		}
	}
	for _, name := range names {
		p.row("channel "+name, p.ask("/"+name+"/"), p.ask("/"+name+"/datestone-check"))
	}
}

// kept asks whether rest and query come through byte for byte, and in one hop.
func (p *prober) kept() {
	var kept, hops []Question
	for _, m := range append([]layout.Stamp{"latest"}, append(last(p.final), last(p.provisional)...)...) {
		if p.Table.Newest() == "" {
			break
		}
		at := "/" + string(m)
		for _, rest := range []string{"/a%2Fb%3Fc%2541", "/g%2B%2B+~1%20%C3%A9", "/x?a=b&c=%20+d", "/x?a?b/c&"} {
			kept = append(kept, p.ask(at+rest))
		}
		hops = append(hops, get(p.base+at), Question{Method: "GET", Follow: true, Wants: []Expected{{Stays: true}}})
	}
	p.row("rest and query", kept...)
	p.row("one hop", hops...)
}

// last returns the last moment, if there is one, as a list.
func last(moments []layout.Stamp) []layout.Stamp { return moments[max(0, len(moments)-1):] }

func (p *prober) file(f *layout.File) string {
	return layout.URLPath(p.Table.PublicPath[1:] + layout.Key(p.Table.BasePath, p.At, f.Path))
}

func (p *prober) files() {
	p.plus()
	p.heads()
	if p.Plain == nil {
		for _, name := range []string{"exact ID", "Content-Length", "Range", "If-None-Match"} {
			p.skip(name, "no file of fitting size is known")
		}
		return
	}
	f := p.file(p.Plain)
	size := strconv.FormatInt(p.Plain.Size, 10)
	length := Expected{Status: 200, Header: map[string]string{"Content-Length": size}}
	p.row("exact ID", get(f, Expected{Status: 200, Body: p.Plain.SHA256}))
	p.row("Content-Length", get(f, length), Question{Method: "HEAD", Target: f, Wants: []Expected{length}})
	p.row("Range", Question{Method: "GET", Target: f, Header: map[string]string{"Range": "bytes=1-1"}, Wants: []Expected{
		{Status: 206, Header: map[string]string{"Content-Range": "bytes 1-1/" + size, "Content-Length": "1"}}}})
	p.row("If-None-Match", get(f), Question{Method: "GET", Target: f, Tagged: true, Wants: []Expected{{Status: 304}}})
}

func (p *prober) plus() {
	if p.Plus == nil {
		p.skip("+ in a key", "no file with a + is known")
		return
	}
	p.row("+ in a key", get(p.file(p.Plus), Expected{Status: 200, Body: p.Plus.SHA256}))
}

// heads asks with HEAD what GET was asked before, an answer of each kind.
func (p *prober) heads() {
	targets := []string{p.base + "/", p.base + "/latest/datestone-check-head", p.base + "/datestone-check-head", p.base + "/20250230/datestone-check-head"}
	if p.Plain != nil {
		targets = append(targets, p.file(p.Plain))
	}
	for _, m := range last(p.final) {
		targets = append(targets, p.base+"/"+string(m)+"/datestone-check-head")
	}
	var all []Question
	for _, t := range targets {
		all = append(all, get(t), Question{Method: "HEAD", Target: t, Like: true})
	}
	p.row("HEAD as GET", all...)
}

// caches asks how long answers may be kept, and for their encoding.
func (p *prober) caches() {
	header := func(role layout.Role) Expected {
		return Expected{Header: map[string]string{"Cache-Control": layout.HeaderFor(role, "").CacheControl}}
	}
	p.row("cache of lists", get(p.base+"/", header(layout.Listing)), get(p.Table.PublicPath+layout.TableKey(p.Table.BasePath), header(layout.Listing)))
	var kept, plain []Question
	for _, target := range p.standing() {
		kept = append(kept, get(target, header(layout.Content)))
	}
	for _, target := range append(p.standing(), p.base+"/") {
		plain = append(plain, Question{Method: "GET", Target: target, Header: map[string]string{"Accept-Encoding": "gzip, br, zstd"},
			Wants: []Expected{{Header: map[string]string{"Content-Encoding": ""}}}})
	}
	p.row("cache of checkpoints", kept...)
	p.row("no Content-Encoding", plain...)
	p.row("cache of redirects", p.cacheOfRedirects()...)
}

// standing returns objects of checkpoints that are known to stand.
func (p *prober) standing() []string {
	var all []string
	if p.Table.Newest() != "" {
		all = append(all, p.page())
	}
	if p.Plain != nil {
		all = append(all, p.file(p.Plain))
	}
	return all
}

// cacheOfRedirects asks for answers that an edge makes itself.
func (p *prober) cacheOfRedirects() []Question {
	var all []Question
	for _, m := range append(append(last(p.final), last(p.provisional)...), "latest", "20250230") {
		target := fmt.Sprintf("%s/%s/datestone-check-cache", p.base, m)
		if a := p.resolver.Resolve(target, p.Now); a.CacheControl != "" {
			all = append(all, get(target, Expected{Header: map[string]string{"Cache-Control": a.CacheControl}}))
		}
	}
	return all
}
