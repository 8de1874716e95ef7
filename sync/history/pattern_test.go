package history_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/history"
)

func ExamplePattern_Match() {
	p, _ := history.ParsePattern("/srv/archive/{YYYY}/{MM}/{DD}/debian")
	s, ok := p.Match("2025/03/18/debian")
	fmt.Println(ok, s.ID, s.Span, s.Place)
	// Output: true 20250318T000000Z 24h0m0s /srv/archive/2025/03/18/debian
}

func ExamplePattern_Fill() {
	p, _ := history.ParsePattern("https://snapshot.example.org/archive/debian/{ID}/")
	fmt.Println(p.Fill("20250318T140338Z"))
	// Output: https://snapshot.example.org/archive/debian/20250318T140338Z/ <nil>
}

func TestPattern_Match(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pattern, path string
		want          history.State // without Place
		no            bool
	}{
		"days":                            {pattern: "/a/{YYYY}-{MM}-{DD}", path: "2025-03-18", want: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}},
		"hours":                           {pattern: "/a/{YYYY}{MM}{DD}{hh}", path: "2025031814", want: history.State{ID: "20250318T140000Z", Span: time.Hour}},
		"minutes":                         {pattern: "/a/{YYYY}{MM}{DD}_{hh}{mm}", path: "20250318_1403", want: history.State{ID: "20250318T140300Z", Span: time.Minute}},
		"seconds":                         {pattern: "/a/{YYYY}{MM}{DD}_{hh}.{mm}.{ss}", path: "20250318_14.03.38", want: history.State{ID: "20250318T140338Z"}},
		"IDs":                             {pattern: "/a/{ID}/pool", path: "20250318T140338Z/pool/", want: history.State{ID: "20250318T140338Z"}},
		"text around it":                  {pattern: "/a/v{YYYY}{MM}{DD}x", path: "v20250318x", want: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}},
		"a star":                          {pattern: "/a/*{YYYY}{MM}{DD}*/x", path: "nightly-20250318_ok/x", want: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}},
		"a star that may be empty":        {pattern: "/a/{YYYY}{MM}{DD}*", path: "20250318", want: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}},
		"the year twice":                  {pattern: "/a/{YYYY}/{YYYY}{MM}{DD}", path: "2025/20250318", want: history.State{ID: "20250318T000000Z", Span: 24 * time.Hour}},
		"other text":                      {pattern: "/a/{YYYY}{MM}{DD}", path: "lost+found", no: true},
		"too deep":                        {pattern: "/a/{YYYY}{MM}{DD}", path: "20250318/pool", no: true},
		"not deep enough":                 {pattern: "/a/{YYYY}/{MM}/{DD}", path: "2025/03", no: true},
		"another year within":             {pattern: "/a/{YYYY}/{YYYY}{MM}{DD}", path: "2024/20250318", no: true},
		"a small z":                       {pattern: "/a/{ID}", path: "20250318T140338z", no: true},
		"digits of another script":        {pattern: "/a/{YYYY}{MM}{DD}", path: "２０２５", no: true},
		"more behind it":                  {pattern: "/a/{YYYY}{MM}{DD}", path: "20250318.tmp", no: true},
		"no day of the calendar":          {pattern: "/a/{YYYY}{MM}{DD}", path: "20250230", want: history.State{Span: 24 * time.Hour, Bad: `"20250230T000000Z" is no time of the calendar`}},
		"a second 60":                     {pattern: "/a/{ID}", path: "20250318T140360Z", want: history.State{Bad: `"20250318T140360Z" is no time of the calendar`}},
		"the year 0":                      {pattern: "/a/{YYYY}{MM}{DD}", path: "00000101", want: history.State{Span: 24 * time.Hour, Bad: `"00000101T000000Z" is no time of the calendar`}},
		"two times, by a star":            {pattern: "/a/*{YYYY}{MM}{DD}*", path: "2025031820250401", want: history.State{Span: 24 * time.Hour, Bad: "can be read as 20250318T000000Z and as 20250401T000000Z"}},
		"two readings, one no time":       {pattern: "/a/*{YYYY}{MM}{DD}", path: "99999999-20250401", want: history.State{ID: "20250401T000000Z", Span: 24 * time.Hour}},
		"an ID and a day that contradict": {pattern: "/a/{DD}/{ID}", path: "19/20250318T140338Z", want: history.State{Bad: "names 20250318T140338Z, and elsewhere 19"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := history.ParsePattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := p.Match(c.path)
			got.Place = ""
			if diff := cmp.Diff(c.want, got); ok == c.no || ok && diff != "" {
				t.Errorf("matches: %t (-want +got):\n%s", ok, diff)
			}
		})
	}
}

func TestParsePattern_refuses(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"/srv/archive":                "no part of a time",
		"/srv/*":                      "lacks {YYYY}",
		"/srv/{YYYY}/{DD}":            "lacks {MM}",
		"/srv/{YYYY}{MM}":             "lacks {DD}",
		"/srv/{YYYY}{MM}{DD}{mm}":     "lacks {hh}",
		"/srv/{yyyy}{MM}{DD}":         "write {ID}",
		"/srv/{YYYY}{MM}{DD":          "write {ID}",
		"/srv/{ID}}":                  "write {ID}",
		"/srv/{ID}//x":                `the segment ""`,
		"/srv/{ID}/../x":              `the segment ".."`,
		"/srv/*a*b*{YYYY}{MM}{DD}":    "more than 2 stars",
		"/srv/{YYYY}{MM}{DD}{hh}{ss}": "lacks {mm}",
	} {
		if _, err := history.ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", pattern, err, want)
		}
	}
}

func TestPattern_Fill_refusesStars(t *testing.T) {
	t.Parallel()
	p, err := history.ParsePattern("/a/{ID}*")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Fill("20250318T140338Z"); err == nil {
		t.Errorf("got %q", got)
	}
}

// FuzzPattern wants what a pattern fills in to be what it reads.
func FuzzPattern(f *testing.F) {
	for _, p := range []string{"/a/{YYYY}/{MM}/{DD}/x", "/a/{ID}", "/{YYYY}{MM}{DD}T{hh}{mm}{ss}Z*", "https://h/{DD}.{MM}.{YYYY}_{hh}/", "{ID}"} {
		f.Add(p, "20250318T140338Z", "2025/03/18/x")
	}
	f.Fuzz(func(t *testing.T, text, when, path string) {
		p, err := history.ParsePattern(text)
		if err != nil {
			return
		}
		if s, ok := p.Match(path); ok && s.Bad == "" {
			if _, err := layout.ParseStamp(string(s.ID)); err != nil {
				t.Errorf("%q matches %q as %v", text, path, err)
			}
		}
		id, err := layout.ParseStamp(when)
		if err != nil {
			return
		}
		place, err := p.Fill(id)
		if err != nil {
			return
		}
		s, ok := p.Match(strings.TrimPrefix(place, p.Root()))
		if !ok || s.Bad != "" {
			t.Fatalf("%q fills in %q, and does not match it: %+v", text, place, s)
		}
		if behind := id.Time().Sub(s.ID.Time()); behind < 0 || behind > s.Span || s.Span == 0 && behind != 0 {
			t.Errorf("%q fills %s in as %q, and reads it as %s", text, id, place, s.ID)
		}
	})
}
