package reposync_test

import (
	"slices"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// A closedState is a state that was read, and its remote.
type closedState struct {
	reposync.Remote
	*reposync.State
}

// closedStates are states of all types of remotes, whole and narrowed.
func closedStates(t *testing.T) map[string]closedState {
	whole, s := wholeRepo(t)
	whole.publish(s)
	deb := whole.remote()
	deb.Components, deb.Architectures = []string{"main", "main/debian-installer"}, []string{"amd64", "source"}
	detached := newDebRepo(t)
	detached.publish(debSuite{fields: "Components: main\nArchitectures: amd64\n", only: []string{"Release", "Release.gpg"}, sha512: true,
		have: map[string]string{"main/binary-amd64/Packages.xz": packed(t, "xz", stanzas("a_1_amd64.deb"))}})
	narrowDeb := filteredRepo(t).remote()
	narrowDeb.Packages, narrowDeb.Newest, narrowDeb.Architectures = []string{"libssl*", "nginx"}, 1, []string{"amd64", "source"}
	tree := smallRPM()
	tree.kind, tree.data["prestodelta"] = "sha512", deltaXML("drpms/a.drpm", "delta")
	tree.more = map[string]string{"drpms/a.drpm": "delta", "boot.iso": "boots", ".treeinfo": "[general]\n[checksums]\nboot.iso = sha256:" + sum("", "boots") + "\n"}
	named := namedRPM()
	named.more = map[string]string{}
	narrowRPM := newRPMServer(t, named).remote()
	narrowRPM.Newest = 1
	files := newServer(t, map[string]string{"PULP_MANIFEST": line("1.iso", "one") + line("2.iso", "two")})
	states := map[string]closedState{}
	for name, r := range map[string]reposync.Remote{
		"deb": deb, "deb, detached": detached.remote(), "deb, narrowed": narrowDeb, "rpm": newRPMServer(t, tree).remote(), "rpm, narrowed": narrowRPM,
		"file": {Type: "file", URL: files.URL + "/repo/PULP_MANIFEST"},
	} {
		state, err := reposync.New(quick(nil)).Read(t.Context(), r, layout.Remote{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		states[name] = closedState{r, state}
	}
	return states
}

// TestClosed takes each file in turn out of a state, or makes it another: that
// is an error which names it.
func TestClosed(t *testing.T) {
	t.Parallel()
	for name, s := range closedStates(t) {
		if err := s.Closed(s.Remote); err != nil {
			t.Errorf("%s: what was read is not closed: %v", name, err)
		}
		for i, f := range s.Files {
			if s.State.Remote.LeftOut != nil && strings.HasPrefix(f.Path, "drpms/") {
				continue // which of them go with the packages that are left out is not said
			}
			lost := *s.State
			lost.Files = slices.Delete(slices.Clone(s.Files), i, i+1)
			if err := lost.Closed(s.Remote); err == nil || !strings.Contains(err.Error(), f.Path) && !strings.Contains(err.Error(), "the first: ") {
				t.Errorf("%s without %s: got %v", name, f.Path, err)
			}
			if strings.Contains(f.Path, ".diff/p") { // patches are listed by an index that clients check
				continue
			}
			other := *s.State
			other.Files = slices.Clone(s.Files)
			other.Files[i].Size++
			other.Files[i].SHA256[0]++
			if err := other.Closed(s.Remote); err == nil || !strings.Contains(err.Error(), f.Path) {
				t.Errorf("%s with another %s: got %v", name, f.Path, err)
			}
		}
	}
}

// What is left out must be no more than the state says.
func TestClosedCountsWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, s := range closedStates(t) {
		if s.State.Remote.LeftOut == nil {
			continue
		}
		said := *s.State
		said.Remote.LeftOut = nil
		if err := said.Closed(s.Remote); err == nil {
			t.Errorf("%s: packages are not there, and nothing is said to be left out", name)
		}
	}
}

// Additive mode makes a manifest of its own, which has to fit as well.
func TestClosedAdditive(t *testing.T) {
	t.Parallel()
	s := closedStates(t)["file"]
	before := layout.Files([]layout.File{file("0.iso", "gone")})
	state, err := reposync.Additive(before, s.State, "PULP_MANIFEST")
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Closed(s.Remote); err != nil {
		t.Error(err)
	}
	state.Files = state.Files[1:]
	if err := state.Closed(s.Remote); err == nil || !strings.Contains(err.Error(), "0.iso") {
		t.Errorf("got %v", err)
	}
}
