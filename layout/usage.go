package layout

import (
	"maps"
	"slices"
)

// appendUsage says how to use a checkpoint, and any other time. All IDs in it
// are those of checkpoints, since scrapers take every ID on the page for one.
func appendUsage(b []byte, t Table, url string) []byte {
	b = append(b, "<h2 id=\"use\">How to use it</h2>\n<p>After <code>"...)
	b = appendText(b, url)
	b = append(b, "</code> write</p>\n<table>\n"...)
	if newest := t.Newest(); newest != "" {
		b = appendUse(b, string(newest), "this checkpoint, which never changes")
	}
	b = appendUse(b, "YYYYMMDDTHHMMSSZ", "any moment, in UTC: leads to the newest checkpoint at or before it")
	b = appendUse(b, "YYYYMMDD", "any day: as its 00:00:00")
	b = appendUse(b, "latest", leadsTo(t.Newest()))
	for _, name := range slices.Sorted(maps.Keys(t.Channels)) {
		b = appendUse(b, name, leadsTo(t.Channels[name]))
	}
	b = append(b, "</table>\n<p>and what you want from it. Clients follow the redirect:</p>\n<pre>curl -fLO "...)
	b = appendText(b, url+exampleDay(t)+"/FILE")
	b = append(b, "\ncurl -fLO "...)
	b = appendText(b, url+"latest/FILE")
	return append(b, "</pre>\n"...)
}

func appendPrograms(b []byte) []byte {
	return append(b, "<p>For programs: <a href=\"./checkpoints.json\">checkpoints.json</a>, "+
		"and the log in <code>log/1.json</code>, <code>log/2.json</code>, …</p>\n"...)
}

func appendUse(b []byte, time, meaning string) []byte {
	b = append(b, "<tr><td><code>"...)
	b = appendText(b, time+"/")
	b = append(b, "</code></td><td>"...)
	b = appendText(b, meaning)
	return append(b, "</td></tr>\n"...)
}

func leadsTo(id Stamp) string {
	if id == "" {
		return "leads nowhere yet"
	}
	return "leads to " + string(id)
}

// exampleDay returns a day that has an answer at any time: that of the newest
// checkpoint, where there is one before it.
func exampleDay(t Table) string {
	newest := t.Newest()
	if newest == "" || t.At(newest[:8]+"T000000Z") == "" {
		return "YYYYMMDD"
	}
	return string(newest[:8])
}
