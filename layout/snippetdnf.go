package layout

// variable is what dnf and zypper put the ID in place of.
const variable = "$snapshot"

func (s Source) dnf() []Snippet {
	return []Snippet{
		{Client: "dnf", Title: "dnf", File: "/etc/yum.repos.d/" + s.Repository + ".repo", Text: s.repo()},
		{Client: "dnf-snapshot", Title: "The checkpoint that dnf reads", File: "/etc/dnf/vars/snapshot", Text: string(s.ID) + "\n"},
	}
}

// repo is the file of a repository. Packages are always verified: where the
// remote has no keyring, with the keys that the machine has.
func (s Source) repo() string {
	var t textFile
	t.line("# ", variable, " is in /etc/dnf/vars/snapshot; what an ID names never changes.")
	t.leftOut("#", s)
	t.line("[", s.Repository, "]")
	t.line("name=", s.Repository, " at ", variable)
	t.line("baseurl=", s.at(variable))
	t.line("enabled=1")
	t.line("metadata_expire=never")
	t.line("gpgcheck=1")
	if s.Remote.Keyring == "" {
		t.line("# The metadata is not signed, or was not verified; packages need a key that rpm has, or a gpgkey here.")
		t.line("repo_gpgcheck=0")
		return t.String()
	}
	t.line("repo_gpgcheck=1")
	t.line("# The keys that it was verified with; if you have them from a better source, name that.")
	t.line("gpgkey=", s.at(variable), s.Remote.Keyring)
	return t.String()
}

// zypper is in single quotes where the variable is, which is zypper's own.
func (s Source) zypper() Snippet {
	var t textFile
	t.leftOut("#", s)
	t.line("echo ", string(s.ID), " > /etc/zypp/vars.d/snapshot")
	check := "--gpgcheck-allow-unsigned-repo"
	if s.Remote.Keyring != "" {
		check = "--gpgcheck"
		t.line("rpm --import ", s.checkpoint(), s.Remote.Keyring)
	}
	t.line("zypper addrepo --no-refresh ", check, " '", s.at(variable), "' ", s.Repository)
	return Snippet{Client: "zypper", Title: "zypper", Text: t.String()}
}
