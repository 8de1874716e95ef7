package reposync_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"datestone/layout"
	reposync "datestone/sync"
)

// tree is a repository with a treeinfo, and with a list of extra files.
func tree(files ...string) rpmRepo {
	r := smallRPM()
	r.more = map[string]string{".treeinfo": "[general]\nfamily = X\n"}
	var rows []string
	for _, f := range files {
		r.more[f] = "this is " + f
		rows = append(rows, fmt.Sprintf(`{"file": %q, "checksums": {"sha256": %q}, "size": %d}`, f, sum("", r.more[f]), len(r.more[f])))
	}
	r.more["extra_files.json"] = `{"header": {"version": "1.0"}, "data": [` + strings.Join(rows, ", ") + `]}`
	return r
}

func TestRPMTreeHasExtraFiles(t *testing.T) {
	t.Parallel()
	r := tree("EULA", "GPL", "notes/a.html")
	s := newRPMServer(t, r)
	c := reposync.New(quick(nil))
	got, err := c.Read(t.Context(), s.remote(), layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, s.remote(), got, r.files(t))
	asked := s.asked("extra_files.json")
	if _, err := c.Read(t.Context(), s.remote(), got.Remote); err != reposync.ErrNotModified || s.asked("extra_files.json") != asked {
		t.Errorf("got %v, and the list was asked for again: %v", err, s.asked("extra_files.json") != asked)
	}
}

// Mirrors leave some of them out, and no client needs them.
func TestRPMTreeLacksAnExtraFile(t *testing.T) {
	t.Parallel()
	r := tree("EULA", "GPL")
	delete(r.more, "GPL")
	s := newRPMServer(t, r)
	var said bytes.Buffer
	config := quick(nil)
	config.Log = slog.New(slog.NewTextHandler(&said, nil))
	c := reposync.New(config)
	got, err := c.Read(t.Context(), s.remote(), layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	holdsFiles(t, c, s.remote(), got, r.files(t))
	if !strings.Contains(said.String(), "path=GPL") {
		t.Errorf("said %q", said.String())
	}
}

// Where there is no tree nobody asks for its list.
func TestRPMIsAskedForNoExtraFiles(t *testing.T) {
	t.Parallel()
	s := newRPMServer(t, smallRPM())
	if _, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{}); err != nil {
		t.Fatal(err)
	}
	if n := s.asked("extra_files.json"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestRPMExtraFilesAreHeldInTheTree(t *testing.T) {
	t.Parallel()
	r := tree()
	r.more["extra_files.json"] = fmt.Sprintf(`{"data": [{"file": "../../x", "checksums": {"sha256": %q}, "size": 1}]}`, sum("", "x"))
	_, err := reposync.New(quick(nil)).Read(t.Context(), newRPMServer(t, r).remote(), layout.Remote{})
	if err == nil || !strings.Contains(err.Error(), `extra_files.json: location "../../x": leads out`) {
		t.Errorf("got %v", err)
	}
}

// What repomd.xml has percent-encoded may be called so, or what that means:
// packages are called what primary.xml says, letter by letter.
func TestRPMPercentEncoding(t *testing.T) {
	t.Parallel()
	for name, rename := range map[string]string{"as it stands": "repodata/pri%2Bm%20ary.xml.gz", "decoded": "repodata/pri+m ary.xml.gz"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			r.packages["Packages/c%2B1 x.rpm"] = "c"
			r.repomd = func(s string) string {
				return strings.Replace(s, "repodata/primary.xml.gz", "repodata/pri%2Bm%20ary.xml.gz", 1)
			}
			files := r.files(t)
			files[rename] = files["repodata/primary.xml.gz"]
			delete(files, "repodata/primary.xml.gz")
			s := &rpmServer{newServer(t, files), t}
			c := reposync.New(quick(nil))
			got, err := c.Read(t.Context(), s.remote(), layout.Remote{})
			if err != nil {
				t.Fatal(err)
			}
			holdsFiles(t, c, s.remote(), got, files)
		})
	}
}
