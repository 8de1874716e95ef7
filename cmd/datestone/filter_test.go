package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

// narrowSite is a site of an rpm repository on this machine, which has three
// packages, one of them in two versions; narrow are lines of the remote.
func narrowSite(t *testing.T, narrow string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "site"), 0o777))
	must(t, os.MkdirAll(filepath.Join(dir, "os", "repodata"), 0o777))
	var primary strings.Builder
	primary.WriteString("<metadata>")
	for _, p := range []string{"nginx-1.9", "nginx-1.10", "libssl-3", "other-1"} {
		name, version, _ := strings.Cut(p, "-")
		must(t, os.WriteFile(filepath.Join(dir, "os", p+".rpm"), []byte(p), 0o666))
		fmt.Fprintf(&primary, `<package><name>%s</name><arch>noarch</arch><version ver="%s" rel="1"/><checksum type="sha256">%s</checksum><size package="%d"/><location href="%s.rpm"/></package>`,
			name, version, layout.DigestOf([]byte(p)), len(p), p)
	}
	primary.WriteString("</metadata>")
	must(t, os.WriteFile(filepath.Join(dir, "os", "repodata", "primary.xml"), []byte(primary.String()), 0o666))
	repomd := fmt.Sprintf(`<repomd><data type="primary"><checksum type="sha256">%s</checksum><location href="repodata/primary.xml"/></data></repomd>`, layout.DigestOf([]byte(primary.String())))
	must(t, os.WriteFile(filepath.Join(dir, "os", "repodata", "repomd.xml"), []byte(repomd), 0o666))
	configureNarrow(t, dir, narrow)
	return dir
}

func configureNarrow(t *testing.T, dir, narrow string) {
	t.Helper()
	config := "bucket: file:site\npublic_url: https://snapshots.example.org/\nrepositories:\n  - {name: os, base_path: os, remote: {type: rpm, url: 'file:os', " + narrow + "}}\n"
	must(t, os.WriteFile(filepath.Join(dir, "datestone.yaml"), []byte(config), 0o666))
}

// packagesOf returns the names of the packages in a checkpoint.
func packagesOf(t *testing.T, dir string, id layout.Stamp) (names []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "site", "os", string(id), "*.rpm"))
	must(t, err)
	for _, f := range found {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".rpm"))
	}
	return names
}

// runIn runs the program in a directory with its configuration.
func runIn(t *testing.T, dir string, now layout.Stamp, args ...string) (code int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	e := systemEnv()
	e.Stdout, e.Stderr = &stdout, &stderr
	e.Now = func() time.Time { return now.Time() }
	code = run(t.Context(), append([]string{"datestone", "--config", filepath.Join(dir, "datestone.yaml")}, args...), e)
	return code, stdout.String(), stderr.String()
}

// runWell is runIn for what has to end well.
func runWell(t *testing.T, dir string, now layout.Stamp, args ...string) (out string) {
	t.Helper()
	code, out, said := runIn(t, dir, now, args...)
	if code != exitDone {
		t.Fatalf("%q: exit code %d: %s", args, code, said)
	}
	return out
}

const filtersSecond, filtersThird = layout.Stamp("20250318T150000Z"), layout.Stamp("20250318T160000Z")

// TestFilters follows a filter from the configuration to what readers see: the
// run says what it leaves out, the record keeps it, page and snippets say it.
func TestFilters(t *testing.T) {
	t.Parallel()
	const now = layout.Stamp("20250318T140338Z")
	dir := narrowSite(t, "packages: [nginx, 'lib*'], newest: 1")
	const told = "os: 2 of 4 packages are left out by packages:, newest:; readers who ask for them get 404\n"
	if out := runWell(t, dir, now, "sync"); !strings.HasPrefix(out, "os: claimed ") || !strings.HasSuffix(out, told) {
		t.Errorf("sync said %q, want %q at its end", out, told)
	}
	if out := runWell(t, dir, now, "publish"); !strings.HasPrefix(out, "os: published ") || !strings.HasSuffix(out, told) {
		t.Errorf("publish said %q, want %q at its end", out, told)
	}
	if d := cmp.Diff([]string{"libssl-3", "nginx-1.10"}, packagesOf(t, dir, now)); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
	page, err := os.ReadFile(filepath.Join(dir, "site", "os", string(now), "index.html"))
	must(t, err)
	const readers = "2 of 4 packages that the metadata names are left out here: whoever asks for one gets 404."
	for name, text := range map[string]string{"page": string(page), "snippet": runWell(t, dir, now, "snippet", "--client", "dnf", "os")} {
		if !strings.Contains(text, readers) {
			t.Errorf("the %s does not say %q:\n%s", name, readers, text)
		}
	}
	wantInRecord(t, dir, 1, `"left_out":{"packages":2,"of":4,"names":["nginx","lib*"],"newest":1}`)
	if out := runWell(t, dir, filtersSecond, "run"); out != "os: unchanged\n" {
		t.Errorf("the same again: %q", out)
	}
}

// Another filter, of the same metadata, is another checkpoint; and so is none.
func TestFiltersChange(t *testing.T) {
	t.Parallel()
	dir := narrowSite(t, "packages: [nginx]")
	runWell(t, dir, "20250318T140338Z", "run")
	configureNarrow(t, dir, "packages: [other]")
	var report struct {
		LeftOut layout.LeftOut `json:"left_out"`
	}
	must(t, json.Unmarshal([]byte(runWell(t, dir, filtersSecond, "run", "--json")), &report))
	if d := cmp.Diff(layout.LeftOut{Packages: 3, Of: 4, Names: []string{"other"}}, report.LeftOut); d != "" {
		t.Errorf("report: want -, got +\n%s", d)
	}
	wantInRecord(t, dir, 2, `"left_out":{"packages":3,"of":4,"names":["other"]}`)
	configureNarrow(t, dir, "parallel: 2")
	if out := runWell(t, dir, filtersThird, "run"); strings.Contains(out, "left out") || len(packagesOf(t, dir, filtersThird)) != 4 {
		t.Errorf("without a filter: %q, %v", out, packagesOf(t, dir, filtersThird))
	}
	wantInRecord(t, dir, 3, "")
}

// wantInRecord wants what a record says of packages that are left out, or
// nothing of it.
func wantInRecord(t *testing.T, dir string, n int, field string) {
	t.Helper()
	record, err := os.ReadFile(filepath.Join(dir, "site", filepath.FromSlash(layout.RecordKey("os", n))))
	must(t, err)
	if !strings.Contains(string(record), field) || field == "" && strings.Contains(string(record), "left_out") {
		t.Errorf("record %d: %s, want %s", n, record, field)
	}
}

// A filter that leaves nothing publishes nothing.
func TestFilterThatLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := narrowSite(t, "packages: [apache]")
	code, _, said := runIn(t, dir, "20250318T140338Z", "run")
	if code != exitFailed || !strings.Contains(said, "none of the 4 packages that the metadata names is one of apache") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "site", "os")); err == nil {
		t.Errorf("published: %v", entries)
	}
}
