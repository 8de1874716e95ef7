package redirects

import (
	"bytes"
	"encoding/json"

	"datestone/layout"
)

// jsonVersion is the version of the file written here; fields may be added.
const jsonVersion = 1

// jsonSite is what an edge of one's own needs of a repository. Its spans are
// those of Spans, a row each: from, and where it leads (null: 404), and
// whether that is final (301, else 302). A span ends where the next begins, so
// a binary search for the last row at or before a moment answers it.
type jsonSite struct {
	Repository string                  `json:"repository"`
	Base       string                  `json:"base"` // public path and base path
	Answer     string                  `json:"answer"`
	Log        layout.Head             `json:"log"`
	FinalUntil layout.Stamp            `json:"final_until"`
	Channels   map[string]layout.Stamp `json:"channels"`
	Spans      []json.RawMessage       `json:"spans"`
}

// renderJSON writes json/datestone.json: {"version": 1, "repositories": […]},
// ascending by base, a span a line.
func renderJSON(sites []site) ([]Artifact, error) {
	var b bytes.Buffer
	doc := struct {
		Version      int        `json:"version"`
		Repositories []jsonSite `json:"repositories"`
	}{jsonVersion, []jsonSite{}}
	for i := range sites {
		s := &sites[i]
		row := jsonSite{Repository: s.table.Repository, Base: s.base, Answer: s.table.Answer, Log: s.table.Log,
			FinalUntil: s.table.FinalUntil, Channels: s.channels()}
		for _, span := range Spans(s.table) {
			r, err := json.Marshal([]any{span.From, span.To, span.Final})
			if err != nil {
				return nil, err
			}
			row.Spans = append(row.Spans, r)
		}
		doc.Repositories = append(doc.Repositories, row)
	}
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	body := bytes.ReplaceAll(b.Bytes(), []byte(`["`), []byte("\n[\""))
	return []Artifact{{Name: "json/datestone.json", Body: body}}, nil
}
