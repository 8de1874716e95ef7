package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"datestone/layout"
	"datestone/sync"
)

func (r *configReader) repositories(n ast.Node) {
	r.items(n, r.repository)
	if s, ok := n.(*ast.SequenceNode); ok && len(s.Values) == 0 {
		r.problem(n, "no repository is named")
	}
}

func (r *configReader) repository(n ast.Node) {
	repo := repository{Grace: defaultGrace}
	var answer, pruned string
	seen := r.fields(n, map[string]field{
		"name":        r.text(&repo.Name, checkName),
		"base_path":   r.text(&repo.BasePath, checkBasePath),
		"remote":      func(n ast.Node) { r.remote(n, &repo.Remote) },
		"links":       r.text(&repo.Links, oneOf(linksHard, linksCopy)),
		"channels":    func(n ast.Node) { r.channels(n, &repo.Settings.Channels) },
		"answer":      r.text(&answer, oneOf(layout.AnswerRedirect, layout.AnswerRewrite)),
		"pruned":      r.text(&pruned, oneOf(layout.Pruned404, layout.PrunedNearest)),
		"keep":        func(n ast.Node) { r.keep(n, &repo) },
		"open_before": func(n ast.Node) { r.moment(n, &repo.Settings.OpenBefore) },
	}, "name", "base_path", "remote")
	repo.Settings.Rewrite = answer == layout.AnswerRewrite
	repo.Settings.Nearest = pruned == layout.PrunedNearest
	r.alone(repo, seen)
	r.links = append(r.links, linksKey{key: seen["links"], links: repo.Links})
	r.config.Repositories = append(r.config.Repositories, repo)
}

// alone holds a repository against those before it.
func (r *configReader) alone(repo repository, seen map[string]ast.Node) {
	for _, other := range r.config.Repositories {
		if repo.Name != "" && repo.Name == other.Name {
			r.problem(seen["name"], "two repositories have the name %q", repo.Name)
		}
		if repo.BasePath != "" && other.BasePath != "" && layout.Overlap(repo.BasePath, other.BasePath) {
			r.problem(seen["base_path"], "base path %q overlaps %q of repository %q: neither may lie in the other",
				repo.BasePath, other.BasePath, other.Name)
		}
	}
}

// checkLinks holds the links of all repositories against the bucket, which
// may stand below them in the file.
func (r *configReader) checkLinks() {
	if r.config.Bucket.Scheme == "" {
		return
	}
	for _, l := range r.links {
		if want := r.linksFor(); l.links != "" && l.links != want {
			r.problem(l.key, "links %q: a %s bucket links by %s: write that, or leave the key out", l.links, r.config.Bucket.Scheme, want)
		}
	}
}

func (r *configReader) moment(n ast.Node, to *layout.Stamp) {
	s, ok := r.expanded(n)
	if !ok {
		return
	}
	m, err := layout.ParseMoment(s)
	if err != nil {
		r.problem(n, "%v", err)
		return
	}
	*to = m
}

func (r *configReader) channels(n ast.Node, to *[]layout.Channel) {
	r.pairs(n, func(name string, key, value ast.Node) {
		if _, err := layout.CleanChannel(name); err != nil {
			r.problem(key, "%v", err)
			return
		}
		c := layout.Channel{Name: name}
		if _, ok := value.(*ast.NullNode); !ok {
			seen := r.fields(value, map[string]field{"delay": r.duration(&c.Delay)})
			c.Follows = seen["delay"] != nil
		}
		*to = append(*to, c)
	})
	slices.SortFunc(*to, func(a, b layout.Channel) int { return strings.Compare(a.Name, b.Name) })
}

func (r *configReader) remote(n ast.Node, to *reposync.Remote) {
	var kind string
	before := len(r.problems)
	to.Mode = "mirror"
	seen := r.fields(n, map[string]field{
		"type":               r.text(&kind, oneOf(reposync.Types()...)),
		"url":                func(n ast.Node) { r.remoteURL(n, &to.URL) },
		"mode":               r.text(&to.Mode, oneOf("mirror", "additive")),
		"headers":            func(n ast.Node) { r.headers(n, &to.Headers) },
		"username":           r.text(&to.Username, notEmpty),
		"password":           r.text(&to.Password),
		"client_certificate": r.readable(&to.ClientCertificate),
		"client_key":         r.readable(&to.ClientKey),
		"ca":                 r.readable(&to.CA),
		"parallel":           r.number(&to.Parallel, 1, maxParallel),
		"suites":             r.texts(&to.Suites, notEmpty),
		"components":         r.texts(&to.Components, notEmpty),
		"architectures":      r.texts(&to.Architectures, notEmpty),
		"keyring":            r.readable(&to.Keyring),
		"allow_expired_keys": r.truth(&to.AllowExpiredKeys),
		"packages":           func(n ast.Node) { r.packages(n, &to.Packages) },
		"newest":             r.number(&to.Newest, 1, 1_000_000),
		"mirrorlist":         func(n ast.Node) { r.remoteURL(n, &to.Mirrorlist) },
		"metalink":           func(n ast.Node) { r.remoteURL(n, &to.Metalink) },
	}, "type")
	to.Type = kind
	if seen["url"] == nil && seen["mirrorlist"] == nil && seen["metalink"] == nil {
		r.problem(first(n), `key "url" is missing`)
	}
	r.ofType(kind, seen)
	r.together(seen, "password", "username")
	r.together(seen, "username", "password")
	r.together(seen, "client_certificate", "client_key")
	r.together(seen, "client_key", "client_certificate")
	if len(r.problems) == before {
		r.checkRemote(first(n), seen["keyring"], *to)
	}
}

// typeKeys are the keys that not all types of remotes have.
var typeKeys = map[string][]string{
	"mode":   {"file"},
	"suites": {"deb"}, "components": {"deb"}, "architectures": {"deb"},
	"keyring": {"deb", "rpm"}, "allow_expired_keys": {"deb", "rpm"},
	"packages": {"deb", "rpm"}, "newest": {"deb", "rpm"},
	"mirrorlist": {"rpm"}, "metalink": {"rpm"},
}

// ofType refuses keys of another type.
func (r *configReader) ofType(kind string, seen map[string]ast.Node) {
	for key, node := range seen {
		if of := typeKeys[key]; of != nil && kind != "" && !slices.Contains(of, kind) {
			r.problem(node, `%q is for remotes of type "%s" only`, key, strings.Join(of, `" or "`))
		}
	}
}

// checkRemote says what is wrong with a remote whose keys are right, each by
// itself.
func (r *configReader) checkRemote(n, keyring ast.Node, remote reposync.Remote) {
	if err := remote.Validate(); err != nil {
		r.problem(n, "%v", err)
	} else if keyring != nil {
		if err := remote.CheckKeyring(); err != nil {
			r.problem(keyring, "%v", err)
		}
	}
}

// packages reads a list of names and globs. An empty one would leave nothing.
func (r *configReader) packages(n ast.Node, to *[]string) {
	r.texts(to, reposync.CheckPattern)(n)
	if s, ok := n.(*ast.SequenceNode); ok && len(s.Values) == 0 {
		r.problem(n, `"packages" names none; leave the key out for all of them`)
	}
}

func (r *configReader) together(seen map[string]ast.Node, one, other string) {
	if seen[one] != nil && seen[other] == nil {
		r.problem(seen[one], "%q needs %q beside it", one, other)
	}
}

func (r *configReader) remoteURL(n ast.Node, to *string) {
	s, ok := r.expanded(n)
	if !ok {
		return
	}
	u, err := url.Parse(s)
	switch {
	case err == nil && u.Scheme == "file":
		r.fileURL(n, u, to)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		r.problem(n, "url: write https://host/path/PULP_MANIFEST, or file:PATH")
	case u.User != nil:
		r.problem(n, `url: write "username" and "password" as keys of their own`)
	case u.Fragment != "":
		r.problem(n, "url: a fragment (#) is not sent to a server; write %%23 for a hash")
	default:
		*to = s
	}
}

// fileURL makes a file: URL absolute, so that it means the same everywhere.
func (r *configReader) fileURL(n ast.Node, u *url.URL, to *string) {
	path, err := u.Path, error(nil)
	if u.Opaque != "" {
		path, err = url.PathUnescape(u.Opaque)
	}
	abs, absErr := filepath.Abs(under(r.dir, filepath.FromSlash(path)))
	if err != nil || absErr != nil || path == "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" {
		r.problem(n, "url: write file:PATH/PULP_MANIFEST, with %%3F for a question mark and %%23 for a hash")
		return
	}
	abs = filepath.ToSlash(abs)
	if !strings.HasPrefix(abs, "/") { // C:/dir
		abs = "/" + abs
	}
	*to = (&url.URL{Scheme: "file", Path: abs}).String()
}

func (r *configReader) headers(n ast.Node, to *map[string]string) {
	*to = map[string]string{}
	r.pairs(n, func(name string, key, value ast.Node) {
		if strings.Trim(name, headerName) != "" || name == "" {
			r.problem(key, "%q is no name of a header", name)
			return
		}
		var s string
		r.text(&s, func(s string) error {
			if strings.ContainsAny(s, "\r\n\x00") {
				return errors.New("a header is one line")
			}
			return nil
		})(value)
		(*to)[name] = s
	})
}

const headerName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

// readable returns a field that reads the name of a file, and opens the file
// to find out early that it can be.
func (r *configReader) readable(to *string) field {
	return func(n ast.Node) {
		r.file(to)(n)
		if *to == "" {
			return
		}
		f, err := os.Open(*to)
		if err != nil {
			r.problem(n, "cannot read %q: %v", *to, plainPathError(err))
			return
		}
		f.Close()
	}
}

func checkName(s string) error {
	if s == "" || s[0] == '.' || len(s) > 100 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return fmt.Errorf("name %q: write a-z, 0-9, dot, underscore and hyphen, not beginning with a dot", s)
	}
	return nil
}

func checkBasePath(s string) error {
	_, err := layout.CleanBasePath(s)
	return err
}
