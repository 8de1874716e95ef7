package redirects_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/s3store"
	"datestone/redirects"

	"github.com/google/go-cmp/cmp"
)

// TestS3Push pushes to real servers what a site goes through. Each push sends
// what differs and nothing more, and the web site then answers as the report
// says.
func TestS3Push(t *testing.T) {
	t.Parallel()
	near := func(count, entries int) layout.Table {
		tab := noons("n", count)
		tab.PublicPath, tab.Log.Entries = "/mirror/", entries
		return tab
	}
	pruned := near(31, 32)
	pruned.Checkpoints, pruned.Gone = pruned.Checkpoints[10:], []layout.Span{{From: "20240101T120000Z", Until: "20240111T115959Z"}}
	for _, server := range websiteServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			s := server.start(t)
			bucket := s.Bucket(t)
			for _, c := range []struct {
				table       layout.Table
				set, remove int
				website     bool
			}{{near(30, 30), 29, 0, true}, {near(30, 30), 0, 0, false}, {near(31, 31), 1, 0, true}, {pruned, 0, 10, false}, {pruned, 0, 0, false}} {
				tables := []layout.Table{c.table}
				b := fillS3Bucket(t, s, bucket, redirects.Input{Tables: tables, PublicURL: "https://snapshots.example.org/"})
				for _, gone := range c.table.Gone {
					b.forget(t, gone, near(31, 31))
				}
				b.checkSent(t, c.set, c.remove, c.website)
				targets := plain(randomTargets(rand.New(rand.NewPCG(57, 58)), tables, 800))
				b.ask(t, targets, func(target string, status int, location string) { b.check(t, target, status, location) })
			}
		})
	}
}

// checkSent counts what was sent when the bucket was filled.
func (b *s3Bucket) checkSent(t *testing.T, set, remove int, website bool) {
	t.Helper()
	var got layout.WebsitePlan
	for _, p := range b.sent {
		got = p
	}
	if len(b.sent) > 1 || len(got.Set) != set || len(got.Remove) != remove || (got.Website != nil) != website {
		t.Errorf("sent %d times, %d objects, a configuration: %t, removed %d; want %d, %t, %d",
			len(b.sent), len(got.Set), got.Website != nil, len(got.Remove), set, website, remove)
	}
}

// forget deletes what table has of checkpoints that are gone by now.
func (b *s3Bucket) forget(t *testing.T, gone layout.Span, table layout.Table) {
	t.Helper()
	store, err := s3store.New(t.Context(), s3store.Config{Endpoint: b.server.Endpoint, PathStyle: true, Bucket: b.bucket})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, c := range table.Checkpoints {
		if c.ID < gone.From || c.ID > gone.Until {
			continue
		}
		for _, f := range s3Files {
			keys = append(keys, layout.Key((table.PublicPath + table.BasePath)[1:], c.ID, f))
		}
	}
	if err := store.Delete(t.Context(), keys...); err != nil {
		t.Fatal(err)
	}
}

// TestS3PushLeavesOthersAlone wants a configuration that someone made by hand
// to stand, on real servers, unless it is to be replaced.
func TestS3PushLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for _, server := range websiteServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			s := server.start(t)
			store, err := s3store.New(t.Context(), s3store.Config{Endpoint: s.Endpoint, PathStyle: true, Bucket: s.Bucket(t), Prefix: "a"})
			if err != nil {
				t.Fatal(err)
			}
			leavesOthersAlone(t, store)
		})
	}
}

func leavesOthersAlone(t *testing.T, store *s3store.Store) {
	own := layout.Website{IndexDocument: "index.html", RoutingRules: []layout.RoutingRule{{
		Condition: layout.RoutingCondition{KeyPrefix: "old/"}, Redirect: layout.RoutingRedirect{ReplaceKeyPrefix: "new/"}}}}
	if err := store.SetWebsite(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	goal := s3Goal(t, noons("a", 3))
	if _, err := pushWebsite(t.Context(), store, 2, goal); !errors.Is(err, redirects.ErrForeign) {
		t.Errorf("it was replaced: %v", err)
	}
	if got, err := store.Website(t.Context()); err != nil || cmp.Diff(own, got) != "" {
		t.Errorf("in force is %+v, %v", got, err)
	}
	b, err := publish.New(publish.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	adopt := func(have layout.WebsiteState) (layout.WebsitePlan, error) {
		return redirects.DiffS3(have.Adopt(), goal)
	}
	if sent, err := b.PushWebsite(t.Context(), adopt); err != nil || len(sent) != 1 || sent[0].Website == nil {
		t.Errorf("told to replace it: sent %+v, %v", sent, err)
	}
	mustPush(t, store, goal)
	if got, err := store.Website(t.Context()); err != nil || got.Digest() != goal.Website.Digest() {
		t.Errorf("in force is %+v, %v", got, err)
	}
}
