package s3store_test

import (
	"errors"
	"io/fs"
	"testing"

	"datestone/layout"
	"datestone/publish/s3store"
	"datestone/publish/storetest/servers"

	"github.com/google/go-cmp/cmp"
)

func TestWebsite(t *testing.T) {
	for _, s := range []struct {
		name  string
		start func(testing.TB) servers.Server
	}{{"versitygw", servers.VersityGW}, {"radosgw", servers.RGW}} {
		t.Run(s.name, func(t *testing.T) {
			server := s.start(t)
			bucket := server.Bucket(t)
			store, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.Endpoint, PathStyle: true, Bucket: bucket, Prefix: "mirror"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Website(t.Context()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("without any: %v, want fs.ErrNotExist", err)
			}
			want := layout.Website{IndexDocument: "index.html", RoutingRules: []layout.RoutingRule{
				{
					Condition: layout.RoutingCondition{KeyPrefix: "mirror/é&<b>/latest/"},
					Redirect:  layout.RoutingRedirect{HostName: "host:8080", Protocol: "https", HTTPRedirectCode: "302", ReplaceKeyPrefix: "mirror/a/"},
				},
				{
					Condition: layout.RoutingCondition{HTTPErrorCode: "404", KeyPrefix: "mirror/2"},
					Redirect:  layout.RoutingRedirect{HTTPRedirectCode: "302", ReplaceKey: "mirror/b/"},
				},
			}}
			for range 2 {
				if err := store.SetWebsite(t.Context(), want); err != nil {
					t.Fatal(err)
				}
				got, err := store.Website(t.Context())
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("%v, (-want +got):\n%s", err, diff)
				}
				want.RoutingRules = want.RoutingRules[1:]
			}
			if err := store.SetRedirection(t.Context(), layout.Redirection{Key: "mirror/x", Location: "/mirror/y/"}); err != nil {
				t.Fatal(err)
			}
			// The prefix is part of the key already.
			if info, err := store.Stat(t.Context(), "x"); err != nil || info.Size != 0 {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}
