package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A configError is all that is wrong with a configuration.
type configError struct{ problems []problem }

// A problem is one thing wrong, and what to write instead.
type problem struct {
	file         string
	line, column int // 0 where it is about the whole file
	text         string
}

func (p problem) String() string {
	if p.line == 0 {
		return fmt.Sprintf("%s: %s", p.file, p.text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.file, p.line, p.column, p.text)
}

func (e *configError) Error() string {
	var lines []string
	for _, p := range e.problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// A yamlReader walks a document and takes down all that is wrong on its way,
// so that one attempt shows everything.
type yamlReader struct {
	file     string
	lookup   func(string) (string, bool) // of the environment
	problems []problem
}

// parse returns the one document of the file, which is a mapping.
func (r *yamlReader) parse(body []byte) (ast.Node, bool) {
	doc, err := parser.ParseBytes(body, 0)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	switch {
	case len(doc.Docs) == 0 || doc.Docs[0].Body == nil:
		r.problems = append(r.problems, problem{file: r.file, text: `is empty; "datestone init" writes one to start from`})
		return nil, false
	case len(doc.Docs) > 1 && doc.Docs[1].Body != nil:
		r.problem(doc.Docs[1].Body, "a second document; the configuration is one")
		return nil, false
	}
	return doc.Docs[0].Body, true
}

func (r *yamlReader) syntax(err error) {
	p := problem{file: r.file, text: err.Error()}
	var at yaml.Error
	if errors.As(err, &at) {
		p.text = at.GetMessage()
		if t := at.GetToken(); t != nil && t.Position != nil {
			p.line, p.column = t.Position.Line, t.Position.Column
		}
	}
	r.problems = append(r.problems, p)
}

func (r *yamlReader) problem(n ast.Node, format string, args ...any) {
	p := problem{file: r.file, text: fmt.Sprintf(format, args...)}
	if t := n.GetToken(); t != nil && t.Position != nil {
		p.line, p.column = t.Position.Line, t.Position.Column
	}
	r.problems = append(r.problems, p)
}

// err returns all problems in the order of the file.
func (r *yamlReader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	return &configError{problems: r.problems}
}

// A field reads the value of one key.
type field func(value ast.Node)

// fields reads a mapping in which only the given keys may be, and reports
// which were there. required must.
func (r *yamlReader) fields(n ast.Node, known map[string]field, required ...string) map[string]ast.Node {
	seen := map[string]ast.Node{}
	names := slices.Sorted(maps.Keys(known))
	ok := r.pairs(n, func(key string, k, v ast.Node) {
		seen[key] = k
		if read, ok := known[key]; ok {
			read(v)
			return
		}
		r.problem(k, "unknown key %q%s", key, r.instead(key, names))
	})
	if !ok {
		return seen
	}
	for _, name := range required {
		if _, ok := seen[name]; !ok {
			r.problem(first(n), "key %q is missing", name)
		}
	}
	return seen
}

func (r *yamlReader) instead(key string, names []string) string {
	if s := didYouMean(key, names); s != "" {
		return s
	}
	return "; known here: " + strings.Join(names, ", ")
}

// pairs calls each for the pairs of a mapping, in order.
func (r *yamlReader) pairs(n ast.Node, each func(key string, k, v ast.Node)) bool {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		r.problem(n, "want keys and values, got %s", kindOf(n))
		return false
	}
	for _, v := range values {
		key, ok := scalar(v.Key)
		if !ok {
			r.problem(v.Key, "want a plain key, got %s", kindOf(v.Key))
			continue
		}
		each(key, v.Key, v.Value)
	}
	return true
}

// items calls each for the members of a sequence.
func (r *yamlReader) items(n ast.Node, each func(ast.Node)) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.problem(n, "want a list, got %s", kindOf(n))
		return
	}
	for _, v := range s.Values {
		each(v)
	}
}

// text returns a field that reads text into to and then holds it against the
// checks.
func (r *yamlReader) text(to *string, checks ...func(string) error) field {
	return func(n ast.Node) {
		s, ok := r.expanded(n)
		if !ok {
			return
		}
		for _, check := range checks {
			if err := check(s); err != nil {
				r.problem(n, "%v", err)
				return
			}
		}
		*to = s
	}
}

// texts returns a field that reads a list of text.
func (r *yamlReader) texts(to *[]string, checks ...func(string) error) field {
	return func(n ast.Node) {
		r.items(n, func(n ast.Node) {
			var s string
			r.text(&s, checks...)(n)
			*to = append(*to, s)
		})
	}
}

// oneOf is the check of a text that is one of a few words.
func oneOf(words ...string) func(string) error {
	return func(s string) error {
		if slices.Contains(words, s) {
			return nil
		}
		return fmt.Errorf("%q: write %s%s", s, strings.Join(words, " or "), didYouMean(s, words))
	}
}

func (r *yamlReader) duration(to *time.Duration) field {
	return func(n ast.Node) {
		s, ok := r.expanded(n)
		if !ok {
			return
		}
		d, err := parseDuration(s)
		if err != nil {
			r.problem(n, "%v", err)
			return
		}
		*to = d
	}
}

func (r *yamlReader) number(to *int, least, most int) field {
	return func(n ast.Node) {
		s, ok := r.expanded(n)
		if !ok {
			return
		}
		i, err := strconv.Atoi(s)
		if err != nil || i < least || i > most {
			r.problem(n, "%q: write a number from %d to %d", s, least, most)
			return
		}
		*to = i
	}
}

func (r *yamlReader) truth(to *bool) field {
	return func(n ast.Node) {
		var s string
		r.text(&s, oneOf("true", "false"))(n)
		*to = s == "true"
	}
}

// expanded returns the text of a scalar, with ${NAME} from the environment.
func (r *yamlReader) expanded(n ast.Node) (string, bool) {
	s, ok := scalar(n)
	if !ok {
		r.problem(n, "want text, got %s", kindOf(n))
		return "", false
	}
	s, err := expand(s, r.lookup)
	if err != nil {
		r.problem(n, "%v", err)
		return "", false
	}
	return s, true
}

// expand replaces ${NAME} by the variable NAME, and $$ by a dollar sign. Any
// other dollar sign stays as it is.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
		case strings.HasPrefix(after, "{"):
			name, rest, ok := strings.Cut(after[1:], "}")
			if !ok || name == "" {
				return "", errors.New("a variable is written ${NAME}, and a dollar sign $$")
			}
			value, ok := lookup(name)
			if !ok {
				return "", fmt.Errorf("the environment has no variable %s", name)
			}
			b.WriteString(value)
			s = rest
		default:
			b.WriteByte('$')
			s = after
		}
	}
}

// parseDuration reads 7d, 12h, 1d12h, 90m: whole numbers of days, hours,
// minutes and seconds, the larger first.
func parseDuration(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute, 's': time.Second}
	wrong := fmt.Errorf("%q is no duration: write 90m, 24h or 7d", s)
	total, last := time.Duration(0), time.Duration(1<<62)
	for rest := s; rest != "" || s == ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 || digits > 6 || digits == len(rest) {
			return 0, wrong
		}
		n, _ := strconv.Atoi(rest[:digits])
		unit, ok := units[rest[digits]]
		if !ok || unit >= last || n > int(36500*24*time.Hour/unit) {
			return 0, wrong
		}
		total, last, rest = total+time.Duration(n)*unit, unit, rest[digits+1:]
	}
	return total, nil
}

// scalar returns the text of a scalar as it was written: pruned: 404 is "404".
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AliasNode, *ast.AnchorNode, *ast.MergeKeyNode:
		return "a YAML alias or anchor (not read here: write the value out)"
	case *ast.TagNode:
		return "a YAML tag (not read here)"
	}
	return "text"
}

// first returns the node whose position is that of the first key of n.
func first(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key
		}
	case *ast.MappingValueNode:
		return n.Key
	}
	return n
}
