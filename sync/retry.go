package reposync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
)

var errStalled = errors.New("the server fell silent")

// A statusError is an answer that is not what was asked for.
type statusError struct {
	code  int
	after *backoff.RetryAfterError // nil: the server did not say
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("the server answered %d %s", e.code, http.StatusText(e.code))
	switch {
	case e.after != nil:
		text += fmt.Sprintf(", retry after %v", e.after.Duration)
	case e.code == http.StatusUnauthorized || e.code == http.StatusForbidden:
		text += "; are user, password, headers or the URL's query right?"
	}
	return text
}

// Unwrap shows the time to wait to the loop that waits.
func (e *statusError) Unwrap() error {
	if e.after == nil {
		return nil
	}
	return e.after
}

// status closes the answer and returns its error: one to try again after, or
// a permanent one.
func (s *site) status(resp *http.Response) error {
	// A short body is read so that the connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4096)
	resp.Body.Close()
	e := &statusError{code: resp.StatusCode}
	switch {
	case e.code >= 500, e.code == http.StatusTooManyRequests, e.code == http.StatusRequestTimeout:
		e.after = retryAfter(resp.Header.Get("Retry-After"), s.Now())
		return e
	}
	return backoff.Permanent(e)
}

// retryAfter reads seconds or a date.
func retryAfter(value string, now time.Time) *backoff.RetryAfterError {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return &backoff.RetryAfterError{Duration: time.Duration(seconds) * time.Second}
	}
	if date, err := http.ParseTime(value); err == nil {
		return &backoff.RetryAfterError{Duration: max(0, date.Sub(now)).Round(time.Second)}
	}
	return nil
}

// retry calls do until it succeeds, ends with a permanent error, or was called
// often or long enough. It returns an error that names u, without secrets, or
// the cause of ctx.
func (s *site) retry(ctx context.Context, u *url.URL, do func() error) error {
	first := do()
	if first == nil { // as nearly always, and then nothing else is worth setting up
		return nil
	}
	tries := 0
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		if tries++; tries == 1 {
			return struct{}{}, first
		}
		return struct{}{}, do()
	}, backoff.WithBackOff(s.waits()), backoff.WithMaxTries(uint(s.Tries)), backoff.WithMaxElapsedTime(s.Patience),
		backoff.WithNotify(func(err error, wait time.Duration) {
			s.Log.DebugContext(ctx, "asking again", "url", shown(u), "error", s.scrub.err(plain(err)), "wait", wait)
		}))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, ErrNotModified):
		return ErrNotModified
	case tries > 1:
		err = fmt.Errorf("get %s, %d times: %w", shown(u), tries, plain(err))
	default:
		err = fmt.Errorf("get %s: %w", shown(u), plain(err))
	}
	return s.scrub.err(err)
}

func (s *site) waits() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{InitialInterval: s.FirstWait, MaxInterval: s.LongestWait,
		RandomizationFactor: backoff.DefaultRandomizationFactor, Multiplier: 2}
}

// plain takes the wrappers away that say nothing, or show the whole URL.
func plain(err error) error {
	if p, ok := err.(*backoff.PermanentError); ok {
		err = p.Err
	}
	if u, ok := err.(*url.Error); ok {
		err = u.Err
	}
	return err
}

// try makes one attempt. The body it returns ends when the server falls
// silent, and must be closed.
func (s *site) try(ctx context.Context, u *url.URL, h http.Header) (*http.Response, error) {
	return s.ask(ctx, http.MethodGet, u, h)
}

func (s *site) ask(ctx context.Context, method string, u *url.URL, h http.Header) (*http.Response, error) {
	if err := s.rate.wait(ctx, u.Host); err != nil {
		return nil, backoff.Permanent(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	req := (&http.Request{Method: method, URL: u, Host: u.Host, Header: h}).WithContext(ctx)
	resp, err := s.http.Do(req)
	if err != nil {
		cancel(nil)
		if err = plain(err); hopeless(err) {
			return nil, backoff.Permanent(err)
		}
		return nil, err
	}
	s.heed(u.Host, resp)
	resp.Body = &watched{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, stall: s.Stall}
	return resp, nil
}

// heed leaves a host alone for as long as it says, where requests are spaced at
// all: the one that was refused comes again when its own wait is over.
func (s *site) heed(host string, resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	if after := retryAfter(resp.Header.Get("Retry-After"), s.Now()); after != nil {
		s.rate.hold(host, time.Now(), min(after.Duration, s.Patience))
	}
}

// hopeless reports whether an attempt failed in a way that another will too.
func hopeless(err error) bool {
	var (
		refused     *redirectError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       *net.OpError // as crypto/tls gives what the other side says
		dns         *net.DNSError
	)
	return errors.As(err, &refused) || errors.As(err, &certificate) || errors.As(err, &record) ||
		errors.As(err, &alert) && alert.Op == "remote error" || errors.As(err, &dns) && dns.IsNotFound
}

// watched is a body that ends with errStalled when nothing comes. The watch
// runs only while somebody reads: a slow reader is not a silent server.
type watched struct {
	io.ReadCloser
	ctx    context.Context // of the request, which ends with the body
	cancel context.CancelCauseFunc
	stall  time.Duration
	timer  *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	if w.timer == nil {
		w.timer = time.AfterFunc(w.stall, func() { w.cancel(errStalled) })
	} else {
		w.timer.Reset(w.stall)
	}
	n, err := w.ReadCloser.Read(p)
	w.timer.Stop()
	if err != nil && err != io.EOF && context.Cause(w.ctx) == errStalled {
		err = fmt.Errorf("%w for %v", errStalled, w.stall)
	}
	return n, err
}

func (w *watched) Close() error {
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}
