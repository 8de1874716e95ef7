package redirects

import (
	"fmt"
	"net/url"
	"strings"

	"datestone/layout"
)

// An Input is what rules are made from.
type Input struct {
	Tables []layout.Table
	// PublicURL is where readers find the site; empty if unknown. Only s3
	// needs it: S3 behind a CDN does not know by what name it was asked.
	PublicURL string
	// Resolver is the host of another edge, to which s3 sends what it can't
	// answer; none if empty.
	Resolver string
}

// Render returns the rules of target. The same input, its tables in any order,
// gives the same bytes.
func (in Input) Render(target string) ([]Artifact, error) {
	render, ok := dialects[target]
	if !ok {
		return nil, fmt.Errorf("no redirect target %q: there are %s", target, strings.Join(Targets(), ", "))
	}
	sites, err := in.sites()
	if err != nil {
		return nil, err
	}
	return render(sites)
}

func (in Input) sites() ([]site, error) {
	if err := CheckResolver(in.Resolver, in.PublicURL); err != nil {
		return nil, err
	}
	sites, err := checkedSites(in.Tables)
	for i := range sites {
		sites[i].publicURL, sites[i].resolver = in.PublicURL, in.Resolver
	}
	return sites, err
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

// CheckResolver refuses a resolver that is no host, or that of the public URL:
// a request would go round for ever.
func CheckResolver(host, publicURL string) error {
	if host == "" {
		return nil
	}
	u, err := url.Parse("https://" + host)
	if err != nil || u.Host != host || u.Hostname() == "" || strings.Trim(u.Hostname(), hostLetters) != "" {
		return fmt.Errorf("resolver %q: write the host of another edge, without https:// and path", host)
	}
	if own, err := url.Parse(publicURL); err == nil && strings.EqualFold(own.Host, host) {
		return fmt.Errorf("resolver %q is the host of the public URL itself: write that of another edge", host)
	}
	return nil
}
