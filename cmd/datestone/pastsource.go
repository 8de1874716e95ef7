package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"datestone/layout"
	reposync "datestone/sync"
	"datestone/sync/history"
)

// A pastSource is one --from, ready to be asked.
type pastSource struct {
	text   string
	states iter.Seq2[history.State, error]
	// remote returns the remote as it was at a state of the source.
	remote func(history.State) (reposync.Remote, error)
}

// A pastOpener opens the sources of past states of one repository.
type pastOpener struct {
	*env
	ctx     context.Context // of the command: sequences have none of their own
	remote  reposync.Remote // as it is configured
	client  *reposync.Client
	jobs    int
	opening sync.Mutex            // held while stores is looked at: states are read side by side
	stores  map[string]pastBucket // by URL
	users   pastSecrets
}

// pastKinds are the kinds of sources, in the order in which help has them.
var pastKinds = []string{"dir", "list", "url", "versions", "git"}

// source reads the words of one --from.
func (o *pastOpener) source(text string) (pastSource, error) {
	kind, rest, _ := strings.Cut(text, ":")
	parse := map[string]func(string) (pastSource, error){"dir": o.directories, "list": o.list, "url": o.urls, "versions": o.versions, "git": o.git}[kind]
	if parse == nil {
		return pastSource{}, fmt.Errorf("%q: begin it with one of %s%s", withoutSecrets(text), strings.Join(pastKinds, ":, ")+":", didYouMean(kind, pastKinds))
	}
	s, err := parse(rest)
	s.text = text
	if err != nil {
		return s, fmt.Errorf("%q: %w", withoutSecrets(text), err)
	}
	return s, nil
}

// directories is dir:PATTERN.
func (o *pastOpener) directories(text string) (pastSource, error) {
	if !hasScheme(text) {
		abs, err := filepath.Abs(filepath.FromSlash(text))
		if err != nil {
			return pastSource{}, err
		}
		text = filepath.ToSlash(abs)
	}
	pattern, query := o.users.hide(text)
	if isStore(text) {
		pattern, query, _ = strings.Cut(text, "?")
	}
	p, err := history.ParsePattern(pattern)
	if err != nil {
		return pastSource{}, err
	}
	l, err := o.lister(p.Root(), query)
	if err != nil {
		return pastSource{}, err
	}
	if _, disk := l.(diskLister); disk {
		if _, err := os.ReadDir(filepath.FromSlash(p.Root())); err != nil {
			return pastSource{}, err
		}
	}
	return pastSource{states: history.Directories(o.ctx, p, l),
		remote: func(s history.State) (reposync.Remote, error) { return o.at(s, s.Place, query, false) }}, nil
}

// list is list:FILE, of manifests where the type is "file", else of
// directories. Places in it are relative to the list.
func (o *pastOpener) list(name string) (pastSource, error) {
	body, err := o.document(name)
	if err != nil {
		return pastSource{}, err
	}
	name, _ = o.users.hide(name)
	base, err := documentURL(name)
	if err != nil {
		return pastSource{}, err
	}
	queries := map[string]string{} // by ID and place
	states := func(yield func(history.State, error) bool) {
		for s, err := range history.List(name, body) {
			var query string
			s.Place, query = o.users.hide(s.Place)
			queries[string(s.ID)+s.Place] = query
			if !yield(s, err) {
				return
			}
		}
	}
	return pastSource{states: states, remote: func(s history.State) (reposync.Remote, error) {
		place, query := s.Place, queries[string(s.ID)+s.Place]
		if isStore(place) {
			place, query, _ = strings.Cut(place, "?")
		}
		place, err := listed(base, place)
		if err != nil {
			return reposync.Remote{}, err
		}
		return o.at(s, place, query, o.remote.Type == typeOfManifests)
	}}, nil
}

// listed returns a place of the list at base, which it may be relative to.
func listed(base *url.URL, place string) (string, error) {
	switch {
	case hasScheme(place):
		return place, nil
	case base.Scheme == "file":
		return filepath.ToSlash(under(filepath.Dir(filepath.FromSlash(base.Path)), filepath.FromSlash(place))), nil
	}
	u, err := base.Parse(place)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// typeOfManifests is the type of remotes whose URL is that of one manifest.
const typeOfManifests = "file"

// urls is url:PATTERN, or url:PATTERN#TIMES.
func (o *pastOpener) urls(text string) (pastSource, error) {
	text, times, listed := strings.Cut(text, "#")
	text, query := o.users.hide(text)
	if !isWeb(text) {
		return pastSource{}, errors.New("write http://host/PATTERN or https://host/PATTERN; dir: is for directories")
	}
	p, err := history.ParsePattern(text)
	if err != nil {
		return pastSource{}, err
	}
	s := pastSource{remote: func(s history.State) (reposync.Remote, error) { return o.at(s, s.Place, query, false) }}
	if !listed {
		s.states = history.Directories(o.ctx, p, webLister{o})
		return s, nil
	}
	body, err := o.document(times)
	if err != nil {
		return s, err
	}
	shown, _ := o.users.hide(times)
	s.states = history.Times(p, shown, body)
	return s, nil
}

// slack is how much later than it says a state may have been signed: clocks
// differ, and what names a state may be made before it is whole.
const slack = 10 * time.Minute

// at returns the remote as it was at a place: a directory, or, where the place
// is that of a manifest, what is beside it.
func (o *pastOpener) at(s history.State, place, query string, manifest bool) (reposync.Remote, error) {
	r := o.past(s, nil)
	name := ""
	if o.remote.Type == typeOfManifests && !manifest {
		name, place = o.manifest(), strings.TrimRight(place, "/")+"/"
	}
	switch {
	case isWeb(place):
		r.URL = place + url.PathEscape(name)
		if query != "" {
			r.URL += "?" + query
		}
		return o.forHost(r), nil
	case isStore(place):
		return o.inStore(r, place+name, query)
	}
	r.URL = fileURLOf(filepath.FromSlash(pathOf(place) + name))
	return r, nil
}

// past returns the remote as it was at a state, with its tree, if it has one.
func (o *pastOpener) past(s history.State, tree reposync.Tree) reposync.Remote {
	r := o.remote
	r.Mirrorlist, r.Metalink = "", ""
	r.Past = &reposync.Past{At: s.ID.Time().Add(s.Span + slack), Tree: tree}
	return r
}

// manifest is the name of the manifest of a remote of type "file".
func (o *pastOpener) manifest() string {
	u, err := url.Parse(o.remote.URL)
	if o.remote.Type != typeOfManifests || err != nil {
		return ""
	}
	return path.Base(u.Path)
}

// forHost keeps what is meant for the configured host alone from another one,
// which may have its own user.
func (o *pastOpener) forHost(r reposync.Remote) reposync.Remote {
	was, err := url.Parse(o.remote.URL)
	is, isErr := url.Parse(r.URL)
	if err != nil || isErr != nil || was.Scheme != is.Scheme || was.Host != is.Host {
		r.Headers, r.Username, r.Password = nil, "", ""
	}
	if isErr != nil {
		return r
	}
	if user := o.users.of(is); user != nil {
		r.Username = user.Username()
		r.Password, _ = user.Password()
	}
	return r
}

// maxDocument is the limit for a list, or an index page, in bytes.
const maxDocument = 256 << 20

// document reads a list or page: a URL or the name of a file.
func (o *pastOpener) document(name string) ([]byte, error) {
	name, query := o.users.hide(name)
	u, err := documentURL(name)
	if err != nil {
		return nil, err
	}
	u.RawQuery = query
	r := o.remote
	r.URL = u.String()
	return o.client.Document(o.ctx, o.forHost(r), maxDocument)
}

func documentURL(name string) (*url.URL, error) {
	if isWeb(name) {
		return url.Parse(name)
	}
	abs, err := filepath.Abs(pathOf(name))
	if err != nil {
		return nil, err
	}
	return url.Parse(fileURLOf(abs))
}

// pathOf returns the path that a URL of a file names; what is none is a path.
func pathOf(place string) string {
	rest, ok := strings.CutPrefix(place, "file://")
	if !ok {
		return place
	}
	if u, err := url.Parse(place); err == nil && u.Host == "" {
		return u.Path
	}
	return rest
}

// fileURLOf returns the URL of an absolute path.
func fileURLOf(name string) string {
	p := filepath.ToSlash(name)
	if !strings.HasPrefix(p, "/") { // C:/dir
		p = "/" + p
	}
	return (&url.URL{Scheme: "file", Path: p}).String()
}

func hasScheme(s string) bool { return strings.Contains(s, "://") }

func isWeb(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

// A diskLister lists directories of this machine.
type diskLister struct{}

func (diskLister) List(_ context.Context, dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.FromSlash(dir))
	if os.IsNotExist(err) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		// A symbolic link may lead to a directory.
		if info, err := os.Stat(filepath.Join(filepath.FromSlash(dir), e.Name())); err == nil && info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// A webLister lists what index pages link to.
type webLister struct{ *pastOpener }

func (l webLister) List(_ context.Context, dir string) ([]string, error) {
	body, err := l.document(dir)
	if isMissing(err) {
		return nil, nil
	}
	var names []string
	for _, name := range history.Links(body) {
		if inside, ok := strings.CutSuffix(name, "/"); ok {
			names = append(names, url.PathEscape(inside))
		}
	}
	return names, err
}

// describePast makes what a record says of the remote what it says of the
// configured one: the source is not asked again, and its validators mean
// nothing elsewhere. What the metadata was tells the next run that nothing has
// changed.
func describePast(configured reposync.Remote, was layout.Remote) layout.Remote {
	is := configured.Described()
	was.URL, was.Config = is.URL, is.Config
	was.Validators = layout.Validators{Fingerprint: was.Validators.Fingerprint, Files: fingerprints(was.Validators.Files)}
	return was
}

func fingerprints(files map[string]layout.Validators) map[string]layout.Validators {
	if files == nil {
		return nil
	}
	only := map[string]layout.Validators{}
	for p, v := range files {
		only[p] = layout.Validators{Fingerprint: v.Fingerprint}
	}
	return only
}

// renameManifest gives the manifest of a state the name that the repository's
// has: copies of it are often called otherwise.
func renameManifest(s *reposync.State, name string) *reposync.State {
	for was, body := range s.Bodies { // there is one
		if name == "" || was == name {
			return s
		}
		renamed := *s
		renamed.Bodies = map[string][]byte{name: body}
		renamed.Files = slices.DeleteFunc(slices.Clone(s.Files), func(f layout.File) bool { return f.Path == was || f.Path == name })
		at, _ := slices.BinarySearchFunc(renamed.Files, name, func(f layout.File, p string) int { return strings.Compare(f.Path, p) })
		own := layout.File{Path: name, Size: int64(len(body)), SHA256: layout.DigestOf(body)}
		renamed.Files = slices.Insert(renamed.Files, at, own)
		return &renamed
	}
	return s
}
