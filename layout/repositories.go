package layout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Repositories is repositories.json: which repositories the site has.
type Repositories struct {
	Version int `json:"version"` // 1
	// Changes counts how often the list changed; it only grows, so that an
	// older list never replaces a newer one.
	Changes      int          `json:"changes"`
	Repositories []Repository `json:"repositories"` // ascending by base path
}

// A Repository is one row of it.
type Repository struct {
	Name     string `json:"name"`
	BasePath string `json:"base_path"`
	Type     string `json:"type"`
	// Table and Log are keys: where the table is, and above the log.
	Table string `json:"table"`
	Log   string `json:"log"`
}

// NewRepository returns the row of a repository.
func NewRepository(name, base, kind string) Repository {
	return Repository{Name: name, BasePath: base, Type: kind, Table: TableKey(base), Log: base + "/log/"}
}

// repositoriesVersion is the version of the list written here; fields may be
// added.
const repositoriesVersion = 1

// With returns the list with r in it, and whether that changed anything.
func (l Repositories) With(r Repository) (Repositories, bool) {
	at, found := slices.BinarySearchFunc(l.Repositories, r, func(a, b Repository) int {
		return strings.Compare(a.BasePath, b.BasePath)
	})
	if found && l.Repositories[at] == r {
		return l, false
	}
	l.Version, l.Changes = repositoriesVersion, l.Changes+1
	l.Repositories = slices.Clone(l.Repositories)
	if found {
		l.Repositories[at] = r
	} else {
		l.Repositories = slices.Insert(l.Repositories, at, r)
	}
	return l, true
}

// Encode returns the list as it stands in the bucket.
func (l Repositories) Encode() ([]byte, error) {
	l.Version = repositoriesVersion
	if l.Repositories == nil {
		l.Repositories = []Repository{}
	}
	b, err := json.MarshalIndent(l, "", " ")
	return append(b, '\n'), err
}

// DecodeRepositories reads what Encode wrote. A list that is not ascending by
// base path is refused. Fields it does not know are passed over.
func DecodeRepositories(b []byte) (Repositories, error) {
	var l Repositories
	if err := json.Unmarshal(b, &l); err != nil {
		return Repositories{}, fmt.Errorf("%s: %w", RepositoriesKey, err)
	}
	if l.Version != repositoriesVersion {
		return Repositories{}, fmt.Errorf("%s of version %d; this datestone knows version %d", RepositoriesKey, l.Version, repositoriesVersion)
	}
	last := ""
	for _, r := range l.Repositories {
		if _, err := CleanBasePath(r.BasePath); err != nil {
			return Repositories{}, fmt.Errorf("%s: %w", RepositoriesKey, err)
		}
		if r.BasePath <= last {
			return Repositories{}, fmt.Errorf("%s: %q comes after %q: not ascending", RepositoriesKey, r.BasePath, last)
		}
		last = r.BasePath
	}
	return l, nil
}
