package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// documented is what the commands of docs/formats.md print, in their order, on a
// site that is whole and on one that was tampered with. Each is a pattern for
// all of the output.
var documented = []struct{ begins, whole, tampered string }{
	{"B=https://", "^$", "^$"},
	{"curl -fsS $B/checkpoints.json", "^$", "^record 3 does not follow the one before it\n$"},
	{"for n in $(seq", "^$", "^(?s:.*)record 2 is not signed\n(?s:.*)record 3 is not signed\n$"},
	{"n=$(jq --arg id $ID", "^[0-9a-f]{64}  files\n$", "^[0-9a-f]{64}  files\n1.iso differs\n$"},
	{"tail -n +2 files | cut", "^$", "^1.iso: FAILED\nsha256sum: WARNING: 1 computed checksum did NOT match\n$"},
	{"jq -r --arg t", "^20250318T140338Z\n$", "^20250318T140338Z\n$"},
	{"jq -s -c", `^(\["20250318T140338Z","20250319T140442Z","20250320T000001Z"\]\n){2}$`, `^(\[.*\]\n){2}$`},
	{"curl -fsS https://snapshots.example.org/repositories.json", "^myfile\tcheckpoints/myfile/checkpoints.json\n$", "^myfile\t.*\n$"},
	{"curl -fsS https://snapshots.example.org/status.json", "^$", "^$"},
}

// TestFormatsForStrangers runs the commands of docs/formats.md on a site that
// is signed and has the names that are hard to write, and again when somebody
// has changed a record, exchanged a signature and changed a file.
func TestFormatsForStrangers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "curl", "jq", "zstd", "ssh-keygen"} {
		enginetest.Find(t, name)
	}
	s := newSignedE2E(t)
	dir := s.strangersDir()
	for i, want := range documented {
		s.wantDocumented(dir, i, want.whole)
	}
	mirrored, err := readTree(filepath.Join(dir, string(e2eSecond)))
	must(t, err)
	state := s.remote.states["two"]
	state["PULP_MANIFEST"] = state.manifest()
	if d := differ(mirrored, siteBytes(state)); d != "" {
		t.Errorf("what curl mirrored is not what the remote had:\n%s", d)
	}
	s.tamper()
	dir = s.strangersDir()
	for i, want := range documented {
		s.wantDocumented(dir, i, want.tampered)
	}
}

// newSignedE2E is a site with three signed checkpoints.
func newSignedE2E(t *testing.T) *e2eSite {
	t.Helper()
	s := newE2ESite(t, e2eStores[0], newE2ERemote(t), "", "/")
	private, _ := keyOf(t, "a")
	must(t, os.WriteFile(filepath.Join(s.dir, "key"), private, 0o600))
	for i, id := range []layout.Stamp{e2eFirst, e2eSecond, e2eThird} {
		s.configure([]string{"one", "two", "three"}[i], "}\nsign: {key: ./key")
		s.run(id, "run")
	}
	return s
}

// strangersDir is where a stranger works, who has the public key alone.
func (s *e2eSite) strangersDir() string {
	s.t.Helper()
	dir := s.t.TempDir()
	_, public := keyOf(s.t, "a")
	must(s.t, os.WriteFile(filepath.Join(dir, "allowed_signers"), []byte("datestone namespaces=\"datestone\" "+public+"\n"), 0o600))
	return dir
}

// wantDocumented runs the block i of the documentation, for the second
// checkpoint, and wants its output to be like the pattern.
func (s *e2eSite) wantDocumented(dir string, i int, pattern string) {
	s.t.Helper()
	blocks := documentedBlocks(s.t)
	if len(blocks) != len(documented) || !strings.HasPrefix(blocks[i], documented[i].begins) {
		s.t.Fatalf("docs/formats.md has %d blocks of commands; %d is\n%s", len(blocks), i, blocks[i])
	}
	site := s.serve(e2eNow).URL
	c := exec.CommandContext(s.t.Context(), "bash", "-c", strings.ReplaceAll(blocks[i], "https://snapshots.example.org", site))
	c.Dir = dir
	c.Env = append(os.Environ(), "B="+site+"/checkpoints/myfile", "ID="+string(e2eSecond), "LC_ALL=C")
	out, _ := c.CombinedOutput()
	if !regexp.MustCompile(pattern).Match(out) {
		s.t.Errorf("%s\nprinted\n%s\nwant %q", blocks[i], out, pattern)
	}
}

func documentedBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats.md"))
	must(t, err)
	for _, rest := range strings.Split(string(text), "\n```sh\n")[1:] {
		block, _, _ := strings.Cut(rest, "\n```\n")
		blocks = append(blocks, block)
	}
	return blocks
}

// tamper changes record 2, gives record 3 the signature of record 1, and changes a
// file, as somebody could who has the bucket but not the key.
func (s *e2eSite) tamper() {
	s.t.Helper()
	base := filepath.Join(s.dir, "site", "checkpoints", "myfile")
	change := func(name string, change func(string) string) {
		old, err := os.ReadFile(name)
		must(s.t, err)
		must(s.t, os.Remove(name)) // a hard link would change elsewhere, too
		must(s.t, os.WriteFile(name, []byte(change(string(old))), 0o600))
	}
	change(filepath.Join(base, "log", "2.json"), func(old string) string { return strings.Replace(old, `"mode":"mirror"`, `"mode":"mirroR"`, 1) })
	first, err := os.ReadFile(filepath.Join(base, "log", "1.json.sig"))
	must(s.t, err)
	change(filepath.Join(base, "log", "3.json.sig"), func(string) string { return string(first) })
	change(filepath.Join(base, string(e2eSecond), "1.iso"), func(old string) string { return strings.ToUpper(old) + "!" })
}
