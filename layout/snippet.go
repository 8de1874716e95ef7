package layout

import (
	"net/url"
	"path"
	"strings"
)

// A Source is a checkpoint as its readers are told of it.
type Source struct {
	Repository string // its name, after which files of clients are called
	URL        string // of the repository, see RepositoryURL
	ID         Stamp
	Remote     Remote // of the checkpoint's record
}

// A Snippet is what a client writes down to read one checkpoint. It names the
// ID, never a time that leads there: what it reads can't change meanwhile.
type Snippet struct {
	Client string `json:"client"` // "apt", "dnf", …: one of the source's, each once
	Title  string `json:"title"`  // what it is
	File   string `json:"file"`   // that Text is the content of; empty for commands
	Text   string `json:"text"`   // with its last newline
}

// RepositoryURL returns the URL of a repository, with its last slash.
func RepositoryURL(publicURL, base string) string {
	return strings.TrimRight(publicURL, "/") + "/" + base + "/"
}

// Snippets returns those for the clients that read remotes of this type, curl
// last; none where there is no checkpoint.
func (s Source) Snippets() []Snippet {
	var snippets []Snippet
	switch {
	case s.ID == "":
		return nil
	case s.Remote.Type == "deb":
		snippets = s.apt()
	case s.Remote.Type == "rpm":
		snippets = append(s.dnf(), s.zypper())
	}
	return append(snippets, s.curl())
}

// at returns the URL of the checkpoint id, which may be a variable of a client.
func (s Source) at(id string) string { return s.URL + id + "/" }

// checkpoint returns the URL of the checkpoint.
func (s Source) checkpoint() string { return s.at(string(s.ID)) }

// curl is for files, and to find the checkpoints of other times.
func (s Source) curl() Snippet {
	file := "FILE"
	if u, err := url.Parse(s.Remote.URL); s.Remote.Type == "file" && err == nil && !strings.HasSuffix(u.Path, "/") && u.Path != "" {
		file = string(appendHref(nil, path.Base(u.Path))) // nothing that a shell would take for itself
	}
	var t textFile
	t.leftOut("#", s)
	return Snippet{Client: "curl", Title: "curl", Text: t.String() + "# " + s.file() + "\n" +
		"curl -fLO " + s.checkpoint() + file + "\n" +
		"# the ID of the checkpoint of any time (needs jq)\n" +
		"curl -fsS " + s.URL + "checkpoints.json | jq -r --arg t " + string(s.ID) + " 'last(.checkpoints[] | select(.id <= $t)).id'\n"}
}

func (s Source) file() string {
	if s.Remote.Type == "file" {
		return "the manifest, or any file that it names"
	}
	return "any file of this checkpoint"
}

// A textFile is written line by line.
type textFile struct{ strings.Builder }

func (t *textFile) line(parts ...string) {
	for _, p := range parts {
		t.WriteString(p)
	}
	t.WriteByte('\n')
}

// field writes a line unless it would say nothing.
func (t *textFile) field(name string, values ...string) {
	if text := strings.Join(values, " "); text != "" {
		t.line(name, text)
	}
}
