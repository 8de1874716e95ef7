package history_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/sync/history"
)

func TestList(t *testing.T) {
	t.Parallel()
	body := "\ufefftime,manifest\n# a comment\n\n20250319T000000Z, https://h/2/M\n2025-03-18T15:03:38+01:00,\"copies/a, b/M\"\n" +
		"20250401,x,y\n20250402\n20250399,z\n\"open,w\n"
	got := short(t, history.List("states.csv", []byte(body)))
	wrong := `write a time, a comma, and where the state is`
	want := []string{
		" states.csv, line 6: " + wrong, " states.csv, line 7: " + wrong,
		` states.csv, line 8: "20250399" is no time: write 20250318T140338Z, 20250318 or 2025-03-18T14:03:38Z`,
		" states.csv, line 9: " + wrong,
		"20250318T140338Z copies/a, b/M", "20250319T000000Z https://h/2/M",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	day := pattern(t, "https://h/debian/{YYYY}/{MM}/{DD}/")
	id := pattern(t, "https://h/debian/{ID}/x/")
	for name, c := range map[string]struct {
		pattern history.Pattern
		body    string
		want    []string
	}{
		"a table": {id, `{"version":1,"repository":"debian","checkpoints":[{"id":"20250318T140338Z","files":3},{"id":"20250319T140338Z"}]}`,
			[]string{"20250318T140338Z https://h/debian/20250318T140338Z/x/", "20250319T140338Z https://h/debian/20250319T140338Z/x/"}},
		"an empty table": {id, `{"checkpoints":[]}`, nil},
		"one archive":    {id, `{"result":{"other":["20250318T140338Z"]}}`, []string{"20250318T140338Z https://h/debian/20250318T140338Z/x/"}},
		"the archive that is meant": {id, `{"result":{"debian-ports":["20250318T140338Z"],"debian":["20250319T140338Z"]}}`,
			[]string{"20250319T140338Z https://h/debian/20250319T140338Z/x/"}},
		"archives of which none is meant": {id, `{"result":{"a":[],"b":[]}}`,
			[]string{`error: times of "https://h/debian/{ID}/x/" in T: has times of the archives ["a" "b"]: ask for one with ?archive=NAME`}},
		"a time that is none": {id, `{"result":{"debian":["20250230T000000Z"]}}`,
			[]string{` T, "20250230T000000Z": "20250230T000000Z" is no time: write 20250318T140338Z, 20250318 or 2025-03-18T14:03:38Z`}},
		"other JSON": {id, `{"error":"rate limited"}`,
			[]string{`error: times of "https://h/debian/{ID}/x/" in T: is JSON, but has neither "checkpoints" nor "result"`}},
		"lines": {day, "# ours\n20250318\n2025-03-19,kept\n", []string{"20250318T000000Z https://h/debian/2025/03/18/", "20250319T000000Z https://h/debian/2025/03/19/"}},
		"a page": {id, `<!DOCTYPE html><pre><a href="../">../</a><a href="./20250318T140338Z/">a</a> <a href="20250319T000000Z">b</a><a href="?C=M">x</a><a href="latest/">y</a>`,
			[]string{"20250318T140338Z https://h/debian/20250318T140338Z/x/", "20250319T000000Z https://h/debian/20250319T000000Z/x/"}},
		"a page where more varies": {day, "<html>", []string{`error: times of "https://h/debian/{YYYY}/{MM}/{DD}/" in T: is a page, and more than one segment of the pattern varies: ` +
			`leave the page out, the pages below it are read one by one`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, short(t, history.Times(c.pattern, "T", []byte(c.body)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	page := `<h1>Index</h1><a href='..'>up</a><A HREF="a%20b/">1</A><a href=c>2</a><a href="/abs/">3</a><a href="//h/x">4</a>
<a href="https://h/y/">5</a><a href="d/e">6</a><a href="%2e%2e/">7</a><a href="?sort">8</a><a href="c">again</a><a name="z">9</a><a href="f`
	if diff := cmp.Diff([]string{"a b/", "c"}, history.Links([]byte(page))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzSources wants whatever a list or a server says to be states in order,
// each with an ID or with what is wrong.
func FuzzSources(f *testing.F) {
	for _, s := range []string{"20250318T140338Z,a\n20250318,b\n", `{"checkpoints":[{"id":"20250318T140338Z"}]}`, `{"result":{"debian":["20250318T140338Z"]}}`,
		`<a href="20250318T140338Z/">`, "\"", "{", "<"} {
		f.Add([]byte(s))
	}
	p := pattern(f, "https://h/debian/{ID}/")
	f.Fuzz(func(t *testing.T, body []byte) {
		history.Links(body)
		for _, states := range []func(func(history.State, error) bool){history.List("L", body), history.Times(p, "T", body)} {
			last := layout.Stamp("")
			for s, err := range states {
				if err != nil {
					break
				}
				if s.ID < last || s.ID == "" && s.Bad == "" {
					t.Fatalf("%+v after %s", s, last)
				}
				if _, err := layout.ParseStamp(string(s.ID)); s.Bad == "" && err != nil {
					t.Fatal(err)
				}
				last = s.ID
			}
		}
	})
}
