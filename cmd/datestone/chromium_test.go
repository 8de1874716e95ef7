package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// measure loads a page into a frame and writes down what a reader would see.
const measure = `<!doctype html><title>measure</title>
<iframe id="f" src="%s" style="width:%dpx;height:800px;border:0"></iframe><p id="seen"></p>
<script>
document.getElementById("f").onload = function () {
  var d = this.contentDocument, e = d.documentElement, s = this.contentWindow.getComputedStyle(d.body);
  document.getElementById("seen").textContent = [d.title, d.querySelectorAll("pre a").length,
    e.scrollWidth <= e.clientWidth ? "fits" : "overflows by " + (e.scrollWidth - e.clientWidth), s.backgroundColor].join("|");
};
</script>`

// TestChromium opens the pages in a real browser, wide and on a phone, light
// and dark.
func TestChromium(t *testing.T) {
	t.Parallel()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("DATESTONE_TEST_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := newWalkSite(t)
	s.run("20250318T140338Z", "publish", "--force")
	s.upstream("two")
	s.run("20250318T140442Z", "run")
	site := s.serve("20250321T000000Z")
	const light, dark = "rgb(247, 246, 243)", "rgb(19, 22, 25)"
	tests := []struct {
		name, path string
		width      int
		dark       bool
		want       string
	}{
		{"the repositories", "/", 1000, false, "Index of /|2|fits|" + light},
		{"the checkpoints", "/checkpoints/myfile/", 1000, false, "Index of /checkpoints/myfile/|3|fits|" + light},
		{"a checkpoint, in the dark", "/checkpoints/myfile/20250318T140442Z/", 1000, true,
			"Index of /checkpoints/myfile/20250318T140442Z/|5|fits|" + dark},
		{"the checkpoints, on a phone", "/checkpoints/myfile/", 390, false, "Index of /checkpoints/myfile/|3|fits|" + light},
		{"a name with a blank, on a phone", "/checkpoints/myfile/20250318T140442Z/docs/", 390, true,
			"Index of /checkpoints/myfile/20250318T140442Z/docs/|2|fits|" + dark},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/measure.html" {
					fmt.Fprintf(w, measure, test.path, test.width)
					return
				}
				site.Config.Handler.ServeHTTP(w, r)
			}))
			defer page.Close()
			args := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
				"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(), "--virtual-time-budget=5000"}
			if test.dark {
				args = append(args, "--blink-settings=preferredColorScheme=0")
			}
			out, err := exec.CommandContext(t.Context(), browser, append(args, "--dump-dom", page.URL+"/measure.html")...).Output()
			if err != nil {
				t.Fatal(err)
			}
			seen := regexp.MustCompile(`<p id="seen">([^<]*)</p>`).FindSubmatch(out)
			if seen == nil || strings.TrimSpace(string(seen[1])) != test.want {
				t.Errorf("got %q, want %q", seen, test.want)
			}
		})
	}
}
