package history

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// List yields the states of a list, sorted: CSV, a state a line, its time and
// where it is.
//
//	# time, manifest
//	20250318T140338Z,https://archive.example.org/1/PULP_MANIFEST
//	2025-03-19,copies/march/PULP_MANIFEST
//
// Empty lines, those that begin with # and a first line whose first word is
// "time" are passed over. A line that is no state is Bad, as others may be good.
func List(name string, body []byte) iter.Seq2[State, error] {
	return collect(func(yield func(State, error) bool) {
		for line, fields := range lines(body) {
			s := State{Place: fmt.Sprintf("%s, line %d", name, line)}
			if err := s.fill(fields); err != nil {
				s.ID, s.Bad = "", err.Error()
			}
			if !yield(s, nil) {
				return
			}
		}
	})
}

// lines yields the records of CSV with the numbers of their lines. One that
// is not CSV has no fields.
func lines(body []byte) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
		r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = '#', -1, true
		for first := true; ; first = false {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			line := 0
			if wrong := (*csv.ParseError)(nil); errors.As(err, &wrong) {
				line, fields = wrong.StartLine, nil
			} else {
				line, _ = r.FieldPos(0)
			}
			if first && len(fields) > 0 && strings.EqualFold(strings.TrimSpace(fields[0]), "time") {
				continue
			}
			if !yield(line, fields) {
				return
			}
		}
	}
}

func (s *State) fill(fields []string) (err error) {
	if len(fields) != 2 {
		return errors.New("write a time, a comma, and where the state is")
	}
	if s.ID, s.Span, err = parseTime(strings.TrimSpace(fields[0])); err != nil {
		return err
	}
	place := strings.TrimSpace(fields[1])
	if place == "" {
		return errors.New("does not say where the state is")
	}
	s.Place = place
	return nil
}
