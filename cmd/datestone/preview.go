package main

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"datestone/layout"
	"datestone/redirects"
)

// A preview answers requests as an edge in front of the bucket does.
type preview struct {
	reader *reader
	env    *env
	tables *tableCache
}

func newPreview(r *reader, e *env) *preview {
	return &preview{reader: r, env: e, tables: &tableCache{reader: r, now: e.Now}}
}

func (p *preview) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this site can only be read", http.StatusMethodNotAllowed)
		return
	}
	target := r.RequestURI // what was sent, byte for byte
	if !strings.HasPrefix(target, "/") {
		http.Error(w, "a request names a path", http.StatusBadRequest)
		return
	}
	known, err := p.tables.get(r.Context())
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.answer(w, r, known, known.resolver.Resolve(target, layout.StampOf(p.env.Now())))
}

func (p *preview) answer(w http.ResponseWriter, r *http.Request, known *knownTables, a redirects.Answer) {
	p.env.Log.Debug("request answered", "method", r.Method, "target", r.RequestURI, "status", a.Status, "location", a.Location)
	switch a.Status {
	case http.StatusOK:
		p.object(w, r, known, a.Serves)
	case http.StatusNotFound:
		notFound(w)
	default:
		w.Header().Set("Location", a.Location)
		w.Header().Set("Cache-Control", a.CacheControl)
		w.WriteHeader(a.Status)
	}
}

// object answers with what stands at the path, which is as it was sent.
func (p *preview) object(w http.ResponseWriter, r *http.Request, known *knownTables, path string) {
	key, ok := p.key(path)
	if !ok {
		notFound(w)
		return
	}
	info, err := p.reader.store.Stat(r.Context(), key)
	if errors.Is(err, fs.ErrNotExist) {
		p.noObject(w, r, path, key)
		return
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	h := info.Header
	if h == (layout.Header{}) {
		h = layout.HeaderFor(known.role(key), key)
	}
	w.Header().Set("Content-Type", h.ContentType)
	w.Header().Set("Cache-Control", h.CacheControl)
	w.Header().Set("Etag", entityTag(info.Version))
	content := &objectContent{ctx: r.Context(), store: p.reader.store, info: info}
	defer content.Close()
	http.ServeContent(w, r, "", info.ModTime, content)
	if content.err != nil {
		p.env.Log.Warn("object cannot be read", "key", key, "error", content.err)
		panic(http.ErrAbortHandler) // a body that ends early must not look whole
	}
}

// key returns the key of the object that a path names, and false where no
// object can be.
func (p *preview) key(path string) (string, bool) {
	path, _, _ = strings.Cut(path, "?")
	inside, ok := strings.CutPrefix(path, p.reader.config.PublicPath)
	if !ok {
		return "", false
	}
	key, err := url.PathUnescape(inside)
	if err != nil {
		return "", false
	}
	if key == "" || strings.HasSuffix(key, "/") {
		key += layout.RootPageKey
	}
	if _, err := layout.CleanPath(key); err != nil || strings.HasPrefix(key, layout.PrivatePrefix) {
		return "", false
	}
	return key, true
}

// noObject answers 404, or adds the slash to a directory that lacks it.
func (p *preview) noObject(w http.ResponseWriter, r *http.Request, path, key string) {
	path, _, _ = strings.Cut(path, "?")
	_, err := p.reader.store.Stat(r.Context(), key+"/"+layout.RootPageKey)
	switch {
	case strings.HasSuffix(path, "/") || errors.Is(err, fs.ErrNotExist):
		notFound(w)
	case err != nil:
		p.fail(w, r, err)
	default:
		location := path + "/"
		if _, query, ok := strings.Cut(r.RequestURI, "?"); ok {
			location += "?" + query
		}
		w.Header().Set("Location", location)
		w.Header().Set("Cache-Control", "no-cache")
		w.WriteHeader(http.StatusMovedPermanently)
	}
}

func notFound(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-cache")
	http.Error(w, "404 not found", http.StatusNotFound)
}

func (p *preview) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() == nil {
		p.env.Log.Error("bucket cannot be read", "target", r.URL.Path, "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "the bucket cannot be read", http.StatusBadGateway)
}

// entityTag returns a store's version with the quotes that HTTP asks for.
func entityTag(version string) string {
	if version == "" || strings.HasPrefix(version, `"`) || strings.HasPrefix(version, "W/") {
		return version
	}
	return `"` + version + `"`
}
