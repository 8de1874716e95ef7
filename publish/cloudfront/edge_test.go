package cloudfront_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"datestone/publish"
	"datestone/publish/cloudfront"
	"datestone/publish/cloudfront/edgetest"
)

// connect returns the edge of a server, and what is read of it.
func connect(t *testing.T, s *edgetest.Server) (*cloudfront.Edge, cloudfront.State) {
	t.Helper()
	e, err := cloudfront.New(t.Context(), cloudfront.Config{Function: "rules", Store: "tables", Poll: time.Millisecond, Client: s})
	if err != nil {
		t.Fatal(err)
	}
	have, err := e.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e, have
}

func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_ENDPOINT_URL", "http://aws.test")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
}

func TestPublishAndUpdate(t *testing.T) {
	credentials(t)
	s := edgetest.New(t)
	e, have := connect(t, s)
	if have.Live != nil || have.Keys != nil || have.Reads() {
		t.Fatalf("there is nothing, and read is %+v", have)
	}
	var many []cloudfront.Pair
	want := map[string]string{}
	for i := range 50 {
		p := cloudfront.Pair{Key: fmt.Sprintf("root:/%d é", i), Value: strings.Repeat("v", 1000)}
		many, want[p.Key] = append(many, p), p.Value
	}
	for _, err := range []error{
		e.Update(t.Context(), &have, many, nil),
		e.Update(t.Context(), &have, []cloudfront.Pair{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, nil),
		e.Publish(t.Context(), &have, []byte("code\x00é"), true),
		e.Update(t.Context(), &have, []cloudfront.Pair{{Key: "b", Value: "3"}}, []string{"a"}),
		e.Publish(t.Context(), &have, []byte("more"), true),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want["b"] = "3"
	_, have = connect(t, s)
	if string(have.Live) != "more" || !have.Reads() || !maps.Equal(have.Keys, want) {
		t.Errorf("read is %q, %t, %d keys", have.Live, have.Reads(), len(have.Keys))
	}
	if err := e.Publish(t.Context(), &have, []byte("alone"), false); err != nil {
		t.Fatal(err)
	}
	if f := s.Functions["rules"].Live; string(f.Code) != "alone" || f.Store != "" {
		t.Errorf("in force is %+v", f)
	}
}

// TestPublishGoesOn wants a draft that nobody published to be published only.
func TestPublishGoesOn(t *testing.T) {
	credentials(t)
	s := edgetest.New(t)
	s.Fail, s.FailAt = edgetest.Refused, 2
	e, have := connect(t, s)
	if err := e.Publish(t.Context(), &have, []byte("code"), false); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Fatalf("refused, and the error is %v", err)
	}
	e, have = connect(t, s)
	if err := e.Publish(t.Context(), &have, []byte("code"), false); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Writes); n != 3 || !bytes.Equal(s.Functions["rules"].Live.Code, []byte("code")) {
		t.Errorf("writes %q, in force %q", s.Writes, s.Functions["rules"].Live.Code)
	}
}

// TestConflicts lets another writer come in between.
func TestConflicts(t *testing.T) {
	credentials(t)
	s := edgetest.New(t)
	e, mine := connect(t, s)
	pair := []cloudfront.Pair{{Key: "k", Value: "v"}}
	if err := e.Update(t.Context(), &mine, pair, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Publish(t.Context(), &mine, []byte("code"), true); err != nil {
		t.Fatal(err)
	}
	_, theirs := connect(t, s)
	if err := e.Update(t.Context(), &theirs, pair, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Publish(t.Context(), &theirs, []byte("theirs"), true); err != nil {
		t.Fatal(err)
	}
	if err := e.Update(t.Context(), &mine, pair, nil); !errors.Is(err, publish.ErrConflict) {
		t.Errorf("keys: got %v, want ErrConflict", err)
	}
	if err := e.Publish(t.Context(), &mine, []byte("mine"), true); !errors.Is(err, publish.ErrConflict) {
		t.Errorf("draft: got %v, want ErrConflict", err)
	}
	if err := e.Publish(t.Context(), &mine, []byte("code"), true); !errors.Is(err, publish.ErrConflict) {
		t.Errorf("publish: got %v, want ErrConflict", err)
	}
	if got := string(s.Functions["rules"].Live.Code); got != "theirs" {
		t.Errorf("in force is %q", got)
	}
}

// TestLimits wants what the service refuses to be an error that says so.
func TestLimits(t *testing.T) {
	credentials(t)
	s := edgetest.New(t)
	e, have := connect(t, s)
	var many []cloudfront.Pair
	for i := range 51 {
		many = append(many, cloudfront.Pair{Key: fmt.Sprint(i), Value: "v"})
	}
	for name, c := range map[string]struct {
		puts []cloudfront.Pair
		want string
	}{
		"too many keys":    {many, "51 keys"},
		"too long a value": {[]cloudfront.Pair{{Key: "k", Value: strings.Repeat("v", 1025)}}, "key k"},
		"too long a key":   {[]cloudfront.Pair{{Key: strings.Repeat("k", 513), Value: "v"}}, "key kkk"},
	} {
		if err := e.Update(t.Context(), &have, c.puts, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if err := e.Publish(t.Context(), &have, make([]byte, 10241), false); err == nil || !strings.Contains(err.Error(), "FunctionSizeLimitExceeded") {
		t.Errorf("too much code: got %v", err)
	}
	if _, err := cloudfront.New(t.Context(), cloudfront.Config{}); err == nil {
		t.Error("no name is no error")
	}
}
