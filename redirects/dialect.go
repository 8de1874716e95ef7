package redirects

import (
	"fmt"
	"slices"
	"strings"

	"datestone/layout"
)

// What dialects share: how they write a head, an outcome, a path and the
// calendar.

// madeFrom says which tables the rules were made from.
func madeFrom(sites []site) string {
	var b strings.Builder
	for _, s := range sites {
		until := string(s.table.FinalUntil)
		if until == "" {
			until = "none"
		}
		fmt.Fprintf(&b, "#   %s: %d checkpoints, log entry %d, final_until %s, answer %s\n",
			s.base, len(s.table.Checkpoints), s.table.Log.Entries, until, s.answerWord())
	}
	return b.String()
}

func (s *site) answerWord() string {
	if s.rewrite {
		return layout.AnswerRewrite
	}
	return layout.AnswerRedirect
}

// outcomeWord writes an outcome as maps of rules hold it: f<checkpoint>
// (final), p<checkpoint> or 404.
func outcomeWord(to layout.Stamp, final bool) string {
	switch {
	case to == "":
		return "404"
	case final:
		return "f" + string(to)
	}
	return "p" + string(to)
}

// pathRegex escapes a path of letters, digits and "/._-".
func pathRegex(path string) string { return strings.ReplaceAll(path, ".", "[.]") }

// A day and a time of the calendar, as layout.ParseMoment takes them.
const (
	calendarDay = `(?!0000)(?:[0-9]{4}(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-8]))` +
		`|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)0229)`
	calendarTime = `(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]`
)

// publicPaths returns each public path once, the longer ones first.
func publicPaths(sites []site) []string {
	var paths []string
	for _, s := range sites {
		paths = append(paths, s.public)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	slices.Reverse(paths)
	return paths
}
