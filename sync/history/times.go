package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// Times yields the states of a site that has times in its URLs, sorted: body
// says which times there are. It may be
//
//   - the table of another datestone site, checkpoints.json;
//   - what snapshot.debian.org answers to /mr/timestamp/?archive=NAME;
//   - an index page that links to the directories of the times, where only the
//     last segment of the pattern varies;
//   - text, a time a line (of CSV, the first field counts).
func Times(p Pattern, name string, body []byte) iter.Seq2[State, error] {
	return collect(func(yield func(State, error) bool) {
		states, err := p.times(name, body)
		if err != nil {
			yield(State{}, fmt.Errorf("times of %q in %s: %w", p, name, err))
			return
		}
		for _, s := range states {
			if !yield(s, nil) {
				return
			}
		}
	})
}

func (p Pattern) times(name string, body []byte) ([]State, error) {
	switch text := bytes.TrimSpace(body); {
	case bytes.HasPrefix(text, []byte("{")):
		return p.timesOfJSON(name, text)
	case bytes.HasPrefix(text, []byte("<")):
		return p.timesOfPage(text)
	}
	var states []State
	for line, fields := range lines(body) {
		word := ""
		if len(fields) > 0 {
			word = strings.TrimSpace(fields[0])
		}
		s, err := p.at(word, fmt.Sprintf("%s, line %d", name, line))
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// at returns the state of a time; where it is none, what said so is its place.
func (p Pattern) at(word, where string) (s State, err error) {
	s.ID, s.Span, err = parseTime(word)
	if err != nil {
		return State{Place: where, Bad: err.Error()}, nil
	}
	s.Span = max(s.Span, p.span())
	s.Place, err = p.Fill(s.ID)
	return s, err
}

// timesOfJSON reads a table, or the answer to /mr/timestamp/.
func (p Pattern) timesOfJSON(name string, body []byte) ([]State, error) {
	var is struct {
		Checkpoints []struct {
			ID string `json:"id"`
		} `json:"checkpoints"`
		Result map[string][]string `json:"result"`
	}
	if err := json.Unmarshal(body, &is); err != nil {
		return nil, err
	}
	if is.Checkpoints == nil && is.Result == nil {
		return nil, errors.New(`is JSON, but has neither "checkpoints" nor "result"`)
	}
	var words []string
	for _, c := range is.Checkpoints {
		words = append(words, c.ID)
	}
	if is.Result != nil {
		archive, err := p.archive(is.Result)
		if err != nil {
			return nil, err
		}
		words = append(words, is.Result[archive]...)
	}
	var states []State
	for _, word := range words {
		s, err := p.at(word, fmt.Sprintf("%s, %q", name, word))
		if err != nil {
			return nil, err
		}
		states = append(states, s)
	}
	return states, nil
}

// archive returns the one archive whose times count: of several, the one that
// the pattern names as a segment.
func (p Pattern) archive(result map[string][]string) (string, error) {
	names := slices.Sorted(maps.Keys(result))
	if len(names) > 1 {
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.Contains(p.text, "/"+n+"/") })
	}
	if len(names) != 1 {
		return "", fmt.Errorf("has times of the archives %q: ask for one with ?archive=NAME", slices.Sorted(maps.Keys(result)))
	}
	return names[0], nil
}

func (p Pattern) timesOfPage(body []byte) ([]State, error) {
	if len(p.segments) == 0 || p.literalFrom(1) < 0 {
		return nil, errors.New("is a page, and more than one segment of the pattern varies: leave the page out, the pages below it are read one by one")
	}
	var states []State
	for _, name := range Links(body) {
		path := strings.TrimSuffix(name, "/")
		if _, err := layout.CleanPath(path); err != nil || strings.Contains(path, "/") || !p.matches(0, path) {
			continue
		}
		if s, ok := p.Match(path + p.rest(1)); ok {
			states = append(states, s)
		}
	}
	return states, nil
}

// literalFrom returns i if no segment from i on varies, else -1.
func (p Pattern) literalFrom(i int) int {
	for j := i; j < len(p.segments); j++ {
		if _, ok := p.literal(j); !ok {
			return -1
		}
	}
	return i
}

// rest returns the segments from i on, which do not vary.
func (p Pattern) rest(i int) string {
	rest := "/"
	for ; i < len(p.segments); i++ {
		text, _ := p.literal(i)
		rest += text + "/"
	}
	return rest
}
