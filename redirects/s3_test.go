package redirects_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"

	"github.com/google/go-cmp/cmp"
)

// TestS3RulesSayWhatTheReportSays asks an interpreter of routing rules.
func TestS3RulesSayWhatTheReportSays(t *testing.T) {
	t.Parallel()
	for name, tables := range s3Tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newS3Site(t, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/"})
			bucket := s3Interpreter{s}
			for _, target := range plain(randomTargets(rand.New(rand.NewPCG(41, 42)), tables, 30000)) {
				status, location := bucket.answer(target)
				s.check(t, target, status, location)
				bucket.follow(t, target)
			}
		})
	}
}

// s3Tables are those the rules are tried with.
func s3Tables() map[string][]layout.Table {
	rng := rand.New(rand.NewPCG(43, 44))
	whole := func(base string, n int, step time.Duration) layout.Table {
		tab := table(base)
		for i := range n {
			tab.Checkpoints = append(tab.Checkpoints, layout.Checkpoint{ID: layout.StampOf(time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * step))})
		}
		tab.FinalUntil = tab.Newest()
		return tab
	}
	kept := table("kept", "20250101T000000Z", "20250301T120000Z") // within what is gone
	kept.Gone = []layout.Span{{From: "20250201T100000Z", Until: "20250301T130000Z"}}
	kept.FinalUntil = "20250401T000000Z"
	near := randomTable(rng, "near", 12)
	near.Pruned, near.PublicPath, near.Answer = layout.PrunedNearest, "/mirror/", layout.AnswerRewrite
	old := whole("old", 30, 24*time.Hour)
	old.Checkpoints[0].ID = "00010101T000000Z" // nothing is before it
	return map[string][]layout.Table{
		"one": {randomTable(rng, "one", 1)}, "two": {randomTable(rng, "deep/two", 2)}, "fifty": {randomTable(rng, "a.b", 50)},
		"1000": {randomTable(rng, "many", 1000)}, "20000": {randomTable(rng, "most", 20000)},
		"midnights": {whole("midnights", 400, 24*time.Hour)}, "months": {whole("months", 25, 30*24*time.Hour)},
		"noons": {whole("noons", 60, 12*time.Hour)}, "kept in what is gone": {kept}, "nearest": {near}, "old": {old}, "many": manyTables(),
	}
}

// plain are the targets whose escapes and slashes S3 leaves alone, each query
// being one that commands nothing.
func plain(targets []string) (out []string) {
	for i, target := range targets {
		path, _, _ := strings.Cut(target, "?")
		if !plainPath.MatchString(path) || strings.Contains(path, "//") || strings.Contains(path, "/.") {
			continue
		}
		if i%4 == 0 {
			path += "?a=1"
		}
		out = append(out, path)
	}
	return out
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._~-]+$`)

// TestS3ResolverEndsEverything: what the bucket lacks is answered by another
// edge, which serves the same bucket, as if it had been asked first.
func TestS3ResolverEndsEverything(t *testing.T) {
	t.Parallel()
	tables := manyTables()
	s := newS3Site(t, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/", Resolver: "resolver.example.org"})
	if len(s.objects) != 0 {
		t.Errorf("%d objects that redirect", len(s.objects))
	}
	for _, target := range plain(randomTargets(rand.New(rand.NewPCG(45, 46)), tables, 30000)) {
		if strings.HasSuffix(target, "/dir") {
			continue
		}
		got, hops := s.chase(target, false)
		want, _ := s.chase(target, true)
		if got != want || hops > 3 {
			t.Fatalf("%s ends with %s after %d redirects, want %s", target, got, hops, want)
		}
	}
}

func TestS3ReportHasTheNumbers(t *testing.T) {
	t.Parallel()
	tables := s3Tables()
	for name, want := range map[string][]string{
		"20000":     {" of 17143 checkpoints", "all would need at least 34286)"},
		"midnights": {"Rules: 49 of 50", "/midnights: 19 of 400 checkpoints (47 rules; all would need 801)", "not: 381 from 20230101T000000Z to 20240116T000000Z;"},
	} {
		report := s3Artifact(t, redirects.Input{Tables: tables[name]}, "s3/report.txt")
		for _, w := range want {
			if !strings.Contains(report, w) {
				t.Errorf("%s: no %q in\n%s", name, w, report)
			}
		}
	}
}

func s3Artifact(t *testing.T, in redirects.Input, name string) string {
	t.Helper()
	artifacts, err := in.Render("s3")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range artifacts {
		if a.Name == name {
			return string(a.Body)
		}
	}
	t.Fatalf("no %s", name)
	return ""
}

func TestS3NamesItsHostInEveryRule(t *testing.T) {
	t.Parallel()
	for resolver, hosts := range map[string]string{"": "host:81", "edge.example.org": "edge.example.org host:81"} {
		w, _, err := redirects.Input{Tables: manyTables(), PublicURL: "http://host:81/", Resolver: resolver}.S3Website()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range w.RoutingRules {
			if r.Redirect.Protocol != "http" || !strings.Contains(hosts, r.Redirect.HostName) || r.Redirect.HostName == "" {
				t.Errorf("resolver %q: %+v", resolver, r)
			}
		}
	}
}

func TestS3Refuses(t *testing.T) {
	t.Parallel()
	var tables []layout.Table
	for i := range 26 {
		tables = append(tables, table(fmt.Sprintf("r%d", i), "20250101T000000Z"))
	}
	_, err := redirects.Input{Tables: tables}.Render("s3")
	const want = "the tables need 52 rules for latest, now and channels, it takes 50; ways out: fewer channels, `resolver`"
	if !errors.Is(err, redirects.ErrTooManyRules) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	w, _, err := redirects.Input{Tables: tables, Resolver: "edge.example.org"}.S3Website()
	if err != nil || len(w.RoutingRules) != 50 {
		t.Errorf("with a resolver: %d rules, %v", len(w.RoutingRules), err)
	}
	report := s3Artifact(t, redirects.Input{Tables: tables, Resolver: "edge.example.org"}, "s3/report.txt")
	if !strings.Contains(report, "3 of the channels") {
		t.Errorf("does not say what has no room: %s", report)
	}
	long := "https://" + strings.Repeat("a", 5000) + "/"
	_, err = redirects.Input{Tables: s3Tables()["months"], PublicURL: long}.Render("s3")
	if !errors.Is(err, redirects.ErrTooManyRules) || !strings.Contains(err.Error(), "bytes, it takes 131072") {
		t.Errorf("got %v", err)
	}
}

func TestCheckResolver(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"": "", "edge.example.org": "", "edge.example.org:8443": "", "127.0.0.1:80": "",
		"https://edge.example.org": "write the host", "edge.example.org/": "write the host", "a b": "write the host", "a@b": "write the host", ":80": "write the host",
		"Snapshots.example.org": "is the host of the public URL itself",
	} {
		err := redirects.CheckResolver(host, "https://snapshots.example.org/mirror/")
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q: got %v, want %q", host, err, want)
		}
	}
}

// TestS3ArtifactsSayTheSame: the XML for the API and the JSON for the console.
func TestS3ArtifactsSayTheSame(t *testing.T) {
	t.Parallel()
	in := redirects.Input{Tables: manyTables(), PublicURL: "https://snapshots.example.org/"}
	want, objects, err := in.S3Website()
	if err != nil {
		t.Fatal(err)
	}
	var fromXML layout.Website
	if err := xml.Unmarshal([]byte(s3Artifact(t, in, "s3/website.xml")), &fromXML); err != nil {
		t.Fatal(err)
	}
	fromXML.XMLName = want.XMLName
	fromJSON := layout.Website{IndexDocument: "index.html"}
	if err := json.Unmarshal([]byte(s3Artifact(t, in, "s3/routing-rules.json")), &fromJSON.RoutingRules); err != nil {
		t.Fatal(err)
	}
	var listed []layout.Redirection
	if err := json.Unmarshal([]byte(s3Artifact(t, in, "s3/day-objects.json")), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, fromXML) + cmp.Diff(want, fromJSON) + cmp.Diff(objects, listed); diff != "" || len(objects) == 0 {
		t.Errorf("%d objects, %s", len(objects), diff)
	}
}

// TestS3ByHand runs the documented commands, with an aws that takes down what
// it is told.
func TestS3ByHand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sh", "jq"} {
		enginetest.Find(t, name)
	}
	in := redirects.Input{Tables: manyTables(), PublicURL: "https://snapshots.example.org/"}
	want, objects, err := in.S3Website()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"s3/routing-rules.json", "s3/day-objects.json"} {
		enginetest.Write(t, filepath.Join(dir, "redirects", name), s3Artifact(t, in, name))
	}
	enginetest.Write(t, filepath.Join(dir, "bin", "aws"), "#!/bin/sh\necho \"$@\" >> aws.log\n")
	if err := os.Chmod(filepath.Join(dir, "bin", "aws"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), "sh", "-eu", "-c", enginetest.Block(t, "sh", "the website configuration, from the rules for the console"))
	script.Dir = dir
	script.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var website layout.Website
	if err := json.Unmarshal([]byte(readFile(t, dir, "website.json")), &struct {
		IndexDocument struct{ Suffix *string }
		RoutingRules  *[]layout.RoutingRule
	}{struct{ Suffix *string }{&website.IndexDocument}, &website.RoutingRules}); err != nil {
		t.Fatal(err)
	}
	wantLog := "s3api put-bucket-website --bucket name --website-configuration file://website.json\n"
	for _, o := range objects {
		wantLog += fmt.Sprintf("s3api put-object --bucket name --key %s --website-redirect-location %s\n", o.Key, o.Location)
	}
	if d := cmp.Diff(want.RoutingRules, website.RoutingRules) + cmp.Diff(want.IndexDocument, website.IndexDocument) + cmp.Diff(wantLog, readFile(t, dir, "aws.log")); d != "" {
		t.Error(d)
	}
}

func readFile(t testing.TB, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
