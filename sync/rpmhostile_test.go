package reposync_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ulikunitz/xz"

	"datestone/layout"
	reposync "datestone/sync"
)

func TestRPMRefuses(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	primary := func(old, new string) func(*rpmRepo) {
		return func(r *rpmRepo) { r.primary = replace(old, new) }
	}
	repomd := func(old, new string) func(*rpmRepo) {
		return func(r *rpmRepo) { r.repomd = replace(old, new) }
	}
	a := `href="Packages/a-1.rpm"`
	for name, test := range map[string]struct {
		change func(*rpmRepo)
		want   string
	}{
		"a package on another host":     {primary(a, `href="https://evil.example/a.rpm"`), `primary.xml.gz: location "https://evil.example/a.rpm": is on another host`},
		"another base":                  {primary(a, `xml:base="http://evil.example/" `+a), `location "Packages/a-1.rpm" with xml:base "http://evil.example/": is on another host`},
		"a package above":               {primary(a, `href="../../x"`), `location "../../x": leads out`},
		"a package at an absolute path": {primary(a, `href="/etc/passwd"`), `location "/etc/passwd": is absolute`},
		"a path with a control":         {primary(a, `href="a&#10;b"`), "has the character U+000A"},
		"a file that is a directory":    {primary(a, `href="Packages"`), `path "Packages" is a file, and a directory`},
		"a package as metadata":         {primary(a, `href="repodata/repomd.xml"`), `path "repodata/repomd.xml" is claimed with different content`},
		"one path twice":                {primary(a, `href="Packages/libb++-1~rc.rpm"`), `path "Packages/libb++-1~rc.rpm" is claimed with different content: 5 bytes, sha256:`},
		"one path twice, two sizes": {func(r *rpmRepo) {
			r.primary = func(s string) string {
				_, packages, _ := strings.Cut(s, ">\n")
				return strings.Replace(s, "</metadata>", strings.Replace(packages, `package="5"`, `package="6"`, 1), 1)
			}
		}, `is claimed with different content: 5 bytes, sha256:`},
		"a bomb of elements": {func(r *rpmRepo) {
			r.unsized = true
			r.primary = func(string) string { return "<metadata>" + strings.Repeat("<x/>", 4<<20) + "</metadata>" }
		}, "is too long when unpacked"},
		"an entity bomb":              {primary("<metadata", "<!DOCTYPE m [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>\n<metadata"), "has a document type"},
		"an unknown entity":           {primary("<name>x", "<name>&b;"), "invalid character entity"},
		"an unknown checksum":         {primary(`type="sha256"`, `type="crc32"`), `checksum type "crc32" is not known`},
		"another document":            {func(r *rpmRepo) { r.primary = func(string) string { return "<html></html>" } }, "is <html>, want <metadata>"},
		"a page as repomd.xml":        {func(r *rpmRepo) { r.repomd = func(string) string { return "<html></html>" } }, "repodata/repomd.xml: line 1: is <html>, want <repomd>"},
		"metadata on another host":    {repomd(`href="repodata/filelists.x"`, `href="https://evil.example/x"`), `data "filelists": location "https://evil.example/x": is on another host`},
		"metadata above":              {repomd(`href="repodata/filelists.x"`, `href="../x"`), `data "filelists": location "../x": leads out`},
		"no primary":                  {repomd(`type="primary"`, `type="secondary"`), "names 0 files of the type primary"},
		"two of them":                 {repomd(`type="filelists"`, `type="primary"`), "filelists.x: line 1: begins with"},
		"metadata that is not there":  {repomd(`href="repodata/primary.xml.gz"`, `href="repodata/none"`), "404"},
		"an image without a checksum": {func(r *rpmRepo) { r.more = map[string]string{"treeinfo": "[tree]\n[stage2]\nmainimage = x.img\n"} }, `treeinfo: image "x.img" has no checksum`},
		"an image above": {func(r *rpmRepo) {
			r.more = map[string]string{"treeinfo": "[tree]\n[checksums]\n../x = md5:" + sum("md5", "") + "\n"}
		}, `location "../x": leads out`},
		"an image that is not there": {func(r *rpmRepo) {
			r.more = map[string]string{"treeinfo": "[tree]\n[checksums]\nx = md5:" + sum("md5", "") + "\n"}
		}, "404"},
		"a treeinfo that is none":        {func(r *rpmRepo) { r.more = map[string]string{"treeinfo": "x"} }, "treeinfo: line 1"},
		"primary in zchunk form":         {func(r *rpmRepo) { r.form, r.primary = "", func(string) string { return "\x00ZCK1" } }, "zchunk"},
		"another plain size":             {repomd("<open-size>", "<open-size>1"), "has 510 bytes when unpacked, repodata/repomd.xml says 1510"},
		"a wrong plain checksum":         {repomd("<open-checksum type=\"sha256\">"+sum("", smallRPM().primaryXML()), "<open-checksum type=\"sha256\">"+sum("", "")), "when unpacked, repodata/repomd.xml says"},
		"deltas above":                   {func(r *rpmRepo) { r.data["prestodelta"] = deltaXML("../x", "") }, `prestodelta.x: location "../x": leads out`},
		"packages by another hash wrong": {func(r *rpmRepo) { r.kind = "sha512"; r.primary = replace(sum("sha512", "a one"), sum("sha512", "")) }, `file "Packages/a-1.rpm": has the sha512`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			test.change(&r)
			s := newRPMServer(t, r)
			got, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v; want %q", got, err, test.want)
			}
		})
	}
}

// What is wrong on the way is told by the checksums, as something that may be
// right the next time.
func TestRPMTellsWrongContent(t *testing.T) {
	t.Parallel()
	const primary, package1, list = "repodata/primary.xml.gz", "Packages/a-1.rpm", "repodata/filelists.x"
	for name, test := range map[string]struct {
		path, kind string
		fail       failure
		want       string
	}{
		"primary cut short":        {primary, "", truncated, "cut short"},
		"primary gone":             {primary, "", gone, "404"},
		"primary other":            {primary, "", wrongDigest, `file "repodata/primary.xml.gz": has the sha256`},
		"primary longer":           {primary, "", tooLongHidden, "is too long"},
		"primary shorter":          {primary, "", shortHidden, `file "repodata/primary.xml.gz": has`},
		"primary endless":          {primary, "", endless, "is too long"},
		"package cut short":        {package1, "", truncated, "broke off"},
		"package gone":             {package1, "", gone, "404"},
		"package other":            {package1, "", wrongDigest, `file "Packages/a-1.rpm": has the SHA-256`},
		"package endless":          {package1, "", endless, `file "Packages/a-1.rpm": is longer`},
		"package other, sha512":    {package1, "sha512", wrongDigest, `file "Packages/a-1.rpm": has the sha512`},
		"package longer, sha512":   {package1, "sha512", tooLongHidden, `file "Packages/a-1.rpm": is longer`},
		"package shorter, sha512":  {package1, "sha512", shortHidden, `file "Packages/a-1.rpm": has 4 bytes`},
		"package gone, sha512":     {package1, "sha512", gone, "404"},
		"other metadata is other":  {list, "", wrongDigest, `file "repodata/filelists.x": has the SHA-256`},
		"other metadata is gone":   {list, "", gone, "404"},
		"repomd.xml is gone":       {"repodata/repomd.xml", "", gone, "404"},
		"repomd.xml is endless":    {"repodata/repomd.xml", "", endless, "is too long"},
		"the signature is guarded": {"repodata/repomd.xml.asc", "", broken, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			r.kind, r.more = test.kind, map[string]string{"repodata/repomd.xml.asc": "x"}
			s := newRPMServer(t, r)
			s.failing(test.path, test.fail, -1)
			c := reposync.New(quick(nil))
			state, err := c.Read(t.Context(), s.remote(), layout.Remote{})
			into := newStore()
			if err == nil {
				var files []layout.File
				for _, f := range state.Files {
					if _, ok := state.Bodies[f.Path]; !ok {
						files = append(files, f)
					}
				}
				err = c.Fetch(t.Context(), s.remote(), layout.Files(files), into.sink)
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if strings.HasPrefix(test.path, "Packages/") && test.fail != truncated && !errors.Is(err, reposync.ErrMoved) {
				t.Errorf("%v is no ErrMoved", err)
			}
			if body, ok := into.objects[test.path]; ok {
				t.Errorf("%q was handed on as %q", test.path, body)
			}
		})
	}
}

// A repository whose parts are replaced while they are read is read again, as
// long as it goes on changing, but not for ever.
func TestRPMChangesWhileItIsRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		times int32
		want  bool
	}{
		"once": {1, true}, "three times": {3, true}, "for ever": {1000, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := smallRPM()
			s := newRPMServer(t, r)
			var changed, repomds atomic.Int32
			remote := s.before(func(path string) {
				if path == "repodata/repomd.xml" {
					repomds.Add(1)
				}
				if path != "repodata/primary.xml.gz" || changed.Load() == test.times {
					return
				}
				r.packages = map[string]string{fmt.Sprintf("p-%d.rpm", changed.Add(1)): "p"}
				s.become(r)
			})
			c := reposync.New(quick(nil))
			state, err := c.Read(t.Context(), remote, layout.Remote{})
			if test.want {
				if err != nil {
					t.Fatal(err)
				}
				holdsFiles(t, c, remote, state, r.files(t))
			} else if !errors.Is(err, reposync.ErrMoved) || repomds.Load() > 10 {
				t.Errorf("got %v after %d reads of repomd.xml; want an ErrMoved after 5", err, repomds.Load())
			}
		})
	}
}

// A signature that is put beside its repomd.xml a little later is waited for.
func TestRPMSignatureComesLater(t *testing.T) {
	t.Parallel()
	key := newKey(t, 0)
	r := smallRPM()
	old := r.files(t)["repodata/repomd.xml"]
	r.packages["Packages/c.rpm"] = "c"
	s := newRPMServer(t, r)
	repomd := r.files(t)["repodata/repomd.xml"]
	s.set("repodata/repomd.xml", old)
	s.set("repodata/repomd.xml.asc", detachSign(t, old, key))
	signature, first := detachSign(t, repomd, key), new(sync.Once)
	remote := s.before(func(path string) {
		if path == "repodata/repomd.xml.asc" {
			first.Do(func() {
				s.set("repodata/repomd.xml", repomd)
				s.set("repodata/repomd.xml.asc", signature)
			})
		}
	})
	remote.Keyring = keyring(t, false, key)
	c := reposync.New(quick(nil))
	state, err := c.Read(t.Context(), remote, layout.Remote{})
	if err != nil {
		t.Fatal(err)
	}
	if string(state.Bodies["repodata/repomd.xml"]) != repomd {
		t.Error("the state has an older repomd.xml")
	}
}

// bombs are what 100 GB are made of.
func bombs(t *testing.T, block string) string {
	t.Helper()
	const blocks, size = 12800, 8 << 20
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	for n := 0; n < size && err == nil; n += len(block) {
		_, err = io.WriteString(w, block)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(b.String(), blocks) // the streams of an .xz follow one another
}

func TestRPMBombs(t *testing.T) {
	for name, block := range map[string]string{"zeros": strings.Repeat("\x00", 1<<20), "spaces": strings.Repeat(" ", 1<<20)} {
		bomb := bombs(t, block)
		r := smallRPM()
		r.unsized = true
		s := newRPMServer(t, r)
		repomd := strings.Replace(r.files(t)["repodata/repomd.xml"], sum("", r.files(t)["repodata/primary.xml.gz"]), sum("", bomb), 1)
		s.set("repodata/repomd.xml", repomd)
		s.set("repodata/primary.xml.gz", bomb)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err := reposync.New(quick(nil)).Read(t.Context(), s.remote(), layout.Remote{})
		runtime.ReadMemStats(&after)
		if took := time.Since(began); err == nil || took > 20*time.Second || after.Sys > before.Sys+256<<20 {
			t.Errorf("%s: got %v after %v, with %d MB more", name, err, took, (after.Sys-before.Sys)>>20)
		}
	}
}
