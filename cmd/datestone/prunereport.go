package main

import (
	"fmt"
	"strings"

	"datestone/layout"
	"datestone/redirects"
)

// A pruneReport is what prune did with one repository, or would do.
type pruneReport struct {
	DryRun bool `json:"dry_run"`
	// Checkpoints is how many there were before.
	Checkpoints int `json:"checkpoints"`
	// Kept says why each of those stays that do; in a dry run only.
	Kept []layout.Kept `json:"kept,omitempty"`
	// Locked is how many checkpoints stay for no other reason than the store's
	// locks, the last of which ends at LockedUntil.
	Locked      int            `json:"locked,omitempty"`
	LockedUntil layout.Stamp   `json:"locked_until,omitempty"`
	Pruned      []layout.Stamp `json:"pruned"`
	// Spans are the times whose answers change.
	Spans []spanReport `json:"spans"`
	// Bytes is the content that goes with them in the end; in a dry run only.
	Bytes int64 `json:"bytes,omitempty"`
	// Swept is how many checkpoints, pruned before, were deleted: so many
	// objects, of so many bytes where each link counts.
	Swept       int   `json:"swept"`
	Objects     int   `json:"objects"`
	ObjectBytes int64 `json:"object_bytes"`
	// Waiting is how many pruned checkpoints are still to be deleted.
	Waiting int `json:"waiting"`
}

// newPruneReport returns one whose lists are there, empty, and not null.
func newPruneReport(dry bool) *pruneReport {
	return &pruneReport{DryRun: dry, Pruned: []layout.Stamp{}, Spans: []spanReport{}}
}

// keeps takes in what stays.
func (r *pruneReport) keeps(kept []layout.Kept) {
	if r.DryRun {
		r.Kept = kept
	}
	for _, k := range kept {
		if until, locked := k.OnlyLocked(); locked {
			r.Locked++
			r.LockedUntil = max(r.LockedUntil, until)
		}
	}
}

// took takes in what became, or would become, of a table.
func (r *pruneReport) took(before, after layout.Table, pruned []layout.Stamp) {
	r.Checkpoints = len(before.Checkpoints)
	r.Pruned = append(r.Pruned, pruned...)
	for _, c := range redirects.Changes(before, after) {
		r.Spans = append(r.Spans, newSpanReport(before.Repository, c))
	}
}

// result is the one word for it.
func (r *pruneReport) result() string {
	switch {
	case len(r.Pruned) == 0 && r.Swept == 0:
		return "unchanged"
	case r.DryRun:
		return "planned"
	case len(r.Pruned) == 0:
		return "swept"
	}
	return "pruned"
}

// text is what people read of it: in a dry run first why what stays stays, and
// what becomes of the times of the rest.
func (r *pruneReport) text(name string) string {
	var b strings.Builder
	for _, k := range r.Kept {
		fmt.Fprintf(&b, "%s: keeps %s: %s\n", name, k.ID, strings.Join(k.Reasons, ", "))
	}
	for _, s := range r.Spans {
		if r.DryRun {
			fmt.Fprintf(&b, "%s: %s\n", name, s)
		}
	}
	fmt.Fprintf(&b, "%s: %s", name, r.summary())
	if r.Waiting > 0 {
		fmt.Fprintf(&b, "; the objects of %d go with a later prune", r.Waiting)
	}
	return b.String()
}

func (r *pruneReport) summary() string {
	var parts []string
	pruned := fmt.Sprintf("%d of %s", len(r.Pruned), count(r.Checkpoints, "checkpoint"))
	swept := fmt.Sprintf("of %s pruned before", count(r.Swept, "checkpoint"))
	switch {
	case len(r.Pruned) > 0 && r.DryRun:
		parts = append(parts, fmt.Sprintf("would prune %s, at most %s of content", pruned, layout.HumanSize(r.Bytes)))
	case len(r.Pruned) > 0:
		parts = append(parts, "pruned "+pruned)
	default:
		parts = append(parts, "prunes none of "+count(r.Checkpoints, "checkpoint"))
	}
	if r.Locked > 0 {
		parts = append(parts, fmt.Sprintf("%d would go but for locks until %s", r.Locked, r.LockedUntil))
	}
	switch {
	case r.Swept > 0 && r.DryRun:
		parts = append(parts, "would delete the objects "+swept)
	case r.Swept > 0:
		parts = append(parts, fmt.Sprintf("deleted %s, %s, %s", count(r.Objects, "object"), layout.HumanSize(r.ObjectBytes), swept))
	}
	return strings.Join(parts, "; ")
}
