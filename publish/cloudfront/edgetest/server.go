// Package edgetest is a small CloudFront for tests: Functions and
// KeyValueStores, by the protocols of their services, with the limits and
// conditions that those documents name. It checks no signatures.
package edgetest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The limits of the services.
const (
	maxFunction = 10240
	maxKeys     = 50
	maxCall     = 3_000_000
	maxKey      = 512
	maxValue    = 1000
	maxStore    = 5_000_000
	pageSize    = 50
)

// A Fault is how a write fails.
type Fault int

const (
	// None lets all writes through.
	None Fault = iota
	// Refused does nothing and says so.
	Refused
	// Lost does what was asked and says that it failed.
	Lost
)

// A Server is a CloudFront. Its fields may be looked at while no request runs.
type Server struct {
	*httptest.Server
	Functions map[string]*Function
	Stores    map[string]*Store

	// Fail is how the write number FailAt fails, the first being 1.
	Fail   Fault
	FailAt int
	Writes []string // the calls that wrote
	// Written is called after each of them.
	Written func()

	mu sync.Mutex
}

// New starts a server, which ends with the test.
func New(t testing.TB) *Server {
	s := Unstarted()
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Unstarted returns a server that answers requests handed to it.
func Unstarted() *Server {
	return &Server{Functions: map[string]*Function{}, Stores: map[string]*Store{}, Written: func() {}}
}

// Do sends a request to the server, whatever host it names.
func (s *Server) Do(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host = to.Scheme, to.Host
	return s.Client().Do(r)
}

// A failure is an answer that is an error.
type failure struct {
	status        int
	code, message string
}

func (f failure) Error() string { return f.code + ": " + f.message }

// An answer is one that is none.
type answer struct {
	status int
	tag    int
	raw    []byte
	xml    any
	json   any

	misspelt bool // the header of the tag
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCall+1<<20))
	if err != nil {
		panic(err)
	}
	path := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i := range path {
		path[i], _ = url.PathUnescape(path[i])
	}
	data := path[0] == "key-value-stores"
	fault := s.fault(r, path)
	if fault == Refused {
		write(w, data, answer{}, failure{http.StatusForbidden, "AccessDenied", "refused"})
		return
	}
	a, err := s.route(r, path, body)
	if err == nil && r.Method != http.MethodGet {
		s.Written()
	}
	if fault == Lost && err == nil {
		err = failure{http.StatusForbidden, "AccessDenied", "lost"}
	}
	write(w, data, a, err)
}

// fault takes a write down and says how it fails.
func (s *Server) fault(r *http.Request, path []string) Fault {
	if r.Method == http.MethodGet {
		return None
	}
	s.Writes = append(s.Writes, r.Method+" "+strings.Join(path, "/"))
	if s.Fail != None && len(s.Writes) == s.FailAt {
		return s.Fail
	}
	return None
}

func write(w http.ResponseWriter, data bool, a answer, err error) {
	if err != nil {
		f, ok := err.(failure)
		if !ok {
			f = failure{http.StatusBadRequest, "ValidationException", err.Error()}
		}
		w.Header().Set("X-Amzn-ErrorType", f.code)
		w.WriteHeader(f.status)
		if data {
			json.NewEncoder(w).Encode(map[string]string{"Message": f.message})
		} else {
			fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", f.code, f.message)
		}
		return
	}
	switch {
	case a.misspelt: // as the service does, here alone
		w.Header().Set("ETtag", tagOf(a.tag))
	case a.tag != 0:
		w.Header().Set("ETag", tagOf(a.tag))
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	switch {
	case a.xml != nil:
		xml.NewEncoder(w).Encode(a.xml)
	case a.json != nil:
		json.NewEncoder(w).Encode(a.json)
	default:
		w.Write(a.raw)
	}
}

func tagOf(n int) string { return "E" + strconv.Itoa(n) }

func (s *Server) route(r *http.Request, path []string, body []byte) (answer, error) {
	const version = "2020-05-31"
	last := path[len(path)-1]
	switch {
	case path[0] == "key-value-stores":
		return s.data(r, path, body)
	case path[0] != version || len(path) < 2:
	case path[1] == "key-value-store" && r.Method == http.MethodPost:
		return s.createStore(body)
	case path[1] == "key-value-store" && r.Method == http.MethodGet:
		return s.describeStore(path[2])
	case path[1] == "function" && r.Method == http.MethodPost && last == "publish":
		return s.publish(path[2], r.Header.Get("If-Match"))
	case path[1] == "function" && r.Method == http.MethodPost:
		return s.setFunction("", "", body)
	case path[1] == "function" && r.Method == http.MethodPut:
		return s.setFunction(path[2], r.Header.Get("If-Match"), body)
	case path[1] == "function" && r.Method == http.MethodGet:
		return s.getFunction(path[2], r.URL.Query().Get("Stage"), last == "describe")
	}
	return answer{}, failure{http.StatusNotFound, "UnknownOperation", r.Method + " " + r.URL.Path}
}
