package reposync

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"datestone/sync/aptrepo"
)

// A selection says which of the files that a Release lists are wanted.
type selection struct {
	suite         debSuite
	release       *aptrepo.Release
	components    []string // wanted
	architectures []string // wanted
	known         []string // all architectures that the Release knows, "source" and "all" too
}

func newSelection(r Remote, s debSuite, release *aptrepo.Release) (*selection, error) {
	sel := &selection{suite: s, release: release, components: r.Components, architectures: r.Architectures}
	if s.flat {
		return sel, nil
	}
	sel.known = append([]string{archSource, archAll}, release.Architectures...)
	for _, e := range release.Entries {
		if _, arch, ok := strings.Cut("/"+path.Dir(e.Path), "/binary-"); ok {
			arch, _, _ = strings.Cut(arch, "/")
			sel.known = append(sel.known, arch)
		}
	}
	slices.Sort(sel.known)
	sel.known = slices.Compact(sel.known)
	return sel, sel.check()
}

// check wants every component and architecture that is asked for to be there.
func (sel *selection) check() error {
	for _, c := range sel.components {
		if !slices.ContainsFunc(sel.release.Entries, func(e aptrepo.Entry) bool { return strings.HasPrefix(e.Path, c+"/") }) {
			return fmt.Errorf("has no component %q; its components: %s", c, strings.Join(sel.release.Components, ", "))
		}
	}
	for _, a := range sel.architectures {
		if !slices.ContainsFunc(sel.release.Entries, func(e aptrepo.Entry) bool {
			return sel.wants(e.Path) && packageIndex(e.Path) != "" && sel.architecture(e.Path) == a
		}) {
			return fmt.Errorf("has no architecture %q; its architectures: %s", a, strings.Join(sel.known, ", "))
		}
	}
	return nil
}

// wants reports whether a path, below the directory of the Release, belongs to
// what is wanted. What names neither a component nor an architecture belongs to
// all of them.
func (sel *selection) wants(p string) bool {
	if sel.suite.flat {
		return true
	}
	first, _, below := strings.Cut(p, "/")
	if below && !sel.inComponent(p) && sel.isComponent(first, p) {
		return false
	}
	switch arch := sel.architecture(p); arch {
	case "":
		return true
	default:
		return slices.Contains(sel.architectures, arch) || arch == archAll && sel.wantsAll()
	}
}

// wantsAll reports whether indexes of "all" go with those of an architecture.
// Where a Release does not name it among its architectures, no client asks for
// them: what they have is in the others too.
func (sel *selection) wantsAll() bool {
	declared := len(sel.release.Architectures) == 0 || slices.Contains(sel.release.Architectures, archAll)
	return declared && slices.ContainsFunc(sel.architectures, func(a string) bool { return a != archSource })
}

// inComponent reports whether p is in a component that is wanted. Packages for
// the installer are in one of their own, "main/debian-installer", as they are
// for apt.
func (sel *selection) inComponent(p string) bool {
	return slices.ContainsFunc(sel.components, func(c string) bool {
		rest, ok := strings.CutPrefix(p, c+"/")
		return ok && !strings.HasPrefix(rest, installerComponent)
	})
}

const installerComponent = "debian-installer/"

// isComponent reports whether p, whose first segment is given, is in some
// component. Security archives name theirs "updates/main", and have them below
// "main".
func (sel *selection) isComponent(first, p string) bool {
	return slices.ContainsFunc(sel.release.Components, func(c string) bool {
		return strings.HasPrefix(p, c+"/") || path.Base(c) == first
	})
}

// architecture returns the architecture that a path is about, by the names of
// all kinds of indexes: binary-amd64/, installer-amd64/, source/,
// Contents-udeb-amd64.gz, Components-amd64.yml.xz, Commands-amd64.
func (sel *selection) architecture(p string) string {
	found := ""
	for segment := range strings.SplitSeq(p, "/") {
		stem, _, _ := strings.Cut(segment, ".")
		for _, a := range sel.known {
			// The longest: "hurd-amd64" is not "amd64".
			if len(a) > len(found) && (strings.HasSuffix(stem, "-"+a) || stem == a && a == archSource) {
				found = a
			}
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// What a package index is of.
const (
	ofPackages = "Packages"
	ofSources  = "Sources"
)

// packageIndex returns what the index at a path is of, or nothing when it is
// none. Its forms differ in what follows the first dot.
func packageIndex(p string) string {
	stem, form, _ := strings.Cut(path.Base(p), ".")
	if (stem == ofPackages || stem == ofSources) && slices.Contains(forms, form) {
		return stem
	}
	return ""
}

// forms are those of an index, the fastest to read first: all are published,
// whichever is read.
var forms = []string{"zst", "gz", "xz", "bz2", ""}

// A formed is an index in all the forms that a Release lists.
type formed struct {
	stem  string // the path, without the form
	of    string
	forms []aptrepo.Entry // in the order of forms
}

// split parts what is wanted into package indexes and all else.
func (sel *selection) split() (indexes []formed, others []aptrepo.Entry) {
	at := map[string]int{}
	for _, e := range sel.release.Entries {
		if !sel.wants(e.Path) {
			continue
		}
		of := packageIndex(e.Path)
		if of == "" {
			others = append(others, e)
			continue
		}
		stem := path.Join(path.Dir(e.Path), of)
		if _, ok := at[stem]; !ok {
			at[stem] = len(indexes)
			indexes = append(indexes, formed{stem: stem, of: of})
		}
		x := &indexes[at[stem]]
		x.forms = append(x.forms, e)
	}
	for _, x := range indexes {
		slices.SortFunc(x.forms, func(a, b aptrepo.Entry) int { return formRank(a.Path) - formRank(b.Path) })
	}
	return indexes, others
}

func formRank(p string) int {
	_, form, _ := strings.Cut(path.Base(p), ".")
	return slices.Index(forms, form)
}

// byHash returns where an entry also stands.
func (sel *selection) byHash(e aptrepo.Entry) []string {
	if !sel.release.ByHash {
		return nil
	}
	dir := sel.suite.dir + path.Join(path.Dir(e.Path), "by-hash") + "/"
	paths := []string{dir + "SHA256/" + e.SHA256.String()}
	if kind, digest := e.Strongest(); kind != "SHA256" {
		paths = append(paths, dir+kind+"/"+digest)
	}
	return paths
}
