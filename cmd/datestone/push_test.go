package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/publish/cloudfront/edgetest"
	"datestone/redirects"
)

// A pushSite is a site whose rules are pushed to a CloudFront.
type pushSite struct {
	*walkSite
	aws *edgetest.Server
}

// newPushSite sets the environment of the SDK, so its test can't be parallel.
func newPushSite(t *testing.T) pushSite {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example", "AWS_ENDPOINT_URL": "http://aws.test",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none} {
		t.Setenv(name, value)
	}
	s := pushSite{newWalkSite(t), edgetest.New(t)}
	f, err := os.OpenFile(s.config(), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("redirects:\n  targets: [cloudfront]\n  cloudfront: {function: rules, key_value_store: tables}\n")
	must(t, err)
	must(t, f.Close())
	return s
}

// try runs the program and returns what it said.
func (s pushSite) try(now layout.Stamp, args ...string) (code int, out, said string) {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	e := s.env(now, &stdout)
	e.Stderr, e.AWS, e.Poll = &stderr, s.aws, time.Millisecond
	code = run(s.t.Context(), append([]string{"datestone", "--config", s.config()}, args...), e)
	return code, stdout.String(), stderr.String()
}

func (s pushSite) push(args ...string) string {
	s.t.Helper()
	code, out, said := s.try("20990101T000000Z", append([]string{"redirects", "push"}, args...)...)
	if code != exitDone {
		s.t.Fatalf("exit code %d: %s", code, said)
	}
	return out
}

// publish makes count checkpoints stand, by their table.
func (s pushSite) publish(count int) []layout.Table {
	s.t.Helper()
	table := layout.NewTable(layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: "/"})
	at := layout.Stamp("20200101T000000Z").Time()
	for range count {
		at = at.Add(3607 * time.Second)
		table.Checkpoints = append(table.Checkpoints, layout.Checkpoint{ID: layout.StampOf(at.Add(time.Duration(len(table.Checkpoints)%5) * time.Second))})
	}
	table.FinalUntil, table.Log.Entries = table.Newest(), count
	body, err := table.Encode()
	must(s.t, err)
	must(s.t, os.MkdirAll(filepath.Join(s.dir, "site", "checkpoints", "myfile"), 0o777))
	must(s.t, os.WriteFile(filepath.Join(s.dir, "site", "checkpoints", "myfile", "checkpoints.json"), body, 0o666))
	return []layout.Table{table}
}

// holds wants CloudFront to have what the tables say.
func (s pushSite) holds(tables []layout.Table) {
	s.t.Helper()
	want, err := deployment(tables)
	must(s.t, err)
	live := s.aws.Functions["rules"].Live
	if !bytes.Equal(live.Code, want.Function) || (live.Store != "") != want.Reads {
		s.t.Errorf("in force is another Function, reading %q", live.Store)
	}
	if !want.Reads {
		return
	}
	keys := s.aws.Stores["tables"].Keys
	for _, k := range want.Keys {
		if keys[k.Key] != k.Value {
			s.t.Errorf("the key %s is %q, want %q", k.Key, keys[k.Key], k.Value)
		}
	}
	if len(keys) != len(want.Keys) {
		s.t.Errorf("there are %d keys, want %d", len(keys), len(want.Keys))
	}
}

func TestPush(t *testing.T) {
	s := newPushSite(t)
	few := s.publish(3)
	if dry := s.push("--dry-run"); dry != "cloudfront publish rules\n" || len(s.aws.Writes) != 0 {
		t.Errorf("--dry-run says %q, and wrote %q", dry, s.aws.Writes)
	}
	s.push()
	s.holds(few)
	if again := s.push(); again != "" || len(s.aws.Writes) != 2 {
		t.Errorf("nothing changed, and pushed is %q: %q", again, s.aws.Writes)
	}
	s.holds(few)

	many := s.publish(9000)
	dry := s.push("--dry-run")
	if out := s.push(); out != dry || !strings.Contains(out, "put root:/checkpoints/myfile\n") || !strings.HasSuffix(out, "publish rules\n") {
		t.Errorf("pushed %q; --dry-run said %q", out, dry)
	}
	s.holds(many)
	s.aws.Writes = nil
	more := s.publish(9001)
	out := s.push("--json", "--target", "cloudfront")
	s.holds(more)
	if len(s.aws.Writes) != 1 {
		t.Errorf("one more checkpoint, and the calls are %q", s.aws.Writes)
	}
	actions := map[string]int{}
	for line := range strings.Lines(out) {
		var c sent
		must(t, json.Unmarshal([]byte(line), &c))
		actions[c.Action]++
	}
	if actions["put"] < 2 || actions["delete"] < 1 || actions["publish"] != 0 {
		t.Errorf("sent is %v", actions)
	}
	s.publish(9000)
	if code, _, said := s.try("", "redirects", "push"); code != exitFailed || !strings.Contains(said, redirects.ErrOlder.Error()) {
		t.Errorf("an older table: exit code %d, %s", code, said)
	}
	s.holds(more)
}

// TestPushGoesOn fails each write, as refused and as lost, and wants the next
// push to complete what was begun.
func TestPushGoesOn(t *testing.T) {
	for _, fault := range []edgetest.Fault{edgetest.Refused, edgetest.Lost} {
		s := newPushSite(t)
		for s.aws.FailAt = 1; ; s.aws.FailAt++ {
			s.aws.Functions, s.aws.Stores, s.aws.Writes, s.aws.Fail = map[string]*edgetest.Function{}, map[string]*edgetest.Store{}, nil, edgetest.None
			s.publish(4)
			s.push()
			tables := s.publish(12000)
			s.aws.Writes, s.aws.Fail = nil, fault
			code, _, said := s.try("20990101T000000Z", "redirects", "push")
			if code == exitDone {
				break
			}
			if code != exitFailed || !strings.Contains(said, "AccessDenied") {
				t.Errorf("write %d: exit code %d, %s", s.aws.FailAt, code, said)
			}
			s.aws.Fail = edgetest.None
			s.push()
			s.holds(tables)
		}
		if s.aws.FailAt < 5 {
			t.Errorf("only %d writes: %q", s.aws.FailAt-1, s.aws.Writes)
		}
	}
}

// TestRunPushes wants rules in force before a checkpoint is announced, and
// nothing announced where they can't be.
func TestRunPushes(t *testing.T) {
	s := newPushSite(t)
	table := filepath.Join(s.dir, "site", "checkpoints", "myfile", "checkpoints.json")
	s.upstream("one")
	early := true
	s.aws.Written = func() {
		_, err := os.Stat(table)
		early = early && os.IsNotExist(err)
	}
	if code, _, said := s.try("20250318T140442Z", "run"); code != exitDone || !early || len(s.aws.Writes) != 2 {
		t.Fatalf("exit code %d, before the announcement: %t, writes %q: %s", code, early, s.aws.Writes, said)
	}
	first, err := os.ReadFile(table)
	must(t, err)
	known, err := layout.DecodeTable(first)
	must(t, err)
	s.holds([]layout.Table{known})
	s.upstream("two")
	s.aws.Fail, s.aws.FailAt = edgetest.Refused, 3
	if code, _, said := s.try("20250319T140442Z", "run"); code == exitDone || !strings.Contains(said, "nothing was announced") {
		t.Errorf("refused, and the exit code is %d: %s", code, said)
	}
	if now, err := os.ReadFile(table); err != nil || !bytes.Equal(now, first) {
		t.Errorf("a checkpoint is announced whose rules are not in force: %v", err)
	}
	s.aws.Fail = edgetest.None
	if code, _, said := s.try("20250319T150442Z", "run"); code != exitDone {
		t.Errorf("the next run: exit code %d: %s", code, said)
	}
	second, err := os.ReadFile(table)
	must(t, err)
	known, err = layout.DecodeTable(second)
	must(t, err)
	if s.holds([]layout.Table{known}); len(known.Checkpoints) != 2 {
		t.Errorf("checkpoints are %v, want two", known.Checkpoints)
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	s := newWalkSite(t)
	for _, c := range []struct {
		config string
		args   []string
		said   string
	}{
		{"", nil, "names no redirects.cloudfront.function"},
		{"", nil, "does not say \"redirects: {s3: {push: true}}\""},
		{"", []string{"--target", "nginx"}, "has no API: write cloudfront or s3"},
		{"", []string{"--target", "cloudfront"}, "names no redirects.cloudfront.function"},
		{"", []string{"--target", "s3"}, "does not say \"redirects: {s3: {push: true}}\""},
		{"redirects:\n  targets: [s3]\n  s3: {push: false}\n", []string{"--target", "s3"}, "does not say \"redirects: {s3: {push: true}}\""},
		{"redirects:\n  targets: [s3]\n  s3: {push: true}\n", nil, "redirects.s3 needs an s3:// bucket"},
		{"redirects:\n  targets: [nginx]\n  cloudfront: {function: rules}\n", nil, "\"targets\" has no cloudfront"},
		{"redirects:\n  targets: [cloudfront]\n  cloudfront: {key_value_store: rules}\n", nil, "function"},
		{"redirects:\n  targets: [cloudfront]\n  cloudfront: {function: \"a b\"}\n", nil, "a name at CloudFront is"},
	} {
		name := filepath.Join(s.dir, "other.yaml")
		body, err := os.ReadFile(s.config())
		must(t, err)
		must(t, os.WriteFile(name, append(body, c.config...), 0o666))
		e, stdout, stderr := quietEnv()
		code := run(t.Context(), slices.Concat([]string{"datestone", "--config", name, "redirects", "push"}, c.args), e)
		if code != exitUsage || stdout.Len() > 0 || !strings.Contains(stderr.String(), c.said) {
			t.Errorf("%q %q: exit code %d, %s", c.config, c.args, code, stderr)
		}
	}
}
