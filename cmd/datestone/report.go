package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"datestone/layout"
)

// A report is what a run did with one repository; a line of its output, and of
// --json the whole contract.
type report struct {
	Repository string `json:"repository"`
	// Result is published, claimed, seen, unchanged or failed; of prune pruned,
	// swept or planned; of pin and unpin pinned and unpinned.
	Result     string       `json:"result"`
	Checkpoint layout.Stamp `json:"checkpoint"` // published or claimed, else null
	Files      int          `json:"files"`      // of that checkpoint
	Bytes      int64        `json:"bytes"`
	// Fetched came from the remote, Linked stood in the bucket already.
	Fetched      int                     `json:"fetched"`
	FetchedBytes int64                   `json:"fetched_bytes"`
	Linked       int                     `json:"linked"`
	Replaced     int                     `json:"replaced"`           // paths with other content than before
	Seen         layout.Stamp            `json:"seen"`               // final_until was moved to it, else null
	Promoted     map[string]layout.Stamp `json:"promoted,omitempty"` // channel → checkpoint
	LeftOut      *layout.LeftOut         `json:"left_out,omitempty"` // packages that a filter keeps out of that checkpoint
	Prune        *pruneReport            `json:"prune,omitempty"`    // what "datestone prune" did, or would do
	Error        string                  `json:"error,omitempty"`
}

func (r *report) claimed(c layout.Claim) {
	r.Result, r.Checkpoint, r.Files, r.Bytes, r.Replaced = "claimed", c.ID, c.List.Files, c.List.Bytes, c.Replaced
	r.LeftOut = c.Remote.LeftOut
}

func (r *report) promote(channel string, id layout.Stamp) {
	if r.Promoted == nil {
		r.Promoted = map[string]layout.Stamp{}
	}
	r.Promoted[channel] = id
}

// finish settles the result, err being what the run ended with.
func (r *report) finish(err error) {
	if err != nil {
		r.Result, r.Error = "failed", err.Error()
	}
	if r.Result == "" && r.Prune != nil {
		r.Result = r.Prune.result()
	}
	if r.Result == "" && r.Seen != "" {
		r.Result = "seen"
	}
	r.Result = cmp.Or(r.Result, "unchanged")
}

// String is the line for people, and another where packages are left out.
func (r report) String() string {
	if r.Prune != nil {
		return r.Prune.text(r.Repository)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Repository, r.Result)
	switch r.Result {
	case "published", "claimed":
		fmt.Fprintf(&b, " %s, %s, %s (%d fetched, %s; %d linked)",
			r.Checkpoint, count(r.Files, "file"), layout.HumanSize(r.Bytes), r.Fetched, layout.HumanSize(r.FetchedBytes), r.Linked)
	case "pinned", "unpinned":
		fmt.Fprintf(&b, " %s", r.Checkpoint)
	case "seen":
		fmt.Fprintf(&b, ", final until %s", r.Seen)
	}
	if r.Replaced > 0 {
		fmt.Fprintf(&b, "; %s with other content than before", count(r.Replaced, "path"))
	}
	for _, channel := range slices.Sorted(maps.Keys(r.Promoted)) {
		fmt.Fprintf(&b, "; %s leads to %s", channel, r.Promoted[channel])
	}
	if r.LeftOut != nil {
		fmt.Fprintf(&b, "\n%s: %s", r.Repository, r.LeftOut)
	}
	return b.String()
}
