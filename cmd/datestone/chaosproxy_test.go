//go:build unix

package main

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"testing"
	"time"
)

// A chaosProxy stands before a server, and makes trouble.
type chaosProxy struct {
	*httptest.Server
	to *httputil.ReverseProxy

	mu   sync.Mutex
	rng  *rand.Rand
	mode chaosMode
}

// A chaosMode is how many of a hundred requests fare how.
type chaosMode struct {
	name                   string
	refused, dropped, lost int // 503; never reach the server; are done, and the reply is lost
	latency                time.Duration
}

var chaosModes = []chaosMode{
	{name: "well"},
	{name: "well"},
	{name: "slow", latency: 30 * time.Millisecond},
	{name: "answering 503 often", refused: 20},
	{name: "answering 503 always", refused: 100},
	{name: "losing connections", dropped: 10, latency: 5 * time.Millisecond},
	{name: "losing replies", lost: 15, latency: 5 * time.Millisecond},
}

func newChaosProxy(t *testing.T, endpoint string) *chaosProxy {
	t.Helper()
	p := &chaosProxy{to: forwardTo(t, endpoint), mode: chaosModes[0]}
	p.to.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *chaosProxy) setRng(rng *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rng, p.mode = rng, chaosModes[0]
}

// trouble changes how the server fares now and then, and leaves it well.
func (p *chaosProxy) trouble(until time.Time, said *chaosLog) {
	for time.Now().Before(until) {
		p.mu.Lock()
		p.mode = oneOfThem(p.rng, chaosModes)
		pause := between(p.rng, 100*time.Millisecond, 900*time.Millisecond)
		said.add("the server is %s", p.mode.name)
		p.mu.Unlock()
		time.Sleep(pause)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = chaosModes[0]
}

func (p *chaosProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	m, fate := p.mode, p.rng.IntN(100)
	wait := between(p.rng, 0, m.latency)
	p.mu.Unlock()
	time.Sleep(wait)
	switch {
	case fate < m.refused:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, "<Error><Code>SlowDown</Code><Message>trouble</Message></Error>")
	case fate < m.refused+m.dropped:
		panic(http.ErrAbortHandler)
	case fate < m.refused+m.dropped+m.lost:
		noReply(r, p.to)
	default:
		p.to.ServeHTTP(w, r)
	}
}
