package layout_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"datestone/layout"
)

func TestParseStamp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"an ID", "20250318T140338Z", true},
		{"the leap day of a leap year", "20240229T000000Z", true},
		{"the first second", "00010101T000000Z", true},
		{"the last second", "99991231T235959Z", true},
		{"the leap day of another year", "20250229T000000Z", false},
		{"the leap day of 1900", "19000229T000000Z", false},
		{"February 30", "20250230T000000Z", false},
		{"month 0", "20250018T140338Z", false},
		{"month 13", "20251318T140338Z", false},
		{"day 0", "20250300T140338Z", false},
		{"hour 24", "20250318T240000Z", false},
		{"minute 60", "20250318T146000Z", false},
		{"second 60", "20161231T235960Z", false},
		{"year 0", "00000101T000000Z", false},
		{"a date alone", "20250318", false},
		{"a small z", "20250318T140338z", false},
		{"a small t", "20250318t140338Z", false},
		{"no Z", "20250318T140338", false},
		{"an offset", "20250318T140338+", false},
		{"a space before", " 20250318T140338Z", false},
		{"junk after", "20250318T140338Zx", false},
		{"a sign in a number", "2025031+T140338Z", false},
		{"digits of another script", "٢٠٢٥٠٣١٨T140338Z", false},
		{"ISO's long form", "2025-03-18T14:03:38Z", false},
		{"nothing", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := layout.ParseStamp(tc.in)
			switch {
			case tc.ok && (err != nil || string(got) != tc.in):
				t.Errorf("got %q, %v, want %q", got, err, tc.in)
			case !tc.ok && (err == nil || got != ""):
				t.Errorf("got %q, %v, want none and an error", got, err)
			case !tc.ok && !strings.Contains(err.Error(), fmt.Sprintf("%q", tc.in)):
				t.Errorf("error %q does not quote %q", err, tc.in)
			}
		})
	}
}

func TestParseMomentTakesADayToo(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]layout.Stamp{
		"20250318T140338Z": "20250318T140338Z", "20250318": "20250318T000000Z",
		"20250230": "", "20251301": "", "00000101": "", "2025": "", "2025031": "", "20250318T": "", "": "",
	} {
		got, err := layout.ParseMoment(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestHasMomentFormIsAboutTheFormAlone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"20250318T140338Z": true, "99999999T999999Z": true, "20250230": true, "00000000": true,
		"2025031": false, "202503181": false, "20250318T140338z": false, "2025031x": false, "20250318X140338Z": false, "": false,
	} {
		if got := layout.HasMomentForm(in); got != want {
			t.Errorf("%q: got %v, want %v", in, got, want)
		}
	}
}

func TestStampOfKeepsItsWidth(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*60*60)
	for _, tc := range []struct {
		name string
		in   time.Time
		want layout.Stamp
	}{
		{"another zone is turned to UTC", time.Date(2025, 1, 1, 1, 0, 0, 0, east), "20241231T230000Z"},
		{"fractions are dropped", time.Date(2025, 1, 1, 0, 0, 0, 999_999_999, time.UTC), "20250101T000000Z"},
		{"before the year 1", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "00010101T000000Z"},
		{"after the year 9999", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "99991231T235959Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := layout.StampOf(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNextCrossesEveryBoundary(t *testing.T) {
	t.Parallel()
	for s, want := range map[layout.Stamp]layout.Stamp{
		"20250318T140338Z": "20250318T140339Z", "20241231T235959Z": "20250101T000000Z",
		"20240228T235959Z": "20240229T000000Z", "20250228T235959Z": "20250301T000000Z",
		"99991231T235959Z": "99991231T235959Z",
	} {
		if got := s.Next(); got != want {
			t.Errorf("after %q: got %q, want %q", s, got, want)
		}
	}
}

func TestStampInJSON(t *testing.T) {
	t.Parallel()
	for _, s := range []layout.Stamp{"", first} {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got layout.Stamp = second
		if err := json.Unmarshal(b, &got); err != nil || got != s {
			t.Errorf("%q came back from %s as %q, %v", s, b, got, err)
		}
	}
	for _, in := range []string{`""`, `"20250230T000000Z"`, `"20250318"`, `20250318`, `{}`} {
		var s layout.Stamp
		if err := json.Unmarshal([]byte(in), &s); err == nil {
			t.Errorf("%s was taken as %q", in, s)
		}
	}
}

func FuzzParseStamp(f *testing.F) {
	for _, s := range []string{"20250318T140338Z", "20250230T000000Z", "20250318", "99991231T235959Z", "00000101T000000Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := layout.ParseStamp(in)
		if err != nil {
			return
		}
		if string(s) != in || layout.StampOf(s.Time()) != s {
			t.Errorf("%q came back as %q, and from its time as %q", in, s, layout.StampOf(s.Time()))
		}
		if next := s.Next(); next <= s && s != "99991231T235959Z" {
			t.Errorf("after %q comes %q", s, next)
		}
		if m, err := layout.ParseMoment(in); err != nil || m != s || !layout.HasMomentForm(in) {
			t.Errorf("%q is a stamp, but as a moment it is %q, %v", in, m, err)
		}
	})
}

func ExampleParseMoment() {
	for _, s := range []string{"20250318T140338Z", "20250318", "20250230"} {
		fmt.Println(layout.ParseMoment(s))
	}
	// Output:
	// 20250318T140338Z <nil>
	// 20250318T000000Z <nil>
	//  "20250230" is no time of the calendar
}
