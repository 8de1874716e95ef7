package layout_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

func pushed() layout.Pushed {
	return layout.Pushed{
		Version: 1, Log: map[string]int{"/mirror/debian": 12}, Earlier: []layout.Digest{layout.DigestOf([]byte("before"))},
		Unsure: []string{"mirror/debian/20250318/index.html", "mirror/debian/20250319/index.html"},
		Website: layout.Website{IndexDocument: "index.html", RoutingRules: []layout.RoutingRule{{
			Condition: layout.RoutingCondition{HTTPErrorCode: "404", KeyPrefix: "mirror/debian/2"},
			Redirect:  layout.RoutingRedirect{HostName: "host", Protocol: "https", HTTPRedirectCode: "302", ReplaceKey: "mirror/debian/<&>/"},
		}}},
		Redirections: map[string]string{"mirror/debian/20250318/index.html": "/mirror/debian/20250317T140338Z/"},
	}
}

func TestPushedComesBack(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]layout.Pushed{"all of it": pushed(), "nothing": {}} {
		b, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := layout.DecodePushed(b)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, (-want +got):\n%s", name, err, cmp.Diff(want, got))
		}
	}
}

func TestPushedIsEqual(t *testing.T) {
	t.Parallel()
	other := pushed()
	other.Unsure = nil
	if !pushed().Equal(pushed()) || pushed().Equal(other) || !(layout.Pushed{}).Equal(layout.Pushed{Unsure: []string{}}) {
		t.Error("Equal is not what stands as the same bytes")
	}
}

// TestDecodePushedRefuses: what is named is deleted some day.
func TestDecodePushedRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"not JSON":             {`<html>`, "invalid character"},
		"another version":      {`{"version":2}`, "version 2"},
		"a page of the site":   {`{"version":1,"unsure":["index.html"]}`, `"index.html" is not the page of a day`},
		"a listing":            {`{"version":1,"unsure":["debian/index.html"]}`, "is not the page of a day"},
		"a checkpoint":         {`{"version":1,"unsure":["debian/20250318T140338Z/index.html"]}`, "is not the page of a day"},
		"a file below a day":   {`{"version":1,"redirections":{"debian/20250318/x":""}}`, "is not the page of a day"},
		"no day":               {`{"version":1,"redirections":{"debian/20250230/index.html":""}}`, "is not the page of a day"},
		"a day of nothing":     {`{"version":1,"redirections":{"20250318/index.html":""}}`, "is not the page of a day"},
		"elsewhere":            {`{"version":1,"redirections":{"../debian/20250318/index.html":""}}`, "is not the page of a day"},
		"what is not in order": {`{"version":1,"unsure":["b/20250318/index.html","a/20250318/index.html"]}`, "not ascending"},
	} {
		if _, err := layout.DecodePushed([]byte(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func FuzzDecodePushed(f *testing.F) {
	b, err := pushed().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := layout.DecodePushed(in)
		if err != nil {
			return
		}
		out, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := layout.DecodePushed(out)
		if err != nil {
			t.Fatalf("read %q, wrote %q, which is refused: %v", in, out, err)
		}
		if twice, err := again.Encode(); err != nil || !bytes.Equal(twice, out) {
			t.Errorf("wrote %q, and then %q, %v", out, twice, err)
		}
	})
}

func ExampleDayKey() {
	fmt.Println(layout.DayKey("mirror/debian", "20250318T000000Z"))
	// Output: mirror/debian/20250318/index.html
}

func ExampleWebsite_Digest() {
	w := layout.Website{IndexDocument: "index.html"}
	byHand := w
	byHand.Others = []string{"ErrorDocument"}
	fmt.Println(w.Digest() == layout.Website{IndexDocument: "index.html"}.Digest(), w.Digest() == byHand.Digest())
	// Output: true false
}

func ExampleWebsiteState_Adopt() {
	own := layout.WebsiteState{Website: &layout.Website{IndexDocument: "home.html"}}.Adopt()
	fmt.Println(own.Pushed.Earlier[0] == own.Website.Digest())
	// Output: true
}

func ExampleWebsitePlan_Empty() {
	fmt.Println(layout.WebsitePlan{}.Empty(), layout.WebsitePlan{Remove: []string{"debian/20250318/index.html"}}.Empty())
	// Output: true false
}
