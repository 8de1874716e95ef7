package reposync

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"datestone/layout"
)

const (
	// maxNewest is far above what anyone keeps.
	maxNewest = 1_000_000
	// maxIdentity is how long name, architecture and version of a package may be
	// together, in bytes, where they are kept to compare versions.
	maxIdentity = 1 << 10
)

// CheckPattern says what is wrong with a name or glob of Remote.Packages.
func CheckPattern(pattern string) error {
	_, err := path.Match(pattern, "")
	switch {
	case err != nil:
		return fmt.Errorf("package %q: is no glob; write * ? [a-z], and a backslash before those that are meant", pattern)
	case pattern == "" || strings.ContainsAny(pattern, "/ \t\r\n\x00"):
		return fmt.Errorf("package %q: is no name of one, and no glob", pattern)
	}
	return nil
}

func (r Remote) filters() bool { return len(r.Packages) > 0 || r.Newest > 0 }

// validateFilter says what is wrong with the fields that narrow the pool.
func (r Remote) validateFilter() error {
	switch {
	case r.filters() && r.Type == typeFile:
		return fmt.Errorf("remote: packages and newest are for the types %q and %q only", typeDeb, typeRPM)
	case r.Newest < 0 || r.Newest > maxNewest:
		return fmt.Errorf("remote newest %d: write 1 to %d, or leave it out for all", r.Newest, maxNewest)
	}
	for _, p := range r.Packages {
		if err := CheckPattern(p); err != nil {
			return err
		}
	}
	return nil
}

// A filter says which of the packages that metadata names belong to the pool,
// and counts them. The metadata itself stays as it is: it goes on to name what
// the pool lacks.
type filter struct {
	patterns []string
	used     []atomic.Bool // patterns that a package has
	newest   int
	compare  func(a, b string) int // versions

	mu sync.Mutex
	// kept says of each package, by its id, whether an index of those that name
	// it keeps it.
	kept map[uint64]bool
}

// newFilter returns nil where nothing is left out.
func newFilter(r Remote, compare func(a, b string) int) *filter {
	if !r.filters() {
		return nil
	}
	return &filter{patterns: r.Packages, newest: r.Newest, compare: compare, kept: map[uint64]bool{}, used: make([]atomic.Bool, len(r.Packages))}
}

// wants reports whether a name is one that is asked for.
func (x *filter) wants(name string) bool {
	wanted := len(x.patterns) == 0
	for i, p := range x.patterns {
		if ok, _ := path.Match(p, name); ok {
			wanted = true
			if !x.used[i].Load() {
				x.used[i].Store(true)
			}
		}
	}
	return wanted
}

// see counts a package.
func (x *filter) see(id uint64, kept bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kept[id] = x.kept[id] || kept
}

// keeps reports whether a package that was met is kept.
func (x *filter) keeps(id uint64) bool {
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.kept[id]
}

// leftOut returns the count, nil where nothing is left out. That nothing else
// is left is an error.
func (x *filter) leftOut() (*layout.LeftOut, error) {
	if x == nil {
		return nil, nil
	}
	out := layout.LeftOut{Of: len(x.kept), Names: x.patterns, Newest: x.newest}
	for _, kept := range x.kept {
		if !kept {
			out.Packages++
		}
	}
	switch {
	case out.Packages == 0:
		return nil, nil
	case out.Packages == out.Of:
		return nil, fmt.Errorf("packages: none of the %d packages that the metadata names is one of %s", out.Of, strings.Join(x.patterns, ", "))
	}
	return &out, nil
}

// leftOut is that of the filter, and warns of patterns that no package has:
// they may be typing errors.
func (s source) leftOut(ctx context.Context, x *filter) (*layout.LeftOut, error) {
	out, err := x.leftOut()
	if x == nil || err != nil {
		return out, err
	}
	for i, p := range x.patterns {
		if !x.used[i].Load() {
			s.log.WarnContext(ctx, "no package has the name", "remote", s.Remote, "packages", p)
		}
	}
	return out, nil
}

// A pool is the files that one index names, of the packages that are wanted.
// Versions are compared within an index: who reads it finds the newest that it
// names.
type pool struct {
	*filter  // nil: all are wanted
	files    []layout.File
	packages []versioned // where versions count
	last     uint64      // id of the package that the last file was of
	lastKept bool
	err      error
}

// A versioned is a package whose version is to be compared, and the range of
// its files.
type versioned struct {
	identity
	from, to int
}

// An identity is what tells packages apart. The id is a hash: of the same in
// all indexes that name the package.
type identity struct {
	id                  uint64
	name, arch, version string
}

func idOf(parts ...string) uint64 { return xxhash.Sum64String(strings.Join(parts, "\x00")) }

// add takes a file of a package. All files of one follow one another.
func (p *pool) add(who identity, f layout.File) {
	switch {
	case p.filter == nil:
		p.files = append(p.files, f)
		return
	case who.id != p.last:
		p.begin(who)
	}
	if !p.lastKept {
		return
	}
	p.files = append(p.files, f)
	if n := len(p.packages); n > 0 {
		p.packages[n-1].to = len(p.files)
	}
}

// begin meets another package.
func (p *pool) begin(who identity) {
	p.last, p.lastKept = who.id, p.wants(who.name)
	switch {
	case !p.lastKept || p.newest == 0:
		p.see(who.id, p.lastKept)
	case len(who.name)+len(who.arch)+len(who.version) > maxIdentity:
		p.err = cmp.Or(p.err, fmt.Errorf("package %.100q: its name, architecture and version have more than %d bytes", who.name, maxIdentity))
	default:
		p.packages = append(p.packages, versioned{who, len(p.files), len(p.files)})
	}
}

// narrow returns the files, without those of older versions.
func (p *pool) narrow() ([]layout.File, error) {
	if len(p.packages) == 0 || p.err != nil {
		return p.files, p.err
	}
	slices.SortFunc(p.packages, func(a, b versioned) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.arch, b.arch), p.compare(b.version, a.version))
	})
	versions := 0
	for i, v := range p.packages {
		switch {
		case i == 0 || v.name != p.packages[i-1].name || v.arch != p.packages[i-1].arch:
			versions = 1
		case p.compare(v.version, p.packages[i-1].version) != 0:
			versions++
		}
		p.see(v.id, versions <= p.newest)
		if versions > p.newest {
			clear(p.files[v.from:v.to])
		}
	}
	p.packages = nil
	return slices.DeleteFunc(p.files, func(f layout.File) bool { return f.Path == "" }), nil
}
