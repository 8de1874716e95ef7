package layout

import (
	"encoding/xml"
	"strings"
)

// A Website is the configuration of a bucket that S3 serves as a web site, in
// S3's own words, so that it is written as XML (the API) and its rules as JSON
// (the console) as they are.
type Website struct {
	XMLName       xml.Name      `xml:"http://s3.amazonaws.com/doc/2006-03-01/ WebsiteConfiguration" json:"-"`
	IndexDocument string        `xml:"IndexDocument>Suffix"`
	RoutingRules  []RoutingRule `xml:"RoutingRules>RoutingRule,omitempty"`
	// Others names what a configuration has that datestone never writes.
	Others []string `xml:"-" json:"-"`
}

// Digest returns the SHA-256 of the configuration as XML, and of what it has
// that datestone never writes.
func (w Website) Digest() Digest {
	body, err := xml.Marshal(w)
	if err != nil { // which text alone never is
		return Digest{}
	}
	return DigestOf(append(body, strings.Join(w.Others, " ")...))
}

// A RoutingRule is one of the rules of a Website; of those whose condition
// holds the first one acts.
type RoutingRule struct {
	Condition RoutingCondition
	Redirect  RoutingRedirect
}

// A RoutingCondition holds when all of it does. Without an error code it is
// asked before the object is looked for, else when that ended in the error.
type RoutingCondition struct {
	HTTPErrorCode string `xml:"HttpErrorCodeReturnedEquals,omitempty" json:"HttpErrorCodeReturnedEquals,omitempty"`
	KeyPrefix     string `xml:"KeyPrefixEquals,omitempty" json:"KeyPrefixEquals,omitempty"`
}

// A RoutingRedirect is the answer of a rule. What it leaves out is as in the
// request: host, protocol, key. A key prefix and a key exclude each other.
type RoutingRedirect struct {
	HostName         string `xml:",omitempty" json:",omitempty"`
	HTTPRedirectCode string `xml:"HttpRedirectCode,omitempty" json:"HttpRedirectCode,omitempty"`
	Protocol         string `xml:",omitempty" json:",omitempty"`
	ReplaceKeyPrefix string `xml:"ReplaceKeyPrefixWith,omitempty" json:"ReplaceKeyPrefixWith,omitempty"`
	ReplaceKey       string `xml:"ReplaceKeyWith,omitempty" json:"ReplaceKeyWith,omitempty"`
}

// A Redirection is an object without content whose answer, where S3 serves the
// bucket as a web site, is a 301 to Location: an absolute path, or a URL.
type Redirection struct {
	Key      string `json:"key"`
	Location string `json:"location"`
}
