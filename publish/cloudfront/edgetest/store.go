package edgetest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
)

// A Store is a KeyValueStore.
type Store struct {
	ARN  string
	Keys map[string]string
	tag  int
	busy int // looks until it is ready
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
