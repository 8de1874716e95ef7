package layout

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// listedCheckpoints is how many the list of checkpoints shows.
const listedCheckpoints = 1000

// ListingPages draws the page that lists the checkpoints of a repository and,
// when there have ever been more than 1,000, those of the months in which the
// checkpoints changed lie (all months where changed is nil, or where the list
// may just have outgrown one page). Changed are those that were committed or
// pruned since the pages were drawn. The months come first: the list links to
// them. newest is the remote of the newest checkpoint's record.
func ListingPages(t Table, newest Remote, publicURL string, changed []Stamp) ([]Page, error) {
	if _, err := PublicPath(publicURL); err != nil {
		return nil, fmt.Errorf("draw the listing of %q: %w", t.Repository, err)
	}
	var pages []Page
	if t.HasMonths() {
		pages = monthPages(t, changed)
	}
	s := Source{Repository: t.Repository, URL: RepositoryURL(publicURL, t.BasePath), ID: t.Newest(), Remote: newest}
	return append(pages, listingPage(t, s)), nil
}

// HasMonths reports whether the months have pages of their own. Once there,
// they stay up to date, however many checkpoints are pruned.
func (t *Table) HasMonths() bool { return len(t.Checkpoints)+t.Removed > listedCheckpoints }

func listingPage(t Table, s Source) Page {
	shown := t.Checkpoints[max(0, len(t.Checkpoints)-listedCheckpoints):]
	b := appendHead(nil, t.PublicPath+t.BasePath+"/", t.Log.Entries)
	b = appendListingIntro(b, t, len(shown))
	b = appendRows(b, "../", checkpointRows(shown, ""))
	if len(shown) < len(t.Checkpoints) {
		b = appendMonthLinks(b, t)
	}
	b = appendRedactions(b, t.Redacted)
	b = appendUsage(b, t, s.URL)
	b = appendClients(b, s, "the newest")
	b = appendPrograms(b)
	return NewPage(Listing, ListingKey(t.BasePath), appendFoot(b), t.Log.Entries)
}

func appendListingIntro(b []byte, t Table, shown int) []byte {
	b = append(b, "<p>"...)
	switch {
	case len(t.Checkpoints) == 0:
		b = append(b, "No checkpoints yet"...)
	case shown < len(t.Checkpoints):
		b = append(b, "The newest "...)
		b = appendCount(b, shown, "checkpoint")
		b = append(b, " of "...)
		b = appendGrouped(b, len(t.Checkpoints))
		b = append(b, ", oldest first; <a href=\"#months\">all of them by month</a>"...)
	default:
		b = appendCount(b, shown, "checkpoint")
		b = append(b, ", oldest first"...)
	}
	return append(b, ". Times are UTC. <a href=\"#use\">How to use it</a></p>\n"...)
}

// checkpointRows returns a row for each checkpoint; up leads from the page to
// the directory the checkpoints stand in, "" where they stand beside it.
func checkpointRows(checkpoints []Checkpoint, up string) []row {
	rows := make([]row, len(checkpoints))
	for i, c := range checkpoints {
		name := string(c.ID) + "/"
		rows[i] = row{name: name, seen: c.ID, size: c.Bytes, note: string(appendCount(nil, c.Files, "file"))}
		if up != "" {
			rows[i].href = up + name
		}
	}
	return rows
}

// monthPages draws the months of changed, oldest first.
func monthPages(t Table, changed []Stamp) []Page {
	wanted := map[Stamp]bool{}
	for _, id := range changed {
		wanted[monthOf(id)] = true
	}
	all := changed == nil || len(t.Checkpoints)+t.Removed-len(changed) <= listedCheckpoints
	var pages []Page
	for month, rows := range byMonth(t.Checkpoints) {
		if all || wanted[month] {
			pages = append(pages, monthPage(t, month, rows))
		}
		delete(wanted, month)
	}
	// What is left lost its last checkpoint; an older page must not stand.
	for _, month := range slices.Sorted(maps.Keys(wanted)) {
		pages = append(pages, monthPage(t, month, nil))
	}
	return pages
}

func monthPage(t Table, month Stamp, checkpoints []Checkpoint) Page {
	key := MonthKey(t.BasePath, month)
	b := appendHead(nil, t.PublicPath+pageDir(key), t.Log.Entries)
	b = append(b, "<p>"...)
	b = appendCount(b, len(checkpoints), "checkpoint")
	b = append(b, ", oldest first. Times are UTC.</p>\n"...)
	// The directory of the year has no page: up is the list itself.
	b = appendRows(b, "../../", checkpointRows(checkpoints, "../../"))
	return NewPage(Listing, key, appendFoot(b), t.Log.Entries)
}

// monthOf returns the month of id as "202503".
func monthOf(id Stamp) Stamp { return id[:min(len(id), len("202503"))] }

// byMonth cuts sorted checkpoints into their months, in order.
func byMonth(checkpoints []Checkpoint) iter.Seq2[Stamp, []Checkpoint] {
	return func(yield func(Stamp, []Checkpoint) bool) {
		for len(checkpoints) > 0 {
			month := monthOf(checkpoints[0].ID)
			n := slices.IndexFunc(checkpoints, func(c Checkpoint) bool { return monthOf(c.ID) != month })
			if n < 0 {
				n = len(checkpoints)
			}
			if !yield(month, checkpoints[:n]) {
				return
			}
			checkpoints = checkpoints[n:]
		}
	}
}

func appendMonthLinks(b []byte, t Table) []byte {
	b = append(b, "<h2 id=\"months\">All checkpoints by month</h2>\n<nav aria-label=\"Months\">\n"...)
	for month := range byMonth(t.Checkpoints) {
		year, mm := string(month[:4]), string(month[4:])
		b = appendLink(b, "./"+year+"/"+mm+"/", year+"-"+mm)
		b = append(b, '\n')
	}
	return append(b, "</nav>\n"...)
}
