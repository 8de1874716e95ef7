package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// snippetsOf returns what the command prints, by client.
func snippetsOf(s *e2eSite, words ...string) map[string]layout.Snippet {
	s.t.Helper()
	snippets := map[string]layout.Snippet{}
	for line := range strings.Lines(s.run("20250423T000000Z", append([]string{"snippet", "--json"}, words...)...)) {
		var snippet layout.Snippet
		must(s.t, json.Unmarshal([]byte(line), &snippet))
		snippets[snippet.Client] = snippet
	}
	return snippets
}

// local makes the public URL of a text that of the edge, and its directories
// those below root. Nothing else of a snippet is changed.
func local(text, addr, root string) string {
	text = strings.ReplaceAll(text, "https://snapshots.example.org/", "http://"+addr+"/")
	return strings.ReplaceAll(text, " /etc/", " "+root+"/etc/")
}

// shell runs the commands of a snippet.
func shell(t *testing.T, commands string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	c.Env = append(os.Environ(), "no_proxy=127.0.0.1", "http_proxy=")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", commands, err, out)
	}
}

// TestAptTakesTheSnippets lets the real apt-get read what snippet prints for a
// time, after curl has fetched the keys as it says.
func TestAptTakesTheSnippets(t *testing.T) {
	t.Parallel()
	findAptTools(t)
	enginetest.Find(t, "curl")
	d := newE2EDeb(t, e2eStores[0], makeDebStates(t))
	d.remote = strings.Replace(d.remote, "stable,", "stable, expires,", 1)
	d.configure("")
	d.publish()
	d.edge = enginetest.Nginx(t, filepath.Join(d.dir, "redirects"), d.place())
	for when, state := range map[string]string{"20250319T120000Z": "one", "20250320": "two", "latest": "four"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			snippets := snippetsOf(d.e2eSite, "hop", when)
			a := newApt(t, d, "what snippet says of "+when)
			must(t, os.MkdirAll(filepath.Join(a.root, "etc", "apt", "keyrings"), 0o755))
			shell(t, local(snippets["apt-keyring"].Text, d.edge.Addr, a.root))
			a.reads(snippets["apt"], "")
			version := map[bool]string{true: "1.0", false: "1.1"}[state == "one"]
			a.must("update")
			a.must("install", "--download-only", "--yes", "hello", "same", "g++-flat+x")
			a.holds(filepath.Join(a.root, "archives"), state, "pool/main/h/hello/hello_"+version+"_amd64.deb", "pool/main/s/same/same_1.0_amd64.deb")
			a.must("source", "--download-only", "hello="+version)
			a.holds(a.root, state, "pool/main/h/hello/hello_"+version+".dsc")
			a.snapshots(snippets, state)
			a.expires(snippets["apt"])
		})
	}
}

// reads makes a snippet, with more lines in each stanza, the only sources.
func (a *apt) reads(sources layout.Snippet, more string) {
	a.t.Helper()
	dir := filepath.Join(a.root, "sources")
	must(a.t, os.MkdirAll(dir, 0o755))
	a.write(sources, more)
	must(a.t, os.Remove(filepath.Join(a.root, "sources.list")))
	a.append("Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"" + dir + "\";\n")
}

func (a *apt) write(sources layout.Snippet, more string) {
	a.t.Helper()
	text := local(sources.Text, a.deb.edge.Addr, a.root)
	text = strings.ReplaceAll(text, "\nTypes:", "\n"+more+"Types:")
	must(a.t, os.WriteFile(filepath.Join(a.root, "sources", filepath.Base(sources.File)), []byte(text), 0o644))
}

// expires wants that apt would refuse the sources, were it not told that a
// checkpoint is old.
func (a *apt) expires(sources layout.Snippet) {
	a.t.Helper()
	sources.Text = strings.ReplaceAll(sources.Text, "Check-Valid-Until: no\n", "")
	a.write(sources, "")
	if out, err := a.run("update"); err == nil || !strings.Contains(out, "expires InRelease' is not valid anymore") && !strings.Contains(out, "is expired") {
		a.t.Errorf("without Check-Valid-Until: got %v: %s; want the suite refused as expired", err, out)
	}
}

// append writes more into the configuration.
func (a *apt) append(text string) {
	a.t.Helper()
	old, err := os.ReadFile(a.config)
	must(a.t, err)
	must(a.t, os.WriteFile(a.config, append(old, text...), 0o644))
}

// snapshots lets apt-get --snapshot find the checkpoint from the sources of a
// live archive, by the lines for apt.conf. An apt that does not know snapshots
// is only asked to read these.
func (a *apt) snapshots(snippets map[string]layout.Snippet, state string) {
	a.t.Helper()
	conf := local(snippets["apt-snapshot"].Text, a.deb.edge.Addr, a.root)
	a.append(conf)
	c := exec.CommandContext(a.t.Context(), "apt-config", "dump", "--format", "%F %v%n", "Acquire::Snapshots")
	c.Env = append(os.Environ(), "APT_CONFIG="+a.config)
	out, err := c.Output()
	if want := "URI::Override::Origin::Test http://" + a.deb.edge.Addr + "/deb/hop/@SNAPSHOTID@/\n"; err != nil || !strings.Contains(string(out), want) {
		a.t.Errorf("apt-config says %v: %s; want %s", err, out, want)
	}
	if !a.knowsSnapshots() {
		a.t.Log("this apt has no --snapshot (it came with 2.7): nothing was read by it")
		return
	}
	id := strings.Split(snippets["curl"].Text, "/")[5]
	live := snippets["apt"]
	live.Text = strings.ReplaceAll(live.Text, "https://snapshots.example.org/deb/hop/"+id, a.deb.upstream)
	b := newApt(a.t, a.deb, a.deb.upstream+" with --snapshot "+id)
	b.append(conf)
	b.reads(live, "Snapshot: enable\n")
	must(b.t, os.CopyFS(filepath.Join(b.root, "etc"), os.DirFS(filepath.Join(a.root, "etc"))))
	b.must("update", "--snapshot", id)
	b.must("install", "--snapshot", id, "--download-only", "--yes", "same")
	b.holds(filepath.Join(b.root, "archives"), state, "pool/main/s/same/same_1.0_amd64.deb")
}

var aptVersion = regexp.MustCompile(`^apt (\d+)\.(\d+)`)

func (a *apt) knowsSnapshots() bool {
	a.t.Helper()
	out, err := a.run("--version")
	v := aptVersion.FindStringSubmatch(out)
	if err != nil || v == nil {
		a.t.Fatalf("apt-get --version: %v: %s", err, out)
	}
	major, _ := strconv.Atoi(v[1])
	minor, _ := strconv.Atoi(v[2])
	return major > 2 || major == 2 && minor >= 7
}

// TestDNFTakesTheSnippets lets the real dnf read the .repo file and its
// variable, with the keys that the checkpoint has.
func TestDNFTakesTheSnippets(t *testing.T) {
	t.Parallel()
	u := newRPMUpstream(t)
	s := newRPMSite(t, e2eStores[0], u)
	s.publish()
	edge := enginetest.Nginx(t, filepath.Join(s.dir, "redirects"), s.place())
	d := newDNF(t, u, edge.Addr, "what snippet says")
	must(t, os.Remove(filepath.Join(d.dir, "repos", "x.repo")))
	must(t, os.Mkdir(filepath.Join(d.dir, "vars"), 0o777))
	d.repo, d.more = "hop", []string{"--setopt=varsdir=" + filepath.Join(d.dir, "vars")}
	for when, state := range map[string]string{"20250318": "", "20250318T140441Z": "one", "20250319": "three", "latest": "four"} {
		if state == "" {
			if code, _, said := s.try("20250423T000000Z", "snippet", "hop", when); code != exitFailed || !strings.Contains(said, "the first is 20250318T140338Z") {
				t.Errorf("%s: exit code %d: %s", when, code, said)
			}
			continue
		}
		snippets := snippetsOf(s.e2eSite, "hop", when)
		for client, dir := range map[string]string{"dnf": "repos", "dnf-snapshot": "vars"} {
			snippet := snippets[client]
			must(t, os.WriteFile(filepath.Join(d.dir, dir, filepath.Base(snippet.File)), []byte(local(snippet.Text, edge.Addr, d.dir)), 0o666))
		}
		must(t, os.RemoveAll(filepath.Join(d.dir, "got")))
		d.getsOne(u.states[state])
	}
}

// TestZypperTakesTheSnippets lets the real zypper run the commands, below a
// root of its own.
func TestZypperTakesTheSnippets(t *testing.T) {
	t.Parallel()
	enginetest.Find(t, "zypper")
	u := newRPMUpstream(t)
	s := newRPMSite(t, e2eStores[0], u)
	s.publish()
	edge := enginetest.Nginx(t, filepath.Join(s.dir, "redirects"), s.place())
	for when, state := range map[string]string{"20250318T140441Z": "one", "20250319": "three", "latest": "four"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			must(t, os.MkdirAll(filepath.Join(root, "etc", "zypp", "vars.d"), 0o755))
			zypper := "zypper --non-interactive --root " + root + " "
			commands := local(snippetsOf(s.e2eSite, "hop", when)["zypper"].Text, edge.Addr, root)
			commands = strings.ReplaceAll(commands, "zypper addrepo", zypper+"addrepo")
			variable, rest, _ := strings.Cut(commands, "rpm --import ")
			keys, add, _ := strings.Cut(rest, "\n")
			shell(t, variable+add)
			if said, err := tryTool(t, root, root, "sh", "-c", zypper+"refresh"); err == nil || !strings.Contains(string(said), "unknown key") {
				t.Errorf("without the keys: %v: %s; want the signature refused", err, said)
			}
			shell(t, "rpm --root "+root+" --import "+keys+"\n"+zypper+"refresh\n"+zypper+"download hello\n")
			got, err := readTree(filepath.Join(root, "var", "cache", "zypp", "packages", "hop"))
			must(t, err)
			newest := map[bool]string{true: "hello-1.rpm", false: "hello-2.rpm"}[state == "one"]
			if len(got) != 1 || got[newest] != u.states[state][newest] {
				t.Errorf("downloaded %d files, want %s of that day", len(got), newest)
			}
		})
	}
}
