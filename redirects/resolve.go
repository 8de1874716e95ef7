package redirects

import "datestone/layout"

// An Answer is what an edge says to a request.
type Answer struct {
	Status int // 200, 301, 302 or 404
	// Location is where a redirect leads: an absolute path, with the rest and
	// the query of the request byte for byte.
	Location string
	// Serves is, for 200, the path handed to the store, which may answer 404.
	Serves string
	// CacheControl is the header of an answer that the edge makes itself.
	CacheControl string
}

// An Artifact is a file of rules to write, Name being relative to the
// directory for rules.
type Artifact struct {
	Name string
	Body []byte
}

// Resolve answers a request for target, the request's path and query as sent
// (the part of the request line after the host), at now by the edge's clock;
// a now of none is an edge without clock. A target below no table's base path
// is handed to the store.
func Resolve(tables []layout.Table, target string, now layout.Stamp) Answer { panic("to be written") }
