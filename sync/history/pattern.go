package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"datestone/layout"
)

// A Pattern names the places of all states at once: a path or URL with the
// parts of a time in braces.
//
//	/srv/archive/{YYYY}/{MM}/{DD}/debian
//	https://snapshot.example.org/archive/debian/{ID}/
//	s3://old-copies/nightly/{YYYY}-{MM}-{DD}_*
//
// There are {ID} (20250318T140338Z), {YYYY}, {MM}, {DD}, {hh}, {mm} and {ss};
// parts of the time that are left out are zero. A star is any text within one
// segment.
type Pattern struct {
	text string
	// root is what stands before the first segment that varies, with its slash.
	root     string
	segments []segment
	fields   map[string]bool
}

// widths are the fields and how many characters each has.
var widths = map[string]int{"ID": 16, "YYYY": 4, "MM": 2, "DD": 2, "hh": 2, "mm": 2, "ss": 2}

// A segment is what stands between two slashes, in tokens.
type segment []token

// A token is a text, a field, or a star.
type token struct {
	text  string
	field string
	star  bool
}

// ParsePattern reads a pattern. What varies must say at least the day.
func ParsePattern(text string) (Pattern, error) {
	p := Pattern{text: text, fields: map[string]bool{}}
	first := strings.IndexAny(text, "{*")
	if first < 0 {
		return p, fmt.Errorf("pattern %q has no part of a time: write {ID}, or {YYYY}, {MM} and {DD}, where the times stand", text)
	}
	p.root = text[:strings.LastIndexByte(text[:first], '/')+1]
	for part := range strings.SplitSeq(strings.TrimRight(text[len(p.root):], "/"), "/") {
		s, err := parseSegment(part)
		if err != nil {
			return p, fmt.Errorf("pattern %q: %w", text, err)
		}
		for _, t := range s {
			if t.field != "" {
				p.fields[t.field] = true
			}
		}
		p.segments = append(p.segments, s)
	}
	if err := p.checkFields(); err != nil {
		return p, fmt.Errorf("pattern %q: %w", text, err)
	}
	return p, nil
}

// maxStars bounds the work of reading a name.
const maxStars = 2

func parseSegment(text string) (segment, error) {
	if text == "" || text == "." || text == ".." {
		return nil, fmt.Errorf("has the segment %q", text)
	}
	var s segment
	stars := 0
	for text != "" {
		switch at := strings.IndexAny(text, "{}*"); {
		case at < 0:
			return append(s, token{text: text}), nil
		case at > 0:
			s, text = append(s, token{text: text[:at]}), text[at:]
		case text[0] == '*':
			text = strings.TrimLeft(text, "*")
			s = append(s, token{star: true})
			if stars++; stars > maxStars {
				return nil, fmt.Errorf("has more than %d stars in a segment", maxStars)
			}
		default:
			name, rest, closed := strings.Cut(text[1:], "}")
			if text[0] == '}' || !closed || widths[name] == 0 {
				return nil, errors.New("write {ID}, {YYYY}, {MM}, {DD}, {hh}, {mm} or {ss} in braces, and no other braces")
			}
			s, text = append(s, token{field: name}), rest
		}
	}
	return s, nil
}

// checkFields wants a part of the time for each part after it.
func (p Pattern) checkFields() error {
	if p.fields["ID"] {
		return nil
	}
	order := []string{"YYYY", "MM", "DD", "hh", "mm", "ss"}
	n := 0
	for n < len(order) && p.fields[order[n]] {
		n++
	}
	switch {
	case n < 3:
		return fmt.Errorf("lacks {%s}: write {ID}, or at least {YYYY}, {MM} and {DD}", order[n])
	case len(p.fields) > n:
		return fmt.Errorf("lacks {%s}, and has a part of the time that follows it", order[n])
	}
	return nil
}

// Root is what stands before the first segment that varies, with its slash.
func (p Pattern) Root() string { return p.root }

func (p Pattern) String() string { return p.text }

// span is how long a time of the pattern is.
func (p Pattern) span() time.Duration {
	switch {
	case p.fields["ID"] || p.fields["ss"]:
		return 0
	case p.fields["mm"]:
		return time.Minute
	case p.fields["hh"]:
		return time.Hour
	}
	return day
}

// Fill returns the place of the state of a time. A pattern with a star has none.
func (p Pattern) Fill(id layout.Stamp) (string, error) {
	if slices.ContainsFunc(p.segments, func(s segment) bool { return slices.ContainsFunc(s, func(t token) bool { return t.star }) }) {
		return "", fmt.Errorf("pattern %q has a star: what stands there can't be known from a list of times", p.text)
	}
	return strings.NewReplacer("{ID}", string(id), "{YYYY}", string(id[:4]), "{MM}", string(id[4:6]), "{DD}", string(id[6:8]),
		"{hh}", string(id[9:11]), "{mm}", string(id[11:13]), "{ss}", string(id[13:15])).Replace(p.text), nil
}

// Match says which state a path below the root is. It is none at all where
// the path is not of the pattern's form; where it is, but names no time of the
// calendar, or several, the state is Bad.
func (p Pattern) Match(path string) (State, bool) {
	names := strings.Split(strings.TrimRight(path, "/"), "/")
	if len(names) != len(p.segments) {
		return State{}, false
	}
	readings := []reading{{}}
	for i, s := range p.segments {
		if len(names[i]) > maxName {
			return State{}, false
		}
		var next []reading
		for _, r := range readings {
			next = s.read(names[i], r, next)
		}
		if readings = distinct(next); len(readings) == 0 {
			return State{}, false
		}
	}
	return p.state(path, readings), true
}

// matches reports whether a name can be segment i of a path.
func (p Pattern) matches(i int, name string) bool {
	return len(name) <= maxName && len(p.segments[i].read(name, reading{}, nil)) > 0
}

// maxName is how long a name may be: what file systems and layout allow.
const maxName = 255

// literal returns segment i where it is the same in all paths.
func (p Pattern) literal(i int) (string, bool) {
	s := p.segments[i]
	return s[0].text, len(s) == 1 && s[0].text != ""
}

// state makes of the ways in which a path can be read the state that it is.
func (p Pattern) state(path string, readings []reading) State {
	s := State{Place: p.root + path, Span: p.span()}
	var ids []layout.Stamp
	for _, r := range readings {
		id, err := r.stamp()
		if err != nil {
			s.Bad = err.Error()
			continue
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	switch ids = slices.Compact(ids); len(ids) {
	case 0:
	case 1:
		s.ID, s.Bad = ids[0], ""
	default:
		s.Bad = fmt.Sprintf("can be read as %s and as %s", ids[0], ids[1])
	}
	return s
}

// A reading is what a path says of each field.
type reading struct{ id, yyyy, mm, dd, hour, minute, second string }

func (r *reading) field(name string) *string {
	return map[string]*string{"ID": &r.id, "YYYY": &r.yyyy, "MM": &r.mm, "DD": &r.dd, "hh": &r.hour, "mm": &r.minute, "ss": &r.second}[name]
}

// maxReadings bounds the ways in which one name is read: stars in a row of
// digits have many.
const maxReadings = 64

func distinct(readings []reading) []reading {
	var out []reading
	for _, r := range readings {
		if !slices.Contains(out, r) && len(out) < maxReadings {
			out = append(out, r)
		}
	}
	return out
}

// read adds to out the ways in which name is the segment, given what earlier
// segments said.
func (s segment) read(name string, r reading, out []reading) []reading {
	if len(out) >= maxReadings {
		return out
	}
	if len(s) == 0 {
		if name == "" {
			out = append(out, r)
		}
		return out
	}
	switch t := s[0]; {
	case t.star:
		for n := 0; n <= len(name); n++ {
			out = s[1:].read(name[n:], r, out)
		}
	case t.field != "":
		w := widths[t.field]
		if len(name) < w || !ofField(t.field, name[:w]) {
			return out
		}
		if known := r.field(t.field); *known != "" && *known != name[:w] {
			return out
		} else {
			*known = name[:w]
		}
		return s[1:].read(name[w:], r, out)
	case strings.HasPrefix(name, t.text):
		return s[1:].read(name[len(t.text):], r, out)
	}
	return out
}

// ofField reports whether text has the form of a field.
func ofField(field, text string) bool {
	if field == "ID" {
		return len(text) == widths["ID"] && layout.HasMomentForm(text)
	}
	return strings.Trim(text, "0123456789") == ""
}

// stamp returns the time that a reading names. Its parts must agree.
func (r reading) stamp() (layout.Stamp, error) {
	full := r.id
	if full == "" {
		full = r.yyyy + r.mm + r.dd + "T" + orZero(r.hour) + orZero(r.minute) + orZero(r.second) + "Z"
	}
	id, err := layout.ParseStamp(full)
	if err != nil {
		return "", err
	}
	for _, part := range []struct{ said, is string }{
		{r.yyyy, full[:4]}, {r.mm, full[4:6]}, {r.dd, full[6:8]}, {r.hour, full[9:11]}, {r.minute, full[11:13]}, {r.second, full[13:15]},
	} {
		if part.said != "" && part.said != part.is {
			return "", fmt.Errorf("names %s, and elsewhere %s", full, part.said)
		}
	}
	return id, nil
}

func orZero(s string) string {
	if s == "" {
		return "00"
	}
	return s
}
