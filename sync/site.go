package reposync

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"datestone/layout"
)

// A site is a remote that answers HTTP.
type site struct {
	location
	*Client
	http   *http.Client
	header http.Header // of every request; shared, never changed
	scrub  scrubber
}

func (c *Client) openSite(r Remote, l location) (*site, error) {
	t, err := c.transport(r)
	if err != nil {
		return nil, err
	}
	h := http.Header{"User-Agent": {c.UserAgent}}
	for name, value := range r.Headers {
		h.Set(name, value)
	}
	// Sizes and digests are those of the bytes themselves.
	h.Set("Accept-Encoding", "identity")
	user, password := r.Username, r.Password
	if l.user != nil {
		user = l.user.Username()
		password, _ = l.user.Password()
	}
	if user != "" || password != "" {
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	return &site{location: l, Client: c, header: h, scrub: newScrubber(r, l),
		http: &http.Client{Transport: t, CheckRedirect: c.checkRedirect}}, nil
}

// Close leaves the connections to the next who asks.
func (s *site) Close() error { return nil }

func (s *site) get(ctx context.Context, path string, known layout.Validators, limit int64) (body []byte, v layout.Validators, err error) {
	h := s.header.Clone()
	if known.ETag != "" {
		h.Set("If-None-Match", known.ETag)
	}
	// The configuration has of the query only the names (see ConfigDigest), and
	// a date alone may be older than what another value leads to.
	if known.LastModified != "" && (known.ETag != "" || s.url.RawQuery == "") {
		h.Set("If-Modified-Since", known.LastModified)
	}
	u := s.file(path)
	err = s.retry(ctx, u, func() error {
		resp, err := s.try(ctx, u, h)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		v = validators(resp.Header)
		body, err = s.whole(resp, limit)
		return err
	})
	return body, v, err
}

// stat asks with HEAD, and where a server does not know that, with a GET whose
// body it leaves.
func (s *site) stat(ctx context.Context, path string) (size int64, err error) {
	u, method := s.file(path), http.MethodHead
	err = s.retry(ctx, u, func() error {
		resp, err := s.ask(ctx, method, u, s.header)
		if err == nil && (resp.StatusCode == http.StatusMethodNotAllowed || resp.StatusCode == http.StatusNotImplemented) {
			resp.Body.Close()
			method = http.MethodGet
			resp, err = s.ask(ctx, method, u, s.header)
		}
		if err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return s.status(resp)
		}
		size = resp.ContentLength
		return resp.Body.Close()
	})
	return size, err
}

// whole reads an answer to get. What is said of encodings at wrongLength holds
// here where the limit is the size that metadata declares.
func (s *site) whole(resp *http.Response, limit int64) ([]byte, error) {
	encoding := resp.Header.Get("Content-Encoding")
	switch {
	case resp.StatusCode == http.StatusNotModified && resp.Request.Header.Get("If-None-Match")+resp.Request.Header.Get("If-Modified-Since") != "":
		return nil, backoff.Permanent(ErrNotModified)
	case resp.StatusCode != http.StatusOK:
		return nil, s.status(resp)
	case encoding != "" && encoding != "identity" && resp.ContentLength != limit:
		return nil, backoff.Permanent(encodingError(encoding))
	}
	body, err := readAll(resp.Body, resp.ContentLength, limit)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the answer was cut short: %w", err)
	case errors.Is(err, errTooLong):
		return nil, backoff.Permanent(err)
	}
	return body, err
}

// validators returns what the answer gives to ask again with. A time that is
// younger than two seconds is none, nor is an entity tag beside it, which
// servers make of size and time: the file may change within its second.
func validators(h http.Header) layout.Validators {
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, dateErr := http.ParseTime(h.Get("Date"))
	switch {
	case err != nil:
		return layout.Validators{ETag: h.Get("ETag")}
	case dateErr != nil || date.Sub(modified) < 2*time.Second:
		return layout.Validators{}
	}
	return layout.Validators{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified")}
}

func (s *site) open(ctx context.Context, f layout.File) (*content, error) {
	u := s.file(f.Path)
	var resp *http.Response
	err := s.retry(ctx, u, func() (err error) {
		if resp, err = s.try(ctx, u, s.header); err == nil && resp.StatusCode != http.StatusOK {
			err = s.status(resp)
		}
		return err
	})
	if err != nil {
		return nil, moved(err)
	}
	if err := wrongLength(resp, f); err != nil {
		resp.Body.Close()
		return nil, err
	}
	d := &download{site: s, url: u, etag: resp.Header.Get("ETag")}
	return &content{ctx: ctx, file: f, body: resp.Body, resume: d.resume}, nil
}

// wrongLength judges an answer by its head. Web servers that name the encoding
// of a .gz file send the file itself, at its length; all else that is encoded
// was compressed against what was asked for, and reading the manifest again
// would not help.
func wrongLength(resp *http.Response, f layout.File) error {
	switch e := resp.Header.Get("Content-Encoding"); {
	case resp.ContentLength == f.Size:
		return nil
	case e != "" && e != "identity":
		return fmt.Errorf("get %s: %w", shown(resp.Request.URL), encodingError(e))
	case resp.ContentLength >= 0:
		return &DigestError{Path: f.Path, Want: f.SHA256, WantSize: f.Size, GotSize: resp.ContentLength}
	}
	return nil
}

func encodingError(encoding string) error {
	return fmt.Errorf("the answer has the Content-Encoding %q, which was not asked for", encoding)
}

// moved makes a file that is no more an ErrMoved.
func moved(err error) error {
	if isMissing(err) {
		return fmt.Errorf("%w: %w", err, ErrMoved)
	}
	return err
}

// A download goes on after its connection broke.
type download struct {
	*site
	url    *url.URL
	etag   string
	breaks int   // since mark
	mark   int64 // how far it had come
	wait   *backoff.ExponentialBackOff
}

// progress is how much must have come for a broken connection to count anew.
const progress = 1 << 20

func (d *download) resume(c *content, broken error) (io.ReadCloser, error) {
	if c.got-d.mark >= progress {
		d.breaks, d.mark, d.wait = 0, c.got, nil
	}
	if d.breaks++; d.breaks >= d.Tries {
		return nil, d.scrub.err(fmt.Errorf("get %s: broke off %d times, at last after %d of %d bytes: %w",
			shown(d.url), d.breaks, c.got, c.file.Size, plain(broken)))
	}
	if err := d.pause(c.ctx); err != nil {
		return nil, err
	}
	h := d.header
	if c.got > 0 {
		h = h.Clone()
		h.Set("Range", fmt.Sprintf("bytes=%d-", c.got))
		if strings.HasPrefix(d.etag, `"`) {
			h.Set("If-Range", d.etag)
		}
	}
	var body io.ReadCloser
	err := d.retry(c.ctx, d.url, func() error {
		resp, err := d.try(c.ctx, d.url, h)
		if err == nil {
			body, err = d.rest(resp, c)
		}
		return err
	})
	return body, moved(err)
}

// pause waits before all but the first repetition.
func (d *download) pause(ctx context.Context) error {
	if d.wait == nil {
		d.wait = d.waits()
		return nil
	}
	t := time.NewTimer(d.wait.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rest returns the body of an answer from c.got on. A server that sends the
// whole again is read from its beginning; the digest, which covers what came
// before as well, shows whether it is the same.
func (d *download) rest(resp *http.Response, c *content) (io.ReadCloser, error) {
	switch resp.StatusCode {
	case http.StatusPartialContent:
		want := fmt.Sprintf("bytes %d-%d/%d", c.got, c.file.Size-1, c.file.Size)
		if got := resp.Header.Get("Content-Range"); got != want {
			resp.Body.Close()
			return nil, backoff.Permanent(fmt.Errorf("asked for %q, the server answered %q: %w", want, got, ErrMoved))
		}
		return resp.Body, nil
	case http.StatusOK:
		return d.skip(resp, c)
	case http.StatusRequestedRangeNotSatisfiable:
		resp.Body.Close()
		return nil, backoff.Permanent(&DigestError{Path: c.file.Path, Want: c.file.SHA256, WantSize: c.file.Size, GotSize: c.got})
	}
	return nil, d.status(resp)
}

func (d *download) skip(resp *http.Response, c *content) (io.ReadCloser, error) {
	err := wrongLength(resp, c.file)
	if err == nil {
		var n int64
		n, err = io.CopyN(io.Discard, resp.Body, c.got)
		switch {
		case err == nil:
			return resp.Body, nil
		case err != io.EOF:
			resp.Body.Close()
			return nil, fmt.Errorf("the answer was cut short: %w", err)
		}
		err = &DigestError{Path: c.file.Path, Want: c.file.SHA256, WantSize: c.file.Size, GotSize: n}
	}
	resp.Body.Close()
	return nil, backoff.Permanent(err)
}
