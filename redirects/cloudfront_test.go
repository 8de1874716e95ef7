package redirects_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects"

	"github.com/google/go-cmp/cmp"
)

func variants(t testing.TB, tables []layout.Table) (inline, function, store string) {
	t.Helper()
	inline, stored, err := redirects.CloudFrontVariants(tables)
	if err != nil {
		t.Fatal(err)
	}
	return inline, string(stored[0].Body), string(stored[1].Body)
}

func TestCloudFrontSaysWhatResolveSays(t *testing.T) {
	t.Parallel()
	for _, c := range jsCases(t) {
		inline, function, store := variants(t, c.tables)
		for _, engine := range []string{"njs", "node"} {
			t.Run(c.name+"/"+engine+"/inline", func(t *testing.T) {
				t.Parallel()
				script := functionScript(t, inline, "", c.targets, c.now)
				checkJS(t, c.tables, c.targets, c.now, jsAnswers(t, runJS(t, engine, script), c.targets))
			})
			t.Run(c.name+"/"+engine+"/store", func(t *testing.T) {
				t.Parallel()
				script := functionScript(t, function, store, c.targets, c.now)
				checkJS(t, c.tables, c.targets, c.now, jsAnswers(t, runJS(t, engine, script), c.targets))
			})
		}
	}
}

func TestCloudFrontReadsItsOwnClock(t *testing.T) {
	t.Parallel()
	tab := table("r", "20200101T000000Z")
	inline, _, _ := variants(t, []layout.Table{tab})
	now := time.Now().UTC()
	targets := []string{"/r/" + string(layout.StampOf(now.Add(-time.Hour))) + "/", "/r/" + string(layout.StampOf(now.Add(time.Hour))) + "/"}
	answers := jsAnswers(t, runJS(t, "njs", functionScript(t, inline, "", targets, "")), targets)
	if answers[0].Status != 302 || answers[1].Status != 404 {
		t.Errorf("an hour ago: %d, in an hour: %d; want 302 and 404", answers[0].Status, answers[1].Status)
	}
}

func TestCloudFrontBelowAPublicPathAlone(t *testing.T) {
	t.Parallel()
	tab := table("r", "20200101T000000Z")
	tab.PublicPath = "/mirror/"
	inline, _, _ := variants(t, []layout.Table{tab})
	targets := []string{"/", "/mirror/", "/mirror/r/20200101T000000Z/d/?versions", "/mirror/r/20200101T000000Z/g++", "/elsewhere"}
	want := []string{"/index.html", "/index.html", "/r/20200101T000000Z/d/index.html", "/r/20200101T000000Z/g%2B%2B", "/elsewhere"}
	for i, a := range jsAnswers(t, runJS(t, "njs", functionScript(t, inline, "", targets, "")), targets) {
		if a != (jsAnswer{Status: 200, Key: want[i]}) {
			t.Errorf("%s: got %+v, want the key %s", targets[i], a, want[i])
		}
	}
}

func TestCloudFrontSaysThatAPushIsOnItsWay(t *testing.T) {
	t.Parallel()
	_, function, _ := variants(t, []layout.Table{table("r", "20200101T000000Z")})
	targets := []string{"/r/20200102/", "/r/latest", "/r/index.html", "/r"}
	out := runJS(t, "njs", functionScript(t, function, `{"data":[]}`, targets, ""))
	kept := slices.DeleteFunc(strings.SplitAfter(string(out), "\n"), func(l string) bool { return strings.HasPrefix(l, "datestone: ") })
	var got []int
	for _, a := range jsAnswers(t, []byte(strings.Join(kept, "")), targets) {
		got = append(got, a.Status)
	}
	if want := []int{503, 503, 200, 301}; !slices.Equal(got, want) {
		t.Errorf("from an empty store: %v, want %v", got, want)
	}
}

// lacking is what the runtime 2.0 of CloudFront Functions does not have, or
// njs where it is the stricter one.
var lacking = []struct {
	name    string
	example string
	form    *regexp.Regexp
}{
	{"for of", "for (var x of y) {", regexp.MustCompile(`for\s*\([^;)]*\bof\b`)},
	{"arrow function", "a.map(x => x)", regexp.MustCompile(`=>`)},
	{"spread", "f(...a)", regexp.MustCompile(`\.\.\.`)},
	{"class", "class A {}", regexp.MustCompile(`\bclass\b`)},
	{"optional chaining", "a?.b", regexp.MustCompile(`\?\.[^0-9]`)},
	{"nullish coalescing", "a ?? b", regexp.MustCompile(`\?\?`)},
	{"Map and Set", "new Map()", regexp.MustCompile(`\b(?:Weak)?(?:Map|Set)\b`)},
	{"destructuring", "var {a} = b", regexp.MustCompile(`\b(?:var|let|const)\s*[\[{]`)},
	{"generator", "function* f() {", regexp.MustCompile(`function\s*[*]|\byield\b`)},
	{"let and const", "let a = 1", regexp.MustCompile(`\b(?:let|const)\b`)},
	{"template literal", "`a`", regexp.MustCompile("`")},
	{"async closure", "f(async function () {})", regexp.MustCompile(`.\basync\b`)},
	{"await in arguments", "f(await g())", regexp.MustCompile(`\([^()]*\bawait\b`)},
	{"eval", "eval('1')", regexp.MustCompile(`\b(?:eval|setTimeout|setInterval|fetch|XMLHttpRequest|require)\b|new Function`)},
	{"promise combinator", "Promise.all(a)", regexp.MustCompile(`\bPromise\b|\.then\b`)},
}

func lint(code string) (found []string) {
	for line := range strings.Lines(code) {
		if strings.HasPrefix(line, "//") {
			continue
		}
		for _, l := range lacking {
			if l.form.MatchString(line) {
				found = append(found, l.name+": "+line)
			}
		}
	}
	return found
}

func TestCloudFrontHasNothingThatItsRuntimeLacks(t *testing.T) {
	t.Parallel()
	for _, l := range lacking {
		if len(lint(l.example)) == 0 {
			t.Errorf("%q is not found to be %s", l.example, l.name)
		}
	}
	inline, function, _ := variants(t, jsTables())
	for _, code := range []string{inline, function} {
		if found := lint(code); found != nil {
			t.Errorf("the Function has %q", found)
		}
	}
}

func TestCloudFrontChoosesWhereTheTablesStand(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(25, 26))
	for _, c := range []struct {
		checkpoints int
		stored      bool
	}{{1, false}, {2, false}, {50, false}, {900, false}, {1800, true}, {20000, true}} {
		tab := randomTable(rng, "r", c.checkpoints)
		tab.Gone = nil
		artifacts, err := redirects.Render("cloudfront", []layout.Table{tab})
		if err != nil {
			t.Fatal(err)
		}
		if len(artifacts[0].Body) > 10240 {
			t.Errorf("%d checkpoints: a Function of %d bytes", c.checkpoints, len(artifacts[0].Body))
		}
		if stored := len(artifacts) == 2; stored != c.stored {
			t.Errorf("%d checkpoints: in a KeyValueStore: %v, want %v", c.checkpoints, stored, c.stored)
		}
		keys, err := redirects.CloudFrontKeys([]layout.Table{tab})
		if err != nil || len(keys) > 0 != c.stored {
			t.Errorf("%d checkpoints: %d keys, %v", c.checkpoints, len(keys), err)
		}
		if c.stored {
			checkImport(t, artifacts[1].Body, keys)
		}
	}
}

// checkImport: the import file is what CloudFront takes, and has the keys.
func checkImport(t *testing.T, file []byte, keys []redirects.KeyValue) {
	t.Helper()
	var doc struct {
		Data []redirects.KeyValue `json:"data"`
	}
	if err := json.Unmarshal(file, &doc); err != nil {
		t.Fatal(err)
	}
	roots, seen := 0, map[string]bool{}
	for i, k := range keys {
		if len(k.Key) > 512 || len(k.Value) > 1000 || seen[k.Key] {
			t.Errorf("key %q, value of %d bytes, seen before: %v", k.Key, len(k.Value), seen[k.Key])
		}
		seen[k.Key] = true
		if k.Root {
			roots++
		}
		keys[i].Root = false
	}
	if diff := cmp.Diff(doc.Data, keys); diff != "" || len(file) > 5e6 || roots != 1 {
		t.Errorf("%d bytes, %d roots, (-file +keys):\n%s", len(file), roots, diff)
	}
}

func TestCloudFrontOneMoreCheckpointIsOneUpdate(t *testing.T) {
	t.Parallel()
	tab := table("r")
	for i := range 20000 {
		tab.Checkpoints = append(tab.Checkpoints, layout.Checkpoint{ID: layout.StampOf(time.Date(2020, 1, 1, i, 0, i%60, 0, time.UTC))})
	}
	tab.FinalUntil = tab.Newest()
	_, before, _ := variants(t, []layout.Table{tab})
	old, err := redirects.CloudFrontKeys([]layout.Table{tab})
	if err != nil {
		t.Fatal(err)
	}
	tab.Checkpoints = append(slices.Clip(tab.Checkpoints), layout.Checkpoint{ID: tab.FinalUntil.Next()})
	tab.FinalUntil, tab.Log.Entries = tab.Newest(), 20001
	_, after, _ := variants(t, []layout.Table{tab})
	now, err := redirects.CloudFrontKeys([]layout.Table{tab})
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Error("the Function changed, and would have to be published")
	}
	changed := 0
	for _, k := range now {
		if !slices.Contains(old, k) {
			changed++
		}
	}
	if changed > 3 || changed == 0 {
		t.Errorf("%d of %d keys changed, want those on one way down", changed, len(now))
	}
}

// farTable has n checkpoints at random seconds of nine thousand years: no codes
// are longer, or compress less.
func farTable(n int) layout.Table {
	t, rng := table("r"), rand.New(rand.NewPCG(27, 28))
	for second := range n {
		second = second*510_000 + rng.IntN(510_000)
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: layout.StampOf(time.Unix(int64(second)-40_000_000_000, 0))})
	}
	return t
}

func TestCloudFrontRefusesWhatItCanNotHold(t *testing.T) {
	t.Parallel()
	many, half, other := farTable(545_000), farTable(400_000), farTable(400_000)
	other.BasePath, other.Checkpoints = "other", other.Checkpoints[1:]
	channels := table("r", "20200101T000000Z")
	for i := range 1000 {
		channels.Channels[fmt.Sprintf("channel-%d", i)] = "20200101T000000Z"
	}
	var repositories []layout.Table
	for i := range 500 {
		repositories = append(repositories, table(fmt.Sprintf("repositories/number-%d", i)))
	}
	for _, c := range []struct {
		name   string
		tables []layout.Table
		want   string
	}{
		{"too many checkpoints", []layout.Table{many}, "the tables need 545000 checkpoints and pruned spans below /r, it takes 530442; ways out: fewer checkpoints (keep)"},
		{"too many in all", []layout.Table{half, other}, "bytes in the import file of a KeyValueStore, it takes 5000000; ways out: fewer checkpoints (keep)"},
		{"too many channels", []layout.Table{channels}, "bytes of channels in the root of /r, it takes 1000; ways out: "},
		{"too many repositories", repositories, "bytes of code and base paths in a Function, it takes 10240; ways out: shorter base paths"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			artifacts, err := redirects.Render("cloudfront", c.tables)
			var e *redirects.TooManyRulesError
			if !errors.Is(err, redirects.ErrTooManyRules) || !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if e.Target != "cloudfront" || e.Needs <= e.Takes || artifacts != nil {
				t.Errorf("%+v, %d artifacts", e, len(artifacts))
			}
		})
	}
}

// TestCloudFrontDocumentsJSON: what docs/serving.md would have one send to AWS
// is JSON that associates the Function and turns 403 into 404.
func TestCloudFrontDocumentsJSON(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/serving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## S3 and CloudFront\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of JSON", len(blocks))
	}
	var distribution struct {
		DefaultCacheBehavior struct {
			FunctionAssociations struct{ Items []struct{ EventType string } }
		}
		CustomErrorResponses struct {
			Items []struct{ ErrorCode, ErrorCachingMinTTL int }
		}
	}
	var policy struct {
		Statement []struct{ Effect, Action string }
	}
	for i, v := range []any{&distribution, &policy} {
		if err := json.Unmarshal([]byte(blocks[i][1]), v); err != nil {
			t.Fatal(err)
		}
	}
	if f := distribution.DefaultCacheBehavior.FunctionAssociations.Items; len(f) != 1 || f[0].EventType != "viewer-request" {
		t.Errorf("functions: %+v", f)
	}
	if e := distribution.CustomErrorResponses.Items; len(e) != 1 || e[0].ErrorCode != 404 || e[0].ErrorCachingMinTTL != 0 {
		t.Errorf("errors: %+v", e)
	}
	var said []string
	for _, s := range policy.Statement {
		said = append(said, s.Effect+" "+s.Action)
	}
	if want := []string{"Allow s3:GetObject", "Allow s3:ListBucket", "Deny s3:GetObject"}; !slices.Equal(said, want) {
		t.Errorf("policy: %q, want %q", said, want)
	}
}
