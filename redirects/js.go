package redirects

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"datestone/layout"
)

// jsFiles are the core and the adapters around it, in the ES5.1 that each of
// their engines runs.
//
//go:embed js/*.js
var jsFiles embed.FS

// jsSource joins files of js/, without comments and indentation: CloudFront
// counts each byte.
func jsSource(names ...string) string {
	var b strings.Builder
	for _, name := range names {
		text, err := jsFiles.ReadFile("js/" + name)
		if err != nil {
			panic(err) // they are part of the program
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

// jsHead says, as comments, which tables the code was made from.
func jsHead(sites []site) string { return strings.ReplaceAll(madeFrom(sites), "#  ", "//  ") }

// jsPaths declares what of the sites the core needs before it knows which one
// is asked for.
func jsPaths(sites []site) string {
	bases := []string{}
	for i := range sites {
		bases = append(bases, sites[i].base)
	}
	public := append([]string{}, publicPaths(sites)...)
	return fmt.Sprintf("var BASES = %s;\nvar PUBLIC = %s;\n", jsLiteral(bases), jsLiteral(public))
}

// jsInline declares the whole sites.
func jsInline(sites []site) string {
	rows := []string{}
	for i := range sites {
		p := sites[i].pack()
		s := sites[i].js(p)
		s.Rows = p.codes(p.rows)
		rows = append(rows, jsLiteral(s))
	}
	return "var SITES = [\n" + strings.Join(rows, ",\n") + "\n];\n"
}

// jsLiteral writes a value whose JSON is an ES5.1 literal as well: all of it is
// ASCII, see checkedSite.
func jsLiteral(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // strings, numbers, and maps of strings
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// jsSite is what the core needs of a site.
type jsSite struct {
	Entries  int                     `json:"n"` // of the log: a push never replaces a newer one
	From     string                  `json:"f"` // final_from
	Until    string                  `json:"g"` // final_until
	Answer   int                     `json:"a"` // 1: rewrite, 2: nearest
	Channels map[string]layout.Stamp `json:"c"`
	Epoch    int64                   `json:"e"` // the first row, in seconds since 1970
	Unit     int64                   `json:"u"` // seconds; all rows are multiples after the epoch
	Kinds    int64                   `json:"k"` // 3, or 1 where all rows are checkpoints
	Width    int                     `json:"w"` // of a code
	Depth    int                     `json:"d"` // nodes between this and the rows
	Rows     string                  `json:"i"`
}

func (s *site) js(p packing) jsSite {
	j := jsSite{Entries: s.table.Log.Entries, From: string(s.table.FinalFrom), Until: string(s.table.FinalUntil),
		Channels: s.channels(), Epoch: p.epoch, Unit: p.unit, Kinds: p.kinds, Width: p.width}
	if s.rewrite {
		j.Answer |= 1
	}
	if s.nearest {
		j.Answer |= 2
	}
	return j
}

// The kinds of rows. After one of the first a moment leads to that checkpoint;
// after one of the second the checkpoints before it no longer answer, unless
// the repository says nearest; after one of the third they do again.
const (
	rowCheckpoint = iota
	rowGone
	rowAgain
)

// A row is a second from which on something holds.
type row struct {
	second int64
	kind   int64
}

// rows returns what the core searches, ascending, from the first checkpoint on.
func (s *site) rows() []row {
	var rows []row
	for _, m := range s.boundaries() {
		kind, last := int64(rowAgain), int64(rowAgain)
		switch {
		case s.at(m).to == m:
			kind = rowCheckpoint
		case s.isGone(m):
			kind = rowGone
		}
		if n := len(rows); n > 0 {
			last = rows[n-1].kind
		}
		switch {
		case kind == rowCheckpoint:
		case len(rows) == 0, kind == last, kind == rowAgain && last == rowCheckpoint:
			continue
		}
		rows = append(rows, row{m.Time().Unix(), kind})
	}
	return rows
}

// A packing is how rows are written as codes of one width that sort as text.
type packing struct {
	rows               []row
	epoch, unit, kinds int64
	width              int
}

// jsLetters are the digits of codes, ascending in ASCII.
const jsLetters = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// pack finds the narrowest codes: midnights are counted in days.
func (s *site) pack() packing {
	p := packing{rows: s.rows(), unit: 1, kinds: 1, width: 1}
	if len(p.rows) == 0 {
		return p
	}
	p.epoch = p.rows[0].second
	gcd := int64(0)
	for _, r := range p.rows {
		for a := r.second - p.epoch; a != 0; {
			gcd, a = a, gcd%a
		}
		if r.kind != rowCheckpoint {
			p.kinds = 3
		}
	}
	p.unit = max(gcd, 1)
	for n := p.number(p.rows[len(p.rows)-1]); n >= 64; n /= 64 {
		p.width++
	}
	return p
}

func (p *packing) number(r row) int64 { return (r.second-p.epoch)/p.unit*p.kinds + r.kind }

func (p *packing) code(r row) string {
	code := make([]byte, p.width)
	for i, n := p.width-1, p.number(r); i >= 0; i, n = i-1, n/64 {
		code[i] = jsLetters[n%64]
	}
	return string(code)
}

func (p *packing) codes(rows []row) string {
	var b strings.Builder
	b.Grow(len(rows) * p.width)
	for _, r := range rows {
		b.WriteString(p.code(r))
	}
	return b.String()
}
