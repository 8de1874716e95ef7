package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// forwardTo returns what hands requests on to a server as they are: their host
// and path are signed.
func forwardTo(t testing.TB, endpoint string) *httputil.ReverseProxy {
	t.Helper()
	to, err := url.Parse(endpoint)
	must(t, err)
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
}

// listenBefore starts a proxy before the endpoint, in which handle does with
// a request what it likes.
func listenBefore(t testing.TB, endpoint string, handle func(w http.ResponseWriter, r *http.Request, to http.Handler)) *httptest.Server {
	t.Helper()
	to := forwardTo(t, endpoint)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, to) }))
	t.Cleanup(proxy.Close)
	return proxy
}

// noReply lets a server do what is asked for, and loses its reply.
func noReply(r *http.Request, to http.Handler) {
	to.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}
