package edgetest

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
)

// A Function is one, with its two stages.
type Function struct {
	Draft, Live Stage
	busy        int // looks until it is deployed
}

// A Stage is what can be tested, or what is in force.
type Stage struct {
	Code  []byte
	Store string // the ARN of the one it reads
	tag   int    // 0: there is no such stage
}

type associations struct {
	Quantity int
	Items    []string `xml:"Items>KeyValueStoreAssociation>KeyValueStoreARN"`
}

type functionConfig struct {
	Comment                   string
	Runtime                   string
	KeyValueStoreAssociations *associations
}

type functionSummary struct {
	XMLName        xml.Name `xml:"FunctionSummary"`
	Name           string
	Status         string
	FunctionConfig functionConfig
}

func (s *Server) setFunction(name, match string, body []byte) (answer, error) {
	var in struct {
		Name           string
		FunctionCode   string
		FunctionConfig functionConfig
	}
	if err := xml.Unmarshal(body, &in); err != nil {
		return answer{}, err
	}
	code, err := base64.StdEncoding.DecodeString(in.FunctionCode)
	if err != nil {
		return answer{}, err
	}
	f, update := s.Functions[name], name != ""
	switch {
	case len(code) > maxFunction:
		return answer{}, failure{http.StatusRequestEntityTooLarge, "FunctionSizeLimitExceeded", "too large"}
	case name == "" && s.Functions[in.Name] != nil:
		return answer{}, failure{http.StatusConflict, "FunctionAlreadyExists", in.Name}
	case name == "":
		name, f = in.Name, &Function{}
		s.Functions[name] = f
	case f == nil:
		return answer{}, failure{http.StatusNotFound, "NoSuchFunctionExists", name}
	case match != tagOf(f.Draft.tag):
		return answer{}, failure{http.StatusPreconditionFailed, "PreconditionFailed", "the tag is another"}
	}
	f.Draft = Stage{Code: code, tag: f.Draft.tag + 1}
	if a := in.FunctionConfig.KeyValueStoreAssociations; a != nil && len(a.Items) > 0 {
		f.Draft.Store = a.Items[0]
		if s.byARN(f.Draft.Store) == nil {
			return answer{}, failure{http.StatusNotFound, "EntityNotFound", f.Draft.Store}
		}
	}
	return answer{tag: f.Draft.tag, misspelt: update, xml: f.Draft.summary(name, "UNPUBLISHED")}, nil
}

func (s Stage) summary(name, status string) functionSummary {
	sum := functionSummary{Name: name, Status: status, FunctionConfig: functionConfig{Runtime: "cloudfront-js-2.0"}}
	if s.Store != "" {
		sum.FunctionConfig.KeyValueStoreAssociations = &associations{1, []string{s.Store}}
	}
	return sum
}

func (s *Server) publish(name, match string) (answer, error) {
	f := s.Functions[name]
	switch {
	case f == nil:
		return answer{}, failure{http.StatusNotFound, "NoSuchFunctionExists", name}
	case match != tagOf(f.Draft.tag):
		return answer{}, failure{http.StatusPreconditionFailed, "PreconditionFailed", "the tag is another"}
	}
	f.Live, f.busy = f.Draft, 1
	return answer{xml: f.Live.summary(name, "IN_PROGRESS")}, nil
}

func (s *Server) getFunction(name, stage string, describe bool) (answer, error) {
	f := s.Functions[name]
	if f == nil || stage == "LIVE" && f.Live.tag == 0 {
		return answer{}, failure{http.StatusNotFound, "NoSuchFunctionExists", name}
	}
	at, status := f.Draft, "UNPUBLISHED"
	if stage == "LIVE" {
		at, status = f.Live, "DEPLOYED"
		if f.busy > 0 && describe {
			f.busy--
			status = "IN_PROGRESS"
		}
	}
	if describe {
		return answer{tag: at.tag, xml: at.summary(name, status)}, nil
	}
	return answer{tag: at.tag, raw: at.Code}, nil
}
