package main

import (
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"

	"datestone/layout"
	"datestone/redirects"
)

const (
	// maxKeep is the largest count of a policy; more is unlimited.
	maxKeep = 1_000_000
	// unlimited is how restic writes a count without end.
	unlimited = "unlimited"
	// defaultGrace is a grace that is not configured: it follows from how old
	// an answer can get.
	defaultGrace time.Duration = -1
)

// keep reads a policy of retention. One that would keep nothing is refused:
// restic takes it for none, and who writes it means something else.
func (r *configReader) keep(n ast.Node, repo *repository) {
	k, before := &repo.Keep, len(r.problems)
	r.fields(n, map[string]field{
		"last":    r.count(&k.Last),
		"hourly":  r.count(&k.Hourly),
		"daily":   r.count(&k.Daily),
		"weekly":  r.count(&k.Weekly),
		"monthly": r.count(&k.Monthly),
		"yearly":  r.count(&k.Yearly),
		"within":  func(n ast.Node) { r.age(n, &k.Within) },
		"grace":   r.duration(&repo.Grace),
	})
	if k.IsZero() && before == len(r.problems) {
		r.problem(first(n), `"keep" names nothing that stays: write {last: 30, daily: 90}, or leave the key out to prune nothing`)
	}
}

// count returns a field that reads a number, or "unlimited".
func (r *configReader) count(to *int) field {
	return func(n ast.Node) {
		s, ok := r.expanded(n)
		if !ok {
			return
		}
		i, err := strconv.Atoi(s)
		switch {
		case s == unlimited:
			*to = layout.KeepAll
		case err != nil || i < layout.KeepAll || i > maxKeep:
			r.problem(n, "%q: write a number from 0 to %d, or %s", s, maxKeep, unlimited)
		default:
			*to = i
		}
	}
}

func (r *configReader) age(n ast.Node, to *layout.Age) {
	s, ok := r.expanded(n)
	if !ok {
		return
	}
	a, err := layout.ParseAge(s)
	if err != nil {
		r.problem(n, "%v", err)
		return
	}
	*to = a
}

// graceFor is how long an answer that is no more may live in caches: a final
// one as long as it says, and rules as long as they may be old.
func (r *configReader) graceFor() time.Duration {
	return redirects.FinalAge + r.config.Redirects.Refresh
}
