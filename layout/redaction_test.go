package layout_test

import (
	"strings"
	"testing"

	"datestone/layout"
)

func TestListingNamesWhatWasRemoved(t *testing.T) {
	t.Parallel()
	table := tableOf(nil, "20250318T140338Z", "20250318T140442Z")
	_, before := listing(t, table, nil)
	if page := string(before["index.html"].Body); strings.Contains(page, `id="removed"`) {
		t.Error("the page has a notice though nothing was removed")
	}
	sum := layout.DigestOf([]byte("secret"))
	table.Redacted = []layout.Redaction{{SHA256: sum, Time: "20250401T120000Z", Record: 3, Reason: `court order <7> & "more" on 20250319T000000Z/a`}}
	table.Log.Entries = 3
	_, pages := listing(t, table, nil)
	page := string(pages["index.html"].Body)
	want := "<p><code>" + sum.String() + "</code><br>01-Apr-2025 12:00: court order &lt;7&gt; &amp; &#34;more&#34; on 20250319&#84;000000Z/a (<a href=\"./log/3.json\">record 3</a>)</p>\n"
	if !strings.Contains(page, want) {
		t.Errorf("the page lacks\n%s", want)
	}
	for _, id := range idForm.FindAllString(page, -1) {
		if _, ok := table.Find(layout.Stamp(id)); !ok {
			t.Errorf("the page names %s, which is no checkpoint", id)
		}
	}
}

func TestReasonsAreOneLineOfText(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reason string
		ok     bool
	}{
		"words":               {"court order 7/2025, Amtsgericht Köln", true},
		"as long as may be":   {strings.Repeat("x", 1000), true},
		"nothing":             {"", false},
		"too long":            {strings.Repeat("x", 1001), false},
		"two lines":           {"one\ntwo", false},
		"a control sequence":  {"\x1b[2J", false},
		"text that runs back": {"a\u202eb", false},
		"not UTF-8":           {"\xff", false},
	} {
		got, err := layout.CleanReason(row.reason)
		if (err == nil) != row.ok || row.ok && got != row.reason {
			t.Errorf("%s: CleanReason = %q, %v, want it taken: %t", name, got, err, row.ok)
		}
	}
}

func TestRedactedSinceNewest(t *testing.T) {
	t.Parallel()
	all := march(2)
	h := days(1)
	want := func(since bool) {
		t.Helper()
		if table := fold(t, settings(), h); table.RedactedSinceNewest() != since {
			t.Errorf("after %d records RedactedSinceNewest is %t", table.Log.Entries, !since)
		}
	}
	want(false)
	h.redact("20250301T120000Z", "court order", layout.DigestOf(nil))
	want(true)
	h.commit(all[1], all[1])
	want(false)
}
