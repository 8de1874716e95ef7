package layout

import (
	"net/url"
	"slices"
	"strings"
)

func (s Source) apt() []Snippet {
	if len(s.Remote.Releases) == 0 { // an empty checkpoint
		return nil
	}
	snippets := make([]Snippet, 0, 3)
	if s.Remote.Keyring != "" {
		snippets = append(snippets, Snippet{Client: "apt-keyring", Title: "The keys that it was verified with, if you have no better source",
			Text: "curl -fLo " + s.aptKeyring() + " " + s.checkpoint() + s.Remote.Keyring + "\n"})
	}
	snippets = append(snippets, Snippet{Client: "apt", Title: "apt", File: "/etc/apt/sources.list.d/" + s.Repository + ".sources", Text: s.aptSources()})
	if lines := s.aptTemplates(); len(lines) > 0 {
		snippets = append(snippets, Snippet{Client: "apt-snapshot", Title: "apt --snapshot (apt 2.7 and later)",
			File: "/etc/apt/apt.conf.d/80snapshot-" + s.Repository + ".conf", Text: s.aptSnapshot(lines)})
	}
	return snippets
}

// aptKeyring is where the keys are put. apt tells by the name that they are
// armored.
func (s Source) aptKeyring() string { return "/etc/apt/keyrings/" + s.Repository + ".asc" }

// aptSources is the deb822 file: a stanza for suites with components, and one
// for flat ones, which may not have any.
func (s Source) aptSources() string {
	var suites, flat []Release
	for _, r := range s.Remote.Releases {
		if strings.HasSuffix(r.Suite, "/") {
			flat = append(flat, r)
		} else {
			suites = append(suites, r)
		}
	}
	var stanzas []string
	if len(suites) > 0 {
		stanzas = append(stanzas, s.aptStanza(suites, s.aptTypes(), s.aptComponents()))
	}
	if len(flat) > 0 {
		stanzas = append(stanzas, s.aptStanza(flat, []string{"deb"}, nil))
	}
	return strings.Join(stanzas, "\n")
}

func (s Source) aptStanza(releases []Release, types, components []string) string {
	var t textFile
	var names []string
	expires := false
	for _, r := range releases {
		names = append(names, r.Suite)
		expires = expires || r.ValidUntil != ""
	}
	t.line("# ", s.Repository, " at ", string(s.ID), ", which never changes.")
	t.leftOut("#", s)
	if appendReleases(&t, releases) {
		t.line("# Date is when upstream made it; to apt no age is too old.")
	}
	if expires {
		t.line("# After Valid-Until apt refuses a suite, in case a mirror withholds updates. A checkpoint is meant to")
		t.line("# stand still, and all of them pass that time: so apt is told not to check it.")
	}
	t.field("Types: ", types...)
	t.line("URIs: ", s.checkpoint())
	t.field("Suites: ", names...)
	t.field("Components: ", components...)
	if components != nil {
		t.field("Architectures: ", s.aptArchitectures()...)
	}
	if expires {
		t.line("Check-Valid-Until: no")
	}
	if s.Remote.Keyring != "" {
		t.line("Signed-By: ", s.aptKeyring())
	}
	return t.String()
}

// appendReleases says how old the suites were. No time in it has the form of an
// ID: scrapers take those for checkpoints.
func appendReleases(t *textFile, releases []Release) (dated bool) {
	for _, r := range releases {
		var says []string
		if r.Date != "" {
			dated = true
			says = append(says, "Date "+aptTime(r.Date))
		}
		if r.ValidUntil != "" {
			says = append(says, "Valid-Until "+aptTime(r.ValidUntil))
		}
		if len(says) > 0 {
			t.line("# ", r.Suite, ": ", strings.Join(says, ", "))
		}
	}
	return dated
}

func aptTime(id Stamp) string { return id.Time().Format("2 Jan 2006 15:04:05 UTC") }

const aptSource = "source" // the architecture

func (s Source) aptTypes() []string {
	var types []string
	if len(s.aptArchitectures()) > 0 {
		types = append(types, "deb")
	}
	if slices.Contains(s.Remote.Architectures, aptSource) {
		types = append(types, "deb-src")
	}
	return types
}

// aptArchitectures leaves out what apt does not call one; "all" it takes by
// itself, beside another.
func (s Source) aptArchitectures() []string {
	var named []string
	for _, a := range s.Remote.Architectures {
		if a != aptSource && (a != "all" || len(s.Remote.Architectures) == 1) {
			named = append(named, a)
		}
	}
	return named
}

// aptComponents leaves out those of the installer, whose packages are not for a
// system that runs.
func (s Source) aptComponents() []string {
	var components []string
	for _, c := range s.Remote.Components {
		if !strings.HasSuffix(c, "/debian-installer") {
			components = append(components, c)
		}
	}
	if len(components) == 0 {
		return s.Remote.Components
	}
	return components
}

func (s Source) aptSnapshot(templates []string) string {
	var t textFile
	t.line("// With this, and the sources of the live archive as they are:")
	t.line("//   apt --snapshot ", string(s.ID), " update")
	t.line("//   apt --snapshot ", string(s.ID), " install PACKAGE")
	t.leftOut("//", s)
	if slices.ContainsFunc(s.Remote.Releases, func(r Release) bool { return r.ValidUntil != "" }) {
		t.line("// Suites expire here: the sources need \"Check-Valid-Until: no\", or an old checkpoint is refused.")
	}
	t.line("// Any other time leads to the checkpoint before it; only an ID can't come to mean another one while apt works.")
	for _, l := range templates {
		t.line(l)
	}
	return t.String()
}

// aptTemplates returns the lines of apt.conf that tell where snapshots are, by
// the most exact of what apt knows an archive by: a label, an origin, a host.
// Overrides are asked for first, even before what apt has built in.
func (s Source) aptTemplates() []string {
	var lines []string
	for _, r := range s.Remote.Releases {
		name := ""
		switch {
		case plainName(r.Label):
			name = "Override::Label::" + r.Label
		case plainName(r.Origin):
			name = "Override::Origin::" + r.Origin
		default:
			if u, err := url.Parse(s.Remote.URL); err == nil && plainName(u.Hostname()) {
				name = "Host::" + u.Hostname()
			}
		}
		if name != "" {
			lines = append(lines, `"Acquire::Snapshots::URI::`+name+`" "`+s.at("@SNAPSHOTID@")+`";`)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// plainName reports whether upstream's text can be a name in apt.conf, which is
// read by root.
func plainName(s string) bool {
	return s != "" && strings.Trim(s, urlSafe+"+~ ") == "" && strings.TrimSpace(s) == s
}
