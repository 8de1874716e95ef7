package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
	"datestone/sync"
)

const (
	maxConfig      = 1 << 20
	defaultIndex   = "datestone.db"
	defaultOut     = "redirects"
	defaultRefresh = 24 * time.Hour
	maxParallel    = 256
)

// How a checkpoint refers to bytes that the bucket holds: SPEC section 4.
const (
	linksHard = "hardlink"
	linksCopy = "copy"
)

// A config is a configuration file, read and checked. Relative paths in it
// are relative to the directory of the file.
type config struct {
	Bucket       bucket
	Index        string // name of the file
	PublicURL    string
	PublicPath   string // of PublicURL
	Repositories []repository
	Redirects    rules
	Sign         signing
	Metrics      string // name of the file; none for none
	// Lock is lockNone for a bucket that ignores conditional writes, and empty.
	Lock string
}

// lockNone is the promise that no two processes ever write at once.
const lockNone = "none"

// A repository is one entry of the configuration.
type repository struct {
	Name     string
	BasePath string
	Remote   reposync.Remote
	Links    string // hardlink or copy
	Settings layout.Settings
	Keep     layout.Keep
	// Grace is how long objects stand after what announced them is gone.
	Grace time.Duration
}

// rules says what becomes of redirect rules.
type rules struct {
	Targets []string
	Out     string   // directory
	Exec    []string // command run after rules changed
	Refresh time.Duration
	// CloudFront says where the target of that name is pushed to.
	CloudFront cloudFrontNames
	// S3 says whether the target of that name is pushed to the bucket itself.
	S3 websitePush
	// Resolver is the host of another edge, for the target s3.
	Resolver string
}

// loadConfig reads the configuration of the global flag.
func (e *env) loadConfig() (*config, error) {
	body, err := readConfig(e.ConfigFile)
	if err != nil {
		return nil, &configError{problems: []problem{{file: e.ConfigFile, text: err.Error()}}}
	}
	return parseConfig(e.ConfigFile, body, e.LookupEnv)
}

func readConfig(name string) ([]byte, error) {
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New(`no such file; "datestone init" writes one, --config names another`)
	case err != nil:
		return nil, plainPathError(err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, plainPathError(err)
	}
	if len(body) > maxConfig {
		return nil, fmt.Errorf("is larger than %d bytes", maxConfig)
	}
	return body, nil
}

// plainPathError drops the path, which the problem names already.
func plainPathError(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// parseConfig reads the bytes of the file name.
func parseConfig(name string, body []byte, lookup func(string) (string, bool)) (*config, error) {
	r := &configReader{yamlReader: yamlReader{file: name, lookup: lookup}, dir: filepath.Dir(name)}
	r.config = config{
		Index:     under(r.dir, defaultIndex),
		Redirects: rules{Out: under(r.dir, defaultOut), Refresh: defaultRefresh},
	}
	if n, ok := r.parse(body); ok {
		r.top(n)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	r.finish()
	return &r.config, nil
}

// A configReader is on its way through a configuration.
type configReader struct {
	yamlReader
	dir    string // of the file
	config config
	links  []linksKey
	// resolver is where its host stands; nil without one.
	resolver ast.Node
	// objectLockAt is where Object Lock is said, and lock what; nil where it is
	// not.
	objectLockAt ast.Node
	lock         publish.Terms
	// website is where pushing to S3 is said; nil where it is not.
	website ast.Node
}

// A linksKey is the links of one repository, and where that stands.
type linksKey struct {
	key   ast.Node
	links string
}

func (r *configReader) top(n ast.Node) {
	r.fields(n, map[string]field{
		"bucket":       r.bucket,
		"index":        r.file(&r.config.Index),
		"public_url":   r.publicURL,
		"repositories": r.repositories,
		"redirects":    r.redirects,
		"sign":         r.sign,
		"object_lock":  r.objectLock,
		"metrics":      r.metrics,
		"lock":         r.text(&r.config.Lock, oneOf(lockNone)),
	}, "bucket", "public_url", "repositories")
	r.checkLinks()
	r.checkResolver()
	r.checkWebsite()
	r.checkObjectLock()
}

func (r *configReader) bucket(n ast.Node) {
	s, ok := r.expanded(n)
	if !ok {
		return
	}
	b, err := parseBucket(s, r.dir)
	if err != nil {
		r.problem(n, "%v", err)
		return
	}
	r.config.Bucket = b
}

func (r *configReader) publicURL(n ast.Node) {
	s, ok := r.expanded(n)
	if !ok {
		return
	}
	p, err := layout.PublicPath(s)
	if err != nil {
		r.problem(n, "%v", err)
		return
	}
	r.config.PublicURL, r.config.PublicPath = strings.TrimRight(s, "/")+"/", p
}

// file returns a field that reads the name of a file, relative to the
// configuration.
func (r *configReader) file(to *string) field {
	return func(n ast.Node) {
		var s string
		r.text(&s, fileName)(n)
		if s != "" {
			*to = under(r.dir, filepath.FromSlash(s))
		}
	}
}

func (r *configReader) redirects(n ast.Node) {
	to := &r.config.Redirects
	seen := r.fields(n, map[string]field{
		"targets":    r.texts(&to.Targets, checkTarget),
		"out":        r.file(&to.Out),
		"exec":       r.texts(&to.Exec),
		"refresh":    r.duration(&to.Refresh),
		"resolver":   r.resolverHost,
		"cloudfront": r.cloudFront,
		"s3":         r.s3,
	})
	r.checkCloudFront(seen["cloudfront"])
	r.checkS3(seen["s3"])
	if key, ok := seen["exec"]; ok && len(to.Targets) == 0 && seen["targets"] == nil {
		r.problem(key, `"exec" runs after rules changed, but no "targets" are named`)
	}
}

func (r *configReader) resolverHost(n ast.Node) {
	r.resolver = n
	r.text(&r.config.Redirects.Resolver, notEmpty)(n)
}

// checkResolver holds the resolver against the public URL, which may stand
// after it.
func (r *configReader) checkResolver() {
	if r.resolver == nil {
		return
	}
	if err := redirects.CheckResolver(r.config.Redirects.Resolver, r.config.PublicURL); err != nil {
		r.problem(r.resolver, "%v", err)
	}
}

// finish fills in what follows from the whole.
func (r *configReader) finish() {
	for i := range r.config.Repositories {
		repo := &r.config.Repositories[i]
		repo.Settings.Repository, repo.Settings.BasePath = repo.Name, repo.BasePath
		repo.Settings.PublicPath = r.config.PublicPath
		if repo.Links == "" {
			repo.Links = r.linksFor()
		}
		if repo.Grace == defaultGrace {
			repo.Grace = r.graceFor()
		}
	}
}

// linksFor is the way of linking that the bucket has.
func (r *configReader) linksFor() string {
	if r.config.Bucket.Scheme == schemeFile {
		return linksHard
	}
	return linksCopy
}

// repository returns the repository of that name.
func (c *config) repository(name string) (repository, error) {
	var names []string
	for _, r := range c.Repositories {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	err := fmt.Errorf("no repository %q in the configuration%s", name, didYouMean(name, names))
	return repository{}, withCode(exitUsage, err)
}

// input is what rules for tables are made from.
func (c *config) input(tables []layout.Table) redirects.Input {
	return redirects.Input{Tables: tables, PublicURL: c.PublicURL, Resolver: c.Redirects.Resolver}
}

// fileName refuses what can't be one, and does not repeat it: it may be a key,
// as of a CI that keeps keys in variables.
func fileName(s string) error {
	if strings.Contains(s, "-----BEGIN") || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("write the name of a file; a key or certificate stands in the file")
	}
	return notEmpty(s)
}

func notEmpty(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	return nil
}
