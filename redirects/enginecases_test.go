package redirects_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
)

// agreesByClock checks an answer that an engine with a clock makes itself, and
// returns what Resolve says where the store answers. The clock may have gone
// on between the question and now.
func agreesByClock(t testing.TB, oracle *redirects.Resolver, target string, status int, h http.Header) (serves string) {
	t.Helper()
	got := redirects.Answer{Status: status, Location: h.Get("Location"), CacheControl: strings.Join(h.Values("Cache-Control"), " | ")}
	var a redirects.Answer
	for _, ago := range []time.Duration{0, time.Second, 3 * time.Second} {
		if a = oracle.Resolve(target, layout.StampOf(time.Now().Add(-ago))); a.Status == 200 || a == got {
			return a.Serves
		}
	}
	t.Errorf("%s: the engine says %+v, want %+v", target, got, a)
	return ""
}

// aStore answers every request, naming the one it got.
func aStore(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("Asked", r.RequestURI)
		switch {
		case strings.HasSuffix(r.RequestURI, "/frozenx"):
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.RequestURI, "/nokey"):
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// checkStored: the store was asked for the key of serves, and its answer came
// through.
func checkStored(t *testing.T, tables []layout.Table, serves, target string, status int, h http.Header) {
	t.Helper()
	if strings.HasSuffix(serves, "/frozenx") {
		if status != 404 {
			t.Errorf("%s: status %d, want 404", target, status)
		}
		return
	}
	if got, want := h.Get("Asked"), "/bucket"+keyOf(serves, tables); got != want || status != 200 {
		t.Errorf("%s: the store was asked for %q (status %d), want %q", target, got, status, want)
	}
	if got := h.Values("Cache-Control"); len(got) != 1 || got[0] != "public, max-age=60" {
		t.Errorf("%s: Cache-Control %q is not the store's", target, got)
	}
}

func momentsAround(now time.Time, base string) (targets []string) {
	for _, d := range []time.Duration{-time.Hour, -time.Minute, -time.Second, 0, 20 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		m := string(layout.StampOf(now.Add(d)))
		targets = append(targets, base+"/"+m+"/x", base+"/"+m, base+"/"+m[:8]+"/x?y")
	}
	return targets
}

// calendarTargets are days and times of the calendar and beside it.
func calendarTargets() (targets []string) {
	for _, year := range []string{"0000", "0001", "0004", "0100", "0400", "1900", "2000", "2023", "2024", "2100", "9999"} {
		for month := range 14 {
			for day := range 33 {
				targets = append(targets, fmt.Sprintf("/r/%s%02d%02d/", year, month, day))
			}
		}
	}
	for hour := range 26 {
		for _, rest := range []string{"0000", "5959", "5960", "6000", "0960", "9900"} {
			targets = append(targets, fmt.Sprintf("/r/20240229T%02d%sZ/", hour, rest))
		}
	}
	return targets
}
