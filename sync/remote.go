package reposync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"datestone/layout"
)

// A Remote says where a repository comes from.
type Remote struct {
	Type string // one of Types
	// URL is that of the manifest ("file") or of the directory that the metadata
	// is below (the other types): http, https, or file:.
	URL  string
	Mode string // "mirror" (default) or "additive" ("file" only)
	// Headers go with every request; they may hold secrets and are never shown.
	Headers            map[string]string
	Username, Password string
	// ClientCertificate, ClientKey and CA are names of PEM files; empty means none.
	ClientCertificate, ClientKey, CA string
	// Parallel is the number of requests at once to one host; default 16.
	Parallel int

	// Past makes it the remote as it was at one time; nil for the present.
	Past *Past

	// What follows is for the type "deb".

	// Suites are names below dists/, or, with a slash at their end, directories
	// that have packages and Release themselves.
	Suites []string
	// Components and Architectures are those wanted; one architecture is
	// "source". Suites that end in a slash have none.
	Components, Architectures []string
	// Keyring is the name of a file of OpenPGP keys, binary or armored.
	Keyring string
	// AllowExpiredKeys takes signatures of keys that expired or were revoked.
	AllowExpiredKeys bool

	// What follows is for the types "deb" and "rpm".

	// Packages are names and globs (path.Match) of those packages that are
	// wanted; none means all. Newest is how many versions of each package are,
	// for each architecture and in each index; 0 means all. The metadata is
	// taken whole: it names what is left out, too.
	Packages []string
	Newest   int

	// What follows is for the type "rpm", which may have a keyring too.

	// Mirrorlist or Metalink, in place of URL, are those of a list of mirrors.
	Mirrorlist, Metalink string
}

// The modes of a remote.
const (
	Mirror   = "mirror"
	KeepGone = "additive"
)

const (
	typeFile        = "file"
	defaultParallel = 16
	maxParallel     = 1000
)

// Types returns the types of remotes, sorted: "deb" is an apt repository, "file"
// a PULP_MANIFEST and the files it names, "rpm" a repository of dnf.
func Types() []string { return slices.Sorted(maps.Keys(formats)) }

// Validate says what is wrong with the remote's configuration, without asking
// the remote or reading the files it names.
func (r Remote) Validate() error {
	switch {
	case formats[r.Type] == nil:
		return fmt.Errorf("remote type %q: write one of %s", r.Type, strings.Join(Types(), ", "))
	case r.Mode == KeepGone && r.Type != typeFile:
		return fmt.Errorf("remote mode %q: is for the type %q only", r.Mode, typeFile)
	case r.Mode != "" && r.Mode != Mirror && r.Mode != KeepGone:
		return fmt.Errorf("remote mode %q: write %q or %q", r.Mode, Mirror, KeepGone)
	case r.Parallel < 0 || r.Parallel > maxParallel:
		return fmt.Errorf("remote parallel %d: write 1 to %d, or leave it out for %d", r.Parallel, maxParallel, defaultParallel)
	case (r.ClientCertificate == "") != (r.ClientKey == ""):
		return errors.New("remote: a client certificate and its key go together")
	}
	if err := r.validateType(); err != nil {
		return err
	}
	if err := r.validateFilter(); err != nil {
		return err
	}
	l, err := r.locate()
	if err != nil {
		return err
	}
	if l.user != nil && (r.Username != "" || r.Password != "") {
		return errors.New("remote: user and password stand in the URL and beside it; write them once")
	}
	return r.validateHeaders(l)
}

// validateType sees to the fields of single types.
func (r Remote) validateType() error {
	switch {
	case r.Type != typeRPM && r.list() != "":
		return fmt.Errorf("remote: mirrorlist and metalink are for the type %q only", typeRPM)
	case r.Type == typeDeb:
		return r.validateDeb()
	case r.Type == typeRPM:
		return r.validateRPM()
	}
	if len(r.Suites)+len(r.Components)+len(r.Architectures)+len(r.Keyring) > 0 || r.AllowExpiredKeys {
		return fmt.Errorf("remote: suites, components and architectures are for the type %q only, keyring and allow_expired_keys for it and %q", typeDeb, typeRPM)
	}
	return nil
}

func (r Remote) validateHeaders(l location) error {
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !httpguts.ValidHeaderFieldName(name):
			return fmt.Errorf("remote header %q: is not a header's name", name)
		case !httpguts.ValidHeaderFieldValue(r.Headers[name]):
			return fmt.Errorf("remote header %q: its value has a character that no header may have", name)
		case slices.Contains(ownHeaders, canonical):
			return fmt.Errorf("remote header %q: is datestone's to set", name)
		case canonical == "Authorization" && (r.Username != "" || l.user != nil):
			return errors.New(`remote header "Authorization": there are a user and password too; write one of them`)
		}
	}
	return nil
}

// ownHeaders are those that configuration may not set.
var ownHeaders = []string{"Accept-Encoding", "Connection", "Content-Length", "Host", "If-Match", "If-Modified-Since",
	"If-None-Match", "If-Range", "If-Unmodified-Since", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// ConfigDigest returns the SHA-256 of what of the configuration decides what
// is read: validators count only for the same one. The digest is public, in
// the log, so nothing secret goes into it, not even hashed: of headers and of
// the query only the names, no user and no password.
func (r Remote) ConfigDigest() layout.Digest {
	config := struct {
		Type, URL, Mode       string
		Query, Headers        []string
		ClientCertificate, CA string
		// A keyring is known by what is in it: other keys trust other metadata,
		// and the same keys may lie elsewhere on the next machine.
		Suites, Components, Architectures []string `json:",omitempty"`
		Keyring                           string   `json:",omitempty"`
		AllowExpiredKeys                  bool     `json:",omitempty"`
		Metalink                          bool     `json:",omitempty"`
		Packages                          []string `json:",omitempty"`
		Newest                            int      `json:",omitempty"`
	}{Type: r.Type, URL: r.String(), Mode: cmp.Or(r.Mode, Mirror), ClientCertificate: r.ClientCertificate, CA: r.CA}
	config.Metalink, config.Packages, config.Newest = r.Metalink != "", sorted(r.Packages), r.Newest
	if l, err := r.locate(); err == nil {
		config.Query = slices.Sorted(maps.Keys(l.url.Query()))
	}
	for name := range r.Headers {
		config.Headers = append(config.Headers, http.CanonicalHeaderKey(name))
	}
	slices.Sort(config.Headers)
	if r.Keyring != "" {
		config.Suites, config.Components, config.Architectures = sorted(r.Suites), sorted(r.Components), sorted(r.Architectures)
		keys, _ := r.keyringBytes() // one that can't be read is an error of Read
		config.Keyring, config.AllowExpiredKeys = layout.DigestOf(keys).String(), r.AllowExpiredKeys
	}
	b, err := json.Marshal(config)
	if err != nil {
		panic(err) // strings always encode
	}
	return layout.DigestOf(b)
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// Described returns what the log says of the remote; without validators.
func (r Remote) Described() layout.Remote {
	return layout.Remote{Type: r.Type, URL: r.String(), Mode: cmp.Or(r.Mode, Mirror), Config: r.ConfigDigest(),
		Components: r.Components, Architectures: r.Architectures}
}

// String returns the URL without user, password and query; it is all of a
// remote that may be shown.
func (r Remote) String() string {
	l, err := r.locate()
	if err != nil {
		return "invalid URL"
	}
	return shown(l.url)
}

// GoString keeps secrets out of %#v, too.
func (r Remote) GoString() string { return r.String() }

// LogValue keeps secrets out of logs.
func (r Remote) LogValue() slog.Value { return slog.StringValue(r.String()) }

// A State is what a remote had at one moment.
type State struct {
	// Files are all of the state, those in Bodies too; sorted by path, without
	// FirstSeen.
	Files []layout.File
	// Bodies has the content of those Files that were read as metadata (the
	// manifest), by path: they are published byte for byte from here, and are
	// not for Fetch.
	Bodies map[string][]byte
	// Listed are the paths of metadata that is for Fetch all the same, because
	// nobody has to read it. Like Bodies it is meant to change.
	Listed map[string]bool
	Remote layout.Remote
	// root is the URL that locations of the metadata of "rpm" are relative to.
	root *url.URL
}

// A Sink puts one file in its place. It may call open again to try once more;
// what open returns yields exactly the bytes that f names, or ends with an
// error in place of the last of them (but see FetchChecked).
type Sink func(ctx context.Context, f layout.File, open func(context.Context) (io.ReadCloser, error)) error

// Errors of this package, to be asked for with errors.Is.
var (
	// ErrNotModified says that the remote still has the state of the validators.
	ErrNotModified = errors.New("not modified")
	// ErrMoved is a file that is gone or other than the metadata said: the
	// metadata must be read again.
	ErrMoved = errors.New("the remote is not what its metadata says")
)

// A DigestError is content that is not what the metadata said. It is an
// ErrMoved: upstream publishes files and manifest one after the other.
type DigestError struct {
	Path              string
	Want, Got         layout.Digest // Got is zero where the size is wrong already
	WantSize, GotSize int64         // GotSize is WantSize+1 where there is more, of unknown length
}

func (e *DigestError) Error() string {
	switch {
	case e.GotSize > e.WantSize:
		return fmt.Sprintf("file %q: is longer than the %d bytes that the manifest says", e.Path, e.WantSize)
	case e.GotSize < e.WantSize:
		return fmt.Sprintf("file %q: has %d bytes, the manifest says %d", e.Path, e.GotSize, e.WantSize)
	}
	return fmt.Sprintf("file %q: has the SHA-256 %s, the manifest says %s", e.Path, e.Got, e.Want)
}

// Unwrap makes the error an ErrMoved.
func (e *DigestError) Unwrap() error { return ErrMoved }
