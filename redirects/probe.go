package redirects

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// A Row is a row of what goes wrong on live sites: some questions, asked one
// after the other, and what the right answers are.
type Row struct {
	Name string
	// Skip says why there is nothing to ask; then there are no questions.
	Skip      string
	Questions []Question
}

// A Question is one request.
type Question struct {
	Method string // GET or HEAD
	Target string // path and query, as they are to be sent
	Header map[string]string
	// Wants are the answers that are right, the best one first; with none any
	// answer is.
	Wants []Expected

	// What follows depends on the answer to the question before it in the row.

	Follow bool // Target is where that answer leads
	Tagged bool // If-None-Match has the tag of that answer
	Like   bool // the answer has to be that answer, the body aside
}

// An Expected is what an answer has to be. What is zero is not looked at.
type Expected struct {
	Status   int
	Location string // of a redirect
	// Header has the fields to look at; an empty value wants none.
	Header map[string]string
	Body   layout.Digest // of the whole body
	Stays  bool          // it is no redirect
	Note   string        // what the answer says of the edge, where it says something
}

// An Observed is what a site answered.
type Observed struct {
	Status int
	Header map[string]string // by canonical name
	// Body is the digest of the whole body; zero where it ended early, or was
	// too long to read.
	Body layout.Digest
}

// A Verdict is what an answer is worth.
type Verdict struct {
	OK        bool
	Got, Want string
	Note      string
}

// After returns the question with what it takes from the answer before it, and
// what of that can't be had, if so.
func (q Question) After(before Observed, origin string) (_ Question, problem string) {
	if q.Follow {
		q.Target = relative(before.Header["Location"], origin)
		if !before.redirects() || !strings.HasPrefix(q.Target, "/") {
			return q, fmt.Sprintf("%d %s: no redirect within the site", before.Status, q.Target)
		}
	}
	if q.Tagged {
		tag := before.Header["Etag"]
		if tag == "" {
			return q, "an answer without ETag"
		}
		q.Header = map[string]string{"If-None-Match": tag}
	}
	return q, ""
}

// sameHeaders are those that HEAD and GET must agree on; but of an error's page
// nobody minds the type, and S3 servers name it only where they send one.
var sameHeaders = []string{"Cache-Control", "Content-Type", "Etag"}

// Judge holds an answer against the question; before is the answer to the
// question before it, origin the site's scheme and host.
func (q Question) Judge(got, before Observed, origin string) Verdict {
	wants := q.Wants
	if q.Like {
		w := Expected{Status: before.Status, Header: map[string]string{}}
		if before.redirects() {
			w.Location = relative(before.Header["Location"], origin)
		}
		for _, name := range sameHeaders {
			if name == "Content-Type" && before.Status >= 400 {
				continue
			}
			w.Header[name] = before.Header[name]
		}
		wants = []Expected{w}
	}
	if len(wants) == 0 {
		return Verdict{OK: true}
	}
	for _, w := range wants {
		if got.as(w, origin) == w.String() {
			return Verdict{OK: true, Got: got.as(w, origin), Want: w.String(), Note: w.Note}
		}
	}
	var all []string
	for _, w := range wants {
		all = append(all, w.String())
	}
	return Verdict{Got: got.as(wants[0], origin), Want: strings.Join(all, " or ")}
}

// String is what is wanted, in words that answers are put into, too.
func (w Expected) String() string {
	var words []string
	if w.Status != 0 {
		words = append(words, fmt.Sprint(w.Status))
	}
	if w.Location != "" {
		words = append(words, w.Location)
	}
	if w.Stays {
		words = append(words, "no redirect")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Header)) {
		words = append(words, headerWords(name, w.Header[name]))
	}
	if !w.Body.IsZero() {
		words = append(words, "SHA-256 "+w.Body.String())
	}
	return strings.Join(words, " ")
}

// as puts of an answer into words what w looks at.
func (o Observed) as(w Expected, origin string) string {
	var words []string
	if w.Status != 0 {
		words = append(words, fmt.Sprint(o.Status))
	}
	switch {
	case o.redirects() && (w.Status != 0 || w.Stays), w.Location != "":
		words = append(words, relative(o.Header["Location"], origin))
	case w.Stays:
		words = append(words, "no redirect")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Header)) {
		value := o.Header[name]
		if name == "Cache-Control" && slices.Equal(directives(value), directives(w.Header[name])) {
			value = w.Header[name]
		}
		words = append(words, headerWords(name, value))
	}
	if !w.Body.IsZero() {
		words = append(words, o.bodyWords())
	}
	return strings.Join(words, " ")
}

func (o Observed) bodyWords() string {
	if o.Body.IsZero() {
		return "without the whole body"
	}
	return "SHA-256 " + o.Body.String()
}

func (o Observed) redirects() bool { return o.Status/100 == 3 && o.Status != 304 }

func headerWords(name, value string) string {
	if value == "" {
		return "no " + name
	}
	return name + ": " + value
}

// relative returns a location within the site as the path that it is.
func relative(location, origin string) string {
	if path, ok := strings.CutPrefix(location, origin); ok && strings.HasPrefix(path, "/") {
		return path
	}
	return location
}

// directives returns those of a Cache-Control, sorted: their order is free.
func directives(cacheControl string) []string {
	all := strings.Split(strings.ToLower(cacheControl), ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	slices.Sort(all)
	return all
}
