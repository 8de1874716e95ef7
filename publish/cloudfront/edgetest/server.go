// Package edgetest is a small CloudFront for tests: Functions and
// KeyValueStores, by the protocols of their services, with the limits and
// conditions that those documents name. It checks no signatures.
package edgetest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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

// A Store is a KeyValueStore.
type Store struct {
	ARN  string
	Keys map[string]string
	tag  int
	busy int // looks until it is ready
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

type keyValueStore struct {
	XMLName xml.Name `xml:"KeyValueStore"`
	Name    string
	Id      string
	Comment string
	ARN     string
	Status  string
}

func (s *Server) createStore(body []byte) (answer, error) {
	var in struct{ Name string }
	if err := xml.Unmarshal(body, &in); err != nil {
		return answer{}, err
	}
	if s.Stores[in.Name] != nil {
		return answer{}, failure{http.StatusConflict, "EntityAlreadyExists", in.Name}
	}
	s.Stores[in.Name] = &Store{ARN: "arn:aws:cloudfront::123456789012:key-value-store/" + in.Name + "-id", Keys: map[string]string{}, tag: 1, busy: 1}
	a, err := s.describeStore(in.Name)
	a.status = http.StatusCreated
	return a, err
}

func (s *Server) describeStore(name string) (answer, error) {
	store := s.Stores[name]
	if store == nil {
		return answer{}, failure{http.StatusNotFound, "EntityNotFound", name}
	}
	about := keyValueStore{Name: name, ARN: store.ARN, Status: "READY"}
	if store.busy > 0 {
		store.busy--
		about.Status = "PROVISIONING"
	}
	return answer{tag: 1000 + store.tag, xml: about}, nil // another tag than that of the keys, as documented
}

func (s *Server) byARN(arn string) *Store {
	for _, store := range s.Stores {
		if store.ARN == arn {
			return store
		}
	}
	return nil
}

// data is the service of the keys.
func (s *Server) data(r *http.Request, path []string, body []byte) (answer, error) {
	store := s.byARN(path[1])
	switch {
	case store == nil || store.busy > 0:
		return answer{}, failure{http.StatusNotFound, "ResourceNotFoundException", path[1]}
	case len(path) == 2 && r.Method == http.MethodGet:
		return answer{tag: store.tag, json: map[string]any{"KvsARN": store.ARN, "ItemCount": len(store.Keys), "TotalSizeInBytes": store.size(), "Created": 0, "Status": "READY"}}, nil
	case len(path) == 3 && r.Method == http.MethodGet:
		return store.list(r.URL.Query().Get("NextToken"))
	case len(path) == 3 && r.Method == http.MethodPost:
		return store.update(r.Header.Get("If-Match"), body)
	}
	return answer{}, failure{http.StatusNotFound, "ResourceNotFoundException", r.URL.Path}
}

func (s *Store) size() (n int) {
	for k, v := range s.Keys {
		n += len(k) + len(v)
	}
	return n
}

type item struct{ Key, Value string }

func (s *Store) list(after string) (answer, error) {
	var keys []string
	for k := range s.Keys {
		if k > after {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	out := struct {
		Items     []item
		NextToken string `json:",omitempty"`
	}{}
	for _, k := range keys[:min(len(keys), pageSize)] {
		out.Items = append(out.Items, item{k, s.Keys[k]})
	}
	if len(keys) > pageSize {
		out.NextToken = keys[pageSize-1]
	}
	return answer{json: out}, nil
}

func (s *Store) update(match string, body []byte) (answer, error) {
	var in struct{ Puts, Deletes []item }
	if err := json.Unmarshal(body, &in); err != nil {
		return answer{}, err
	}
	if match != tagOf(s.tag) {
		return answer{}, failure{http.StatusConflict, "ConflictException", "the tag is another"}
	}
	if n := len(in.Puts) + len(in.Deletes); n == 0 || n > maxKeys || len(body) > maxCall {
		return answer{}, failure{http.StatusBadRequest, "ValidationException", fmt.Sprintf("%d keys, %d bytes", n, len(body))}
	}
	size, seen := s.size(), map[string]bool{}
	for _, i := range append(slices.Clone(in.Puts), in.Deletes...) {
		if i.Key == "" || len(i.Key) > maxKey || len(i.Value) > maxValue || seen[i.Key] {
			return answer{}, failure{http.StatusBadRequest, "ValidationException", "key " + i.Key}
		}
		seen[i.Key] = true
		size += len(i.Key) + len(i.Value)
	}
	if size > maxStore {
		return answer{}, failure{http.StatusPaymentRequired, "ServiceQuotaExceededException", "too large"}
	}
	for _, i := range in.Deletes {
		if _, ok := s.Keys[i.Key]; !ok {
			return answer{}, failure{http.StatusNotFound, "ResourceNotFoundException", i.Key}
		}
		delete(s.Keys, i.Key)
	}
	for _, i := range in.Puts {
		s.Keys[i.Key] = i.Value
	}
	s.tag++
	return answer{tag: s.tag, json: map[string]any{"ItemCount": len(s.Keys), "TotalSizeInBytes": s.size()}}, nil
}
