package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"datestone/layout"
	"datestone/redirects"
)

// The limits of check: a site may be hostile, or broken.
const (
	askTimeout      = 30 * time.Second
	patience        = 10        // times as long for tables and lists
	maxAnswer       = 2 << 20   // more of a body is not read
	maxAnswerHeader = 256 << 10 // more header is an error
	maxLiveTable    = 256 << 20
	maxLiveRecord   = 1 << 20
	maxFilesSeen    = 100_000 // files looked at, for some to ask for
	maxSilent       = 3       // rows without any answer, one after the other, before check gives up
)

// An asker asks a live site.
type asker struct {
	origin  string // scheme and host
	client  *http.Client
	timeout time.Duration
	silent  int // rows without answer up to now
}

func newAsker(origin string) *asker {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // a Content-Encoding has to show
	t.MaxResponseHeaderBytes = maxAnswerHeader
	return &asker{origin: origin, timeout: askTimeout, client: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends one request, its target byte for byte, and reads of the body at
// most limit bytes; more reports that there is more. An error with an answer
// is one of its body.
func (a *asker) do(ctx context.Context, method, target string, header map[string]string, limit int64) (res *http.Response, body []byte, more bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, a.origin, nil)
	if err != nil {
		return nil, nil, false, err
	}
	path, query, asked := strings.Cut(target, "?")
	req.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Opaque: path, RawQuery: query, ForceQuery: asked}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Header.Set("User-Agent", "datestone-check")
	if res, err = a.client.Do(req); err != nil {
		return nil, nil, false, plainURLError(err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if int64(len(body)) > limit {
		return res, body[:limit], true, nil
	}
	return res, body, false, err
}

// plainURLError leaves out what the caller says himself.
func plainURLError(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// fetch reads an object of the site.
func (a *asker) fetch(ctx context.Context, target string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience*a.timeout)
	defer cancel()
	res, body, more, err := a.do(ctx, http.MethodGet, target, nil, limit)
	switch {
	case err != nil:
	case res.StatusCode != http.StatusOK:
		err = fmt.Errorf("the answer is %s", res.Status)
	case more:
		err = fmt.Errorf("is larger than %d bytes", limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", a.origin+target, err)
	}
	return body, nil
}

// table reads the table of the repository at base.
func (a *asker) table(ctx context.Context, base string) (layout.Table, error) {
	target := base + "/checkpoints.json"
	body, err := a.fetch(ctx, target, maxLiveTable)
	if err != nil {
		return layout.Table{}, err
	}
	t, err := layout.DecodeTable(body)
	if err != nil {
		return t, fmt.Errorf("read %q: %w", a.origin+target, err)
	}
	if public := t.PublicPath + t.BasePath; public != base {
		return t, fmt.Errorf("the table at %q is that of %s: ask the public URL, that path being its end", a.origin+target, public)
	}
	return t, nil
}

// samples finds files to ask for in the list of the newest checkpoint that has
// some. That the list can be read is a row of its own.
func (a *asker) samples(ctx context.Context, s *redirects.Subject) result {
	r := result{Row: "file list", Verdict: "skip", Note: "no checkpoint has files"}
	c, ok := redirects.NewestWithFiles(s.Table)
	if !ok {
		return r
	}
	s.At = c.ID
	target, err := a.list(ctx, s, c)
	if err == nil {
		return result{Row: r.Row, Verdict: "ok"}
	}
	return result{Row: r.Row, Verdict: "fail", Asked: "GET " + target, Got: err.Error(), Want: "the list of checkpoint " + string(c.ID)}
}

// list reads the record and the list of c, and returns what was asked last.
func (a *asker) list(ctx context.Context, s *redirects.Subject, c layout.Checkpoint) (target string, err error) {
	target = s.Table.PublicPath + layout.RecordKey(s.Table.BasePath, c.Record)
	body, err := a.fetch(ctx, target, maxLiveRecord)
	if err != nil {
		return target, err
	}
	record, err := layout.DecodeRecord(body)
	if err != nil {
		return target, err
	}
	if layout.DigestOf(body) != c.SHA256 || record.List == nil {
		return target, fmt.Errorf("another record than the table names")
	}
	target = s.Table.PublicPath + layout.FileListKey(s.Table.BasePath, record.List.SHA256)
	if body, err = a.fetch(ctx, target, maxLiveTable); err != nil {
		return target, err
	}
	plain, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return target, err
	}
	defer plain.Close()
	seen := 0
	for f, err := range layout.ReadFileList(plain) {
		if err != nil {
			return target, err
		}
		if seen++; !s.Take(f) || seen == maxFilesSeen {
			break
		}
	}
	return target, nil
}

// row asks the questions of a row, up to the first wrong answer. A site that
// answers nothing any more is an error.
func (a *asker) row(ctx context.Context, row redirects.Row) (result, error) {
	r := result{Row: row.Name, Verdict: "ok"}
	if row.Skip != "" {
		r.Verdict, r.Note = "skip", row.Skip
		return r, nil
	}
	var before redirects.Observed
	for _, q := range row.Questions {
		q, problem := q.After(before, a.origin)
		r.Asked = q.Method + " " + q.Target
		if problem != "" {
			r.Verdict, r.Got, r.Want = "fail", problem, "an answer to ask on from"
			return r, nil
		}
		got, err := a.observe(ctx, q)
		if err != nil {
			return a.noAnswer(ctx, r, q, err)
		}
		a.silent = 0
		v := q.Judge(got, before, a.origin)
		if !v.OK {
			r.Verdict, r.Got, r.Want = "fail", v.Got, v.Want
			return r, nil
		}
		r.Note = max(r.Note, v.Note)
		before = got
	}
	r.Asked = ""
	return r, nil
}

func (a *asker) noAnswer(ctx context.Context, r result, q redirects.Question, err error) (result, error) {
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if a.silent++; a.silent == maxSilent {
		return r, fmt.Errorf("%s does not answer any more: %w", a.origin, err)
	}
	r.Verdict, r.Got, r.Want = "fail", "no answer: "+err.Error(), "an answer"
	if len(q.Wants) > 0 {
		r.Want = q.Wants[0].String()
	}
	return r, nil
}

func (a *asker) observe(ctx context.Context, q redirects.Question) (redirects.Observed, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	res, body, more, err := a.do(ctx, q.Method, q.Target, q.Header, maxAnswer)
	if res == nil {
		return redirects.Observed{}, err
	}
	got := redirects.Observed{Status: res.StatusCode, Header: map[string]string{}}
	for name, values := range res.Header {
		got.Header[name] = strings.Join(values, ", ")
	}
	if !more && err == nil {
		got.Body = sha256.Sum256(body)
	}
	return got, nil
}
