package layout

import (
	"encoding/json"
	"fmt"
	"time"
)

// stampForm is Pulp's "%Y%m%dT%H%M%SZ" in the words of package time.
const stampForm = "20060102T150405Z"

// A Stamp is a moment in UTC, in whole seconds, written 20250318T140338Z: the
// ID of a checkpoint. Stamps that ParseStamp or StampOf returned are of fixed
// width, so that < and == order them in time. The zero Stamp is "none"; it is
// null in JSON.
type Stamp string

// The first and the last second that a Stamp can name.
const (
	firstStamp Stamp = "00010101T000000Z"
	lastStamp  Stamp = "99991231T235959Z"
)

// StampOf returns the second that t lies in. Times before the year 1 and after
// the year 9999 are its first and its last second, so that the width stays.
func StampOf(t time.Time) Stamp {
	t = t.UTC()
	switch {
	case t.Year() < 1:
		return firstStamp
	case t.Year() > 9999:
		return lastStamp
	}
	return Stamp(t.Format(stampForm))
}

// ParseStamp reads an ID. Anything but sixteen characters of the exact form
// that name a time of the calendar (years 0001 to 9999) is an error; in
// particular second 60 and February 30 are.
func ParseStamp(s string) (Stamp, error) {
	if momentForm(s) != len(stampForm) {
		return "", fmt.Errorf("%q is not an ID of the form YYYYMMDDTHHMMSSZ", s)
	}
	return parseCalendar(s, s)
}

// ParseMoment reads what a client may put in a URL: an ID, or YYYYMMDD, which
// means that day's 00:00:00.
func ParseMoment(s string) (Stamp, error) {
	switch momentForm(s) {
	case len(stampForm):
		return parseCalendar(s, s)
	case 8:
		return parseCalendar(s, s+"T000000Z")
	}
	return "", fmt.Errorf("%q is neither YYYYMMDDTHHMMSSZ nor YYYYMMDD", s)
}

// HasMomentForm reports whether s has the form of an ID or of a date, be it a
// time of the calendar or not. Such a path segment is never an object's.
func HasMomentForm(s string) bool { return momentForm(s) != 0 }

// momentForm returns the length of the form that s has: 16, 8, or 0 for none.
func momentForm(s string) int {
	if len(s) != 8 && len(s) != len(stampForm) {
		return 0
	}
	for i := range len(s) {
		switch {
		case i == 8 && s[i] == 'T', i == 15 && s[i] == 'Z':
		case i != 8 && i != 15 && s[i] >= '0' && s[i] <= '9':
		default:
			return 0
		}
	}
	return len(s)
}

func parseCalendar(asGiven, full string) (Stamp, error) {
	t, err := time.Parse(stampForm, full)
	if err != nil || t.Year() == 0 {
		return "", fmt.Errorf("%q is no time of the calendar", asGiven)
	}
	return Stamp(full), nil
}

// Time returns the moment itself; the zero time for the zero Stamp.
func (s Stamp) Time() time.Time {
	t, _ := time.Parse(stampForm, string(s))
	return t
}

// Next returns the second after s; after the last there is none, and it is s.
func (s Stamp) Next() Stamp { return StampOf(s.Time().Add(time.Second)) }

// MarshalJSON writes the ID as a string, and none as null.
func (s Stamp) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}

// UnmarshalJSON reads what MarshalJSON writes, strictly.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = ""
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	var err error
	*s, err = ParseStamp(text)
	return err
}
