package redirects

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// dialects are the targets rules can be rendered for, by name.
var dialects = map[string]func([]site) ([]Artifact, error){
	"apache":     renderApache,
	"caddy":      renderCaddy,
	"cloudflare": renderCloudflare,
	"cloudfront": renderCloudFront,
	"haproxy":    renderHAProxy,
	"json":       renderJSON,
	"nginx":      renderNginx,
	"s3":         renderS3,
}

// ErrTooManyRules is what a TooManyRulesError is: the target can't hold the
// tables. Nothing is rendered then, so the rules in force stay.
var ErrTooManyRules = errors.New("too many rules")

// A TooManyRulesError says what the tables need of a target, and what it takes.
type TooManyRulesError struct {
	Target       string
	Needs, Takes int
	Unit         string // what is counted: "bytes in a KeyValueStore"
	WaysOut      string // what would fit
}

func (e *TooManyRulesError) Error() string {
	return fmt.Sprintf("redirect target %s: %v: the tables need %d %s, it takes %d; ways out: %s",
		e.Target, ErrTooManyRules, e.Needs, e.Unit, e.Takes, e.WaysOut)
}

// Is makes errors.Is find ErrTooManyRules.
func (e *TooManyRulesError) Is(target error) bool { return target == ErrTooManyRules }

// Targets returns the names of all targets, sorted.
func Targets() []string { return slices.Sorted(maps.Keys(dialects)) }

// Render returns the rules of target for tables alone.
func Render(target string, tables []layout.Table) ([]Artifact, error) {
	return Input{Tables: tables}.Render(target)
}

// checkedSites returns the sites of tables, ascending by base path, apart.
func checkedSites(tables []layout.Table) ([]site, error) {
	var sites []site
	for _, t := range tables {
		s, err := checkedSite(t)
		if err != nil {
			return nil, err
		}
		sites = append(sites, s)
	}
	slices.SortFunc(sites, func(a, b site) int { return strings.Compare(a.base, b.base) })
	for i := 1; i < len(sites); i++ {
		for _, above := range sites[:i] {
			if layout.Overlap(above.base, sites[i].base) {
				return nil, fmt.Errorf("tables of %q and %q: base paths %s and %s overlap",
					above.table.Repository, sites[i].table.Repository, above.base, sites[i].base)
			}
		}
	}
	return sites, nil
}

// checkedSite refuses what must not reach a rule: tables may be files from
// elsewhere, and a base path or a name could smuggle in directives.
func checkedSite(t layout.Table) (site, error) {
	if _, err := layout.CleanBasePath(t.BasePath); err != nil {
		return site{}, fmt.Errorf("table of %q: %w", t.Repository, err)
	}
	if p, err := layout.PublicPath("https://host" + t.PublicPath); err != nil || p != t.PublicPath {
		return site{}, fmt.Errorf("table of %q: %q is no public path", t.Repository, t.PublicPath)
	}
	for name := range t.Channels {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return site{}, fmt.Errorf("table of %q: %q is no name of a channel", t.Repository, name)
		}
	}
	return newSite(t), nil
}

// channels returns what all channels lead to, latest and now among them.
func (s *site) channels() map[string]layout.Stamp {
	to := map[string]layout.Stamp{}
	for _, name := range append(slices.Collect(maps.Keys(s.table.Channels)), "latest", "now") {
		to[name], _ = s.channel(name)
	}
	return to
}
