package layout_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
)

const publicURL = "https://snapshots.example.org/"

// tableOf returns a table of the checkpoints ids, with channels.
func tableOf(channels map[string]layout.Stamp, ids ...layout.Stamp) layout.Table {
	t := layout.NewTable(layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: "/"})
	for i, id := range ids {
		t.Checkpoints = append(t.Checkpoints, layout.Checkpoint{ID: id, Files: 4 * i, Bytes: 3300 * int64(i), Record: i + 1, Committed: id})
		t.FinalUntil = id
	}
	t.Log.Entries = len(ids)
	for name, id := range channels {
		t.Channels[name] = id
	}
	return t
}

// everyHours returns n stamps that far apart, from 2024 on.
func everyHours(n, hours int) []layout.Stamp {
	ids := make([]layout.Stamp, n)
	for i := range ids {
		ids[i] = layout.StampOf(time.Date(2024, 1, 1, 6, 30, 0, 0, time.UTC).Add(time.Duration(i*hours) * time.Hour))
	}
	return ids
}

// listing returns the pages of t by key; the listing itself comes last.
func listing(t *testing.T, table layout.Table, changed []layout.Stamp) (keys []string, pages map[string]layout.Page) {
	t.Helper()
	drawn, err := layout.ListingPages(table, debRemote, publicURL, changed)
	if err != nil {
		t.Fatal(err)
	}
	pages = map[string]layout.Page{}
	for _, p := range drawn {
		checkPage(t, p)
		if shown, ok := layout.ShownChanges(p.Body); !ok || shown != table.Log.Entries || p.Changes != shown {
			t.Errorf("page %q shows %d entries and has %d, want %d", p.Key, shown, p.Changes, table.Log.Entries)
		}
		keys = append(keys, strings.TrimPrefix(p.Key, "checkpoints/myfile/"))
		pages[keys[len(keys)-1]] = p
	}
	return keys, pages
}

var idForm = regexp.MustCompile(`\d{8}T\d{6}Z`)

// idsOn returns the IDs that a scraper finds on a page, each once.
func idsOn(p layout.Page) []layout.Stamp {
	var ids []layout.Stamp
	for _, id := range idForm.FindAllString(string(p.Body), -1) {
		ids = append(ids, layout.Stamp(id))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func TestListingPagesAreDrawnAsBefore(t *testing.T) {
	t.Parallel()
	_, pages := listing(t, tableOf(nil), nil)
	golden(t, "pages/listing-empty.html", pages["index.html"].Body)
	_, pages = listing(t, tableOf(map[string]layout.Stamp{"canary": second, "prod": first, "frozen": ""}, first, second), nil)
	golden(t, "pages/listing.html", pages["index.html"].Body)
}

func TestListingRowsAreTheCheckpointsOldestFirst(t *testing.T) {
	t.Parallel()
	_, pages := listing(t, tableOf(nil, first, second), nil)
	want := []string{
		`<a href="../">../</a>`,
		`<a href="./20250318T140338Z/">20250318T140338Z/</a>  18-Mar-2025 14:03  0 Bytes    0 files`,
		`<a href="./20250318T140442Z/">20250318T140442Z/</a>  18-Mar-2025 14:04  3.3 kB     4 files`,
	}
	got := rows(t, pages["index.html"])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range got[1:] {
		if !rowForm.MatchString(line) {
			t.Errorf("row %q has not the form that scrapers know", line)
		}
	}
}

// The tests of the field's closest relative take every ID on the page for a
// checkpoint, wherever it stands.
func TestListingNamesNoIDButThoseOfCheckpoints(t *testing.T) {
	t.Parallel()
	for _, ids := range [][]layout.Stamp{nil, {first}, {first, second}, everyHours(1000, 6)} {
		_, pages := listing(t, tableOf(map[string]layout.Stamp{"prod": ""}, ids...), nil)
		if diff := cmp.Diff(ids, idsOn(pages["index.html"])); diff != "" {
			t.Errorf("with %d checkpoints (-want +got):\n%s", len(ids), diff)
		}
	}
}

func TestListingSaysHowToUseIt(t *testing.T) {
	t.Parallel()
	_, pages := listing(t, tableOf(map[string]layout.Stamp{"prod": first, "frozen": ""}, first, "20250320T000000Z"), nil)
	body := string(pages["index.html"].Body)
	for _, want := range []string{
		"<code>20250320T000000Z/</code>",
		"After <code>https://snapshots.example.org/checkpoints/myfile/</code>",
		"<code>YYYYMMDDTHHMMSSZ/</code>",
		"<code>latest/</code></td><td>leads to 20250320T000000Z<",
		"<code>prod/</code></td><td>leads to 20250318T140338Z<",
		"<code>frozen/</code></td><td>leads nowhere yet<",
		"\ncurl -fLO https://snapshots.example.org/checkpoints/myfile/latest/FILE",
		"curl -fLO https://snapshots.example.org/checkpoints/myfile/20250320/FILE",
		`<a href="./checkpoints.json">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the listing lacks %q", want)
		}
	}
}

func TestListingExampleDayHasAnAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		ids  []layout.Stamp
		want string
	}{
		{"no checkpoint: only the form", nil, "/YYYYMMDD/FILE"},
		{"the day began before the only checkpoint: only the form", []layout.Stamp{first}, "/YYYYMMDD/FILE"},
		{"the day began with the checkpoint", []layout.Stamp{"20250318T000000Z"}, "/20250318/FILE"},
		{"the day began after an earlier checkpoint", []layout.Stamp{"20250317T235959Z", first}, "/20250318/FILE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, pages := listing(t, tableOf(nil, tc.ids...), nil)
			if !strings.Contains(string(pages["index.html"].Body), "curl -fLO https://snapshots.example.org/checkpoints/myfile"+tc.want) {
				t.Errorf("no example ends in %q", tc.want)
			}
		})
	}
}

func TestListingOfManyCheckpointsShowsTheNewestAndMonths(t *testing.T) {
	t.Parallel()
	ids := everyHours(1500, 12) // two years and a bit
	keys, pages := listing(t, tableOf(nil, ids...), nil)
	if got, want := len(keys), 25+1; got != want || keys[0] != "2024/01/index.html" || keys[25] != "index.html" {
		t.Fatalf("got %d pages, want %d: the months oldest first, then the listing: %v", got, want, keys)
	}
	if diff := cmp.Diff(ids[500:], idsOn(pages["index.html"])); diff != "" {
		t.Errorf("listing (-want +got):\n%s", diff)
	}
	var inMonths []layout.Stamp
	for _, key := range keys[:25] {
		inMonths = append(inMonths, idsOn(pages[key])...)
		if link := `<a href="./` + strings.TrimSuffix(key, "index.html") + `">`; !strings.Contains(string(pages["index.html"].Body), link) {
			t.Errorf("the listing does not link %s", link)
		}
	}
	if diff := cmp.Diff(ids, inMonths); diff != "" {
		t.Errorf("months (-want +got):\n%s", diff)
	}
	want := []string{`<a href="../../">../</a>`,
		`<a href="../../20240101T063000Z/">20240101T063000Z/</a>  01-Jan-2024 06:30  0 Bytes    0 files`}
	if diff := cmp.Diff(want, rows(t, pages["2024/01/index.html"])[:2]); diff != "" {
		t.Errorf("month (-want +got):\n%s", diff)
	}
	golden(t, "pages/month.html", pages["2026/01/index.html"].Body)
}

func TestListingDrawsTheMonthsThatChanged(t *testing.T) {
	t.Parallel()
	ids := everyHours(1100, 24) // three years and a bit
	last := ids[len(ids)-1]
	for _, tc := range []struct {
		name    string
		ids     []layout.Stamp
		changed []layout.Stamp
		want    []string
	}{
		{"none", ids, []layout.Stamp{}, []string{"index.html"}},
		{"those named", ids, []layout.Stamp{last, ids[0], ids[1]}, []string{"2024/01/index.html", "2027/01/index.html", "index.html"}},
		{"one that has lost its last checkpoint", ids, []layout.Stamp{"20230501T000000Z"}, []string{"2023/05/index.html", "index.html"}},
		{"no months while one page is enough", ids[:1000], ids[999:1000], []string{"index.html"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			keys, _ := listing(t, tableOf(nil, tc.ids...), tc.changed)
			if diff := cmp.Diff(tc.want, keys); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	keys, _ := listing(t, tableOf(nil, ids[:1001]...), ids[1000:1001])
	if len(keys) != 33+1 {
		t.Errorf("%d pages when the list has just outgrown one page, want all 33 months and the listing", len(keys))
	}
}

func TestListingRefusesAnAddressThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := layout.ListingPages(tableOf(nil), layout.Remote{}, "ftp://example.org/", nil)
	if err == nil || !strings.Contains(err.Error(), `"ftp://example.org/"`) {
		t.Errorf("got %v, want an error that names the address", err)
	}
}

func TestListingTakesAnAddressWithoutItsLastSlash(t *testing.T) {
	t.Parallel()
	pages, err := layout.ListingPages(tableOf(nil), layout.Remote{}, "https://example.org/mirror", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := "https://example.org/mirror/checkpoints/myfile/latest/"; !strings.Contains(string(pages[0].Body), want) {
		t.Errorf("the listing lacks %q", want)
	}
}

func BenchmarkListingPages(b *testing.B) {
	table := tableOf(nil, everyHours(100_000, 1)...)
	changed := []layout.Stamp{table.Newest()}
	for b.Loop() {
		if _, err := layout.ListingPages(table, debRemote, publicURL, changed); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleListingPages() {
	table := layout.NewTable(layout.Settings{Repository: "myfile", BasePath: "checkpoints/myfile", PublicPath: "/"})
	pages, err := layout.ListingPages(table, layout.Remote{Type: "file"}, "https://snapshots.example.org/", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pages {
		fmt.Println(p.Key, p.Header.CacheControl)
	}
	// Output: checkpoints/myfile/index.html public, max-age=60
}

// TestMonthsOutliveTheirCheckpoints prunes most of a long list: months that lost
// checkpoints are drawn again, those that lost all of them too, and go on being
// drawn though the list is short by now.
func TestMonthsOutliveTheirCheckpoints(t *testing.T) {
	t.Parallel()
	all := everyHours(1200, 6) // January to October 2024
	january := slices.IndexFunc(all, func(id layout.Stamp) bool { return id >= "20240201" })
	table := tableOf(nil, all...)
	table.Checkpoints = slices.Concat(table.Checkpoints[january+1:january+10], table.Checkpoints[1100:])
	table.Removed = len(all) - len(table.Checkpoints)
	keys, pages := listing(t, table, all[:january+1])
	if diff := cmp.Diff([]string{"2024/02/index.html", "2024/01/index.html", "index.html"}, keys); diff != "" {
		t.Errorf("drawn are (-want +got):\n%s", diff)
	}
	if got := idsOn(pages["2024/01/index.html"]); len(got) > 0 {
		t.Errorf("the page of January names %v", got)
	}
	if diff := cmp.Diff(all[january+1:january+10], idsOn(pages["2024/02/index.html"])); diff != "" {
		t.Errorf("February (-want +got):\n%s", diff)
	}
	next := all[len(all)-1].Next()
	table.Checkpoints = append(table.Checkpoints, layout.Checkpoint{ID: next})
	if keys, _ = listing(t, table, []layout.Stamp{next}); !slices.Equal(keys, []string{"2024/10/index.html", "index.html"}) {
		t.Errorf("after one more checkpoint %v are drawn", keys)
	}
}
