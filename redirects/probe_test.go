package redirects_test

import (
	"fmt"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
)

func ExampleProbes() {
	table := layout.NewTable(layout.Settings{Repository: "debian", BasePath: "debian", PublicPath: "/"})
	table.Checkpoints = []layout.Checkpoint{{ID: "20250318T140338Z"}}
	table.FinalUntil = "20250401T000000Z"
	for _, row := range redirects.Probes(redirects.Subject{Table: table, Now: "20250402T000000Z"}) {
		if row.Name == "between two" || row.Name == "after now" {
			for _, q := range row.Questions {
				fmt.Printf("%s: %s %s: %s\n", row.Name, q.Method, q.Target, q.Wants)
			}
		}
	}
	// Output:
	// between two: GET /debian/20250318T140339Z/datestone-check: [301 /debian/20250318T140338Z/datestone-check]
	// between two: GET /debian/20250401T000000Z/datestone-check: [301 /debian/20250318T140338Z/datestone-check]
	// after now: GET /debian/20250404T000000Z/datestone-check: [404 302 /debian/20250318T140338Z/datestone-check]
	// after now: GET /debian/20250404T000000Z/: [404 302 /debian/20250318T140338Z/]
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const origin = "https://host"
	header := func(pairs ...string) map[string]string {
		h := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			h[pairs[i]] = pairs[i+1]
		}
		return h
	}
	moved := redirects.Question{Wants: []redirects.Expected{{Status: 301, Location: "/a/"}}}
	missing := redirects.Question{Wants: []redirects.Expected{{Status: 404}, {Status: 302, Location: "/b", Note: "no clock"}}}
	kept := redirects.Question{Wants: []redirects.Expected{{Header: header("Cache-Control", "public, max-age=60")}}}
	plain := redirects.Question{Wants: []redirects.Expected{{Header: header("Content-Encoding", "")}}}
	whole := redirects.Question{Wants: []redirects.Expected{{Status: 200, Body: layout.DigestOf([]byte("x"))}}}
	stays := redirects.Question{Wants: []redirects.Expected{{Stays: true}}}
	like := redirects.Question{Like: true}
	for name, c := range map[string]struct {
		q           redirects.Question
		got, before redirects.Observed
		want        bool
		text        string // what was got, or the note
	}{
		"the redirect":                     {moved, redirects.Observed{Status: 301, Header: header("Location", "/a/")}, redirects.Observed{}, true, ""},
		"an absolute one within the site":  {moved, redirects.Observed{Status: 301, Header: header("Location", "https://host/a/")}, redirects.Observed{}, true, ""},
		"one to another scheme":            {moved, redirects.Observed{Status: 301, Header: header("Location", "http://host/a/")}, redirects.Observed{}, false, "301 http://host/a/"},
		"one to a host that begins so":     {moved, redirects.Observed{Status: 301, Header: header("Location", "https://host.evil/a/")}, redirects.Observed{}, false, "301 https://host.evil/a/"},
		"another status":                   {moved, redirects.Observed{Status: 302, Header: header("Location", "/a/")}, redirects.Observed{}, false, "302 /a/"},
		"no location":                      {moved, redirects.Observed{Status: 301}, redirects.Observed{}, false, "301 "},
		"the first of two":                 {missing, redirects.Observed{Status: 404}, redirects.Observed{}, true, ""},
		"the second of two":                {missing, redirects.Observed{Status: 302, Header: header("Location", "/b")}, redirects.Observed{}, true, "no clock"},
		"none of two":                      {missing, redirects.Observed{Status: 302, Header: header("Location", "/c")}, redirects.Observed{}, false, "302 /c"},
		"directives in another order":      {kept, redirects.Observed{Header: header("Cache-Control", "Max-Age=60,public")}, redirects.Observed{}, true, ""},
		"another age":                      {kept, redirects.Observed{Header: header("Cache-Control", "public, max-age=6")}, redirects.Observed{}, false, "Cache-Control: public, max-age=6"},
		"no header":                        {kept, redirects.Observed{}, redirects.Observed{}, false, "no Cache-Control"},
		"no header, as wanted":             {plain, redirects.Observed{}, redirects.Observed{}, true, ""},
		"a header that is not wanted":      {plain, redirects.Observed{Header: header("Content-Encoding", "br")}, redirects.Observed{}, false, "Content-Encoding: br"},
		"the body":                         {whole, redirects.Observed{Status: 200, Body: layout.DigestOf([]byte("x"))}, redirects.Observed{}, true, ""},
		"a part of the body":               {whole, redirects.Observed{Status: 200}, redirects.Observed{}, false, "200 without the whole body"},
		"no redirect":                      {stays, redirects.Observed{Status: 404}, redirects.Observed{}, true, ""},
		"one more redirect":                {stays, redirects.Observed{Status: 302, Header: header("Location", "/x")}, redirects.Observed{}, false, "/x"},
		"the same as before":               {like, redirects.Observed{Status: 200, Header: header("Etag", "1")}, redirects.Observed{Status: 200, Header: header("Etag", "1", "X", "2")}, true, ""},
		"another tag than before":          {like, redirects.Observed{Status: 200, Header: header("Etag", "1")}, redirects.Observed{Status: 200, Header: header("Etag", "2")}, false, "200 no Cache-Control no Content-Type Etag: 1"},
		"another redirect than before":     {like, redirects.Observed{Status: 302, Header: header("Location", "/x")}, redirects.Observed{Status: 302, Header: header("Location", "/y")}, false, "302 /x no Cache-Control no Content-Type no Etag"},
		"anything where nothing is wanted": {redirects.Question{}, redirects.Observed{Status: 500}, redirects.Observed{}, true, ""},
	} {
		v := c.q.Judge(c.got, c.before, origin)
		if text := v.Got; v.OK != c.want || !v.OK && text != c.text || v.OK && v.Note != c.text {
			t.Errorf("%s: got %+v, want %t %q", name, v, c.want, c.text)
		}
	}
}

func TestQuestionAfter(t *testing.T) {
	t.Parallel()
	at := func(location string) redirects.Observed {
		return redirects.Observed{Status: 302, Header: map[string]string{"Location": location}}
	}
	follow := redirects.Question{Follow: true}
	for location, want := range map[string]string{"/x?y": "/x?y", "https://host/x": "/x", "https://other/x": "", "x": "", "": ""} {
		q, problem := follow.After(at(location), "https://host")
		if got := problem == ""; got != (want != "") || got && q.Target != want {
			t.Errorf("%q: %+v %q, want %q", location, q, problem, want)
		}
	}
	if _, problem := follow.After(redirects.Observed{Status: 304, Header: map[string]string{"Location": "/x"}}, ""); problem == "" {
		t.Error("304 is followed")
	}
	tagged := redirects.Question{Tagged: true}
	if q, problem := tagged.After(redirects.Observed{Header: map[string]string{"Etag": `"1"`}}, ""); problem != "" || q.Header["If-None-Match"] != `"1"` {
		t.Errorf("got %+v %q, want the tag", q, problem)
	}
	if _, problem := tagged.After(redirects.Observed{}, ""); problem == "" {
		t.Error("no tag is no problem")
	}
}

// TestProbesOfAnyTable wants questions that can be sent, and no row twice,
// whatever the table has.
func TestProbesOfAnyTable(t *testing.T) {
	t.Parallel()
	two := layout.NewTable(layout.Settings{Repository: "r", BasePath: "r", PublicPath: "/m/", Rewrite: true, Channels: []layout.Channel{{Name: "prod"}}})
	none := two
	two.Checkpoints = []layout.Checkpoint{{ID: "00010101T000000Z", Files: 1}, {ID: "20250318T140338Z"}, {ID: "20250318T140339Z"}, {ID: "99991231T235959Z"}}
	two.FinalUntil = "99991231T235959Z"
	two.Gone = []layout.Span{{From: "20240101T000000Z", Until: "20250101T000000Z"}}
	file := layout.File{Path: "d/a b", Size: 3, SHA256: layout.DigestOf([]byte("abc"))}
	for name, s := range map[string]redirects.Subject{
		"empty":           {Table: none, Now: "20250402T000000Z"},
		"all of time":     {Table: two, Now: "99991231T235959Z", At: "00010101T000000Z", Samples: redirects.Samples{Plain: &file, Plus: &file, Directory: "d"}},
		"before all time": {Table: two, Now: "00010101T000000Z"},
	} {
		seen := map[string]bool{}
		for _, row := range redirects.Probes(s) {
			if seen[row.Name] || (row.Skip == "") == (len(row.Questions) == 0) {
				t.Errorf("%s: %+v", name, row)
			}
			seen[row.Name] = true
			for _, q := range row.Questions {
				if !q.Follow && !strings.HasPrefix(q.Target, "/m/") || strings.ContainsAny(q.Target, " \n") || q.Method == "" {
					t.Errorf("%s, %s: %+v", name, row.Name, q)
				}
			}
		}
		if !seen["one hop"] || !seen["no Content-Encoding"] {
			t.Errorf("%s: rows are missing: %v", name, seen)
		}
	}
}

func TestSamples(t *testing.T) {
	t.Parallel()
	var s redirects.Samples
	for i, f := range []layout.File{{Path: "a", Size: 1}, {Path: "b", Size: 1 << 40}, {Path: "c/d e/f", Size: 2}, {Path: "g++", Size: 1 << 40}, {Path: "h/i/j+", Size: 0}} {
		if more := s.Take(f); more != (i < 4) {
			t.Errorf("%s: more is %t", f.Path, more)
		}
	}
	if s.Plain.Path != "c/d e/f" || s.Plus.Path != "h/i/j+" || s.Directory != "h/i" {
		t.Errorf("got %s, %s, %s", s.Plain.Path, s.Plus.Path, s.Directory)
	}
}
