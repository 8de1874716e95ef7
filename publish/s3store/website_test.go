package s3store_test

import (
	"errors"
	"io/fs"
	"testing"

	"datestone/layout"
	"datestone/publish"
	"datestone/publish/s3store"
	"datestone/publish/storetest/servers"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
			setsAndRemoves(t, store)
		})
	}
}

// setsAndRemoves wants keys to be those of the bucket: the prefix is part of
// them already.
func setsAndRemoves(t *testing.T, store *s3store.Store) {
	t.Helper()
	if err := store.SetRedirection(t.Context(), layout.Redirection{Key: "mirror/x", Location: "/mirror/y/"}); err != nil {
		t.Fatal(err)
	}
	if info, err := store.Stat(t.Context(), "x"); err != nil || info.Size != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	for range 2 {
		if err := store.RemoveRedirections(t.Context(), "mirror/x", "mirror/never"); err != nil {
			t.Error(err)
		}
	}
	if _, err := store.Stat(t.Context(), "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed, and Stat says %v", err)
	}
}

// TestConditionsOfCeph: its RGW refuses an entity tag as it gives it.
func TestConditionsOfCeph(t *testing.T) {
	server := servers.RGW(t)
	store, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.Endpoint, PathStyle: true, Bucket: server.Bucket(t)})
	if err != nil {
		t.Fatal(err)
	}
	put := func(body, version string) (publish.Info, error) {
		p := publish.Bytes(layout.Object{Key: "table", Size: int64(len(body)), SHA256: layout.DigestOf([]byte(body))}, []byte(body))
		p.Create, p.IfMatch = version == "", version
		return store.Put(t.Context(), p)
	}
	first, err := put("one", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put("two", ""); !errors.Is(err, publish.ErrConflict) {
		t.Errorf("create where something stands: %v", err)
	}
	second, err := put("two", first.Version)
	if err != nil {
		t.Errorf("replace what stands: %v", err)
	}
	if _, err := put("three", first.Version); !errors.Is(err, publish.ErrConflict) {
		t.Errorf("replace what stands no more: %v", err)
	}
	if info, err := store.Stat(t.Context(), "table"); err != nil || info.Version != second.Version {
		t.Errorf("stands %+v, %v, want %s", info, err, second.Version)
	}
}

// TestWebsiteOfOthers wants what datestone never writes to be told of, or it
// would be lost unseen.
func TestWebsiteOfOthers(t *testing.T) {
	server := servers.VersityGW(t)
	bucket := server.Bucket(t)
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &server.Endpoint, true })
	store, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.Endpoint, PathStyle: true, Bucket: bucket})
	if err != nil {
		t.Fatal(err)
	}
	for want, w := range map[string]*types.WebsiteConfiguration{
		"ErrorDocument":         {IndexDocument: &types.IndexDocument{Suffix: aws.String("index.html")}, ErrorDocument: &types.ErrorDocument{Key: aws.String("lost.html")}},
		"RedirectAllRequestsTo": {RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: aws.String("else.example.org")}},
	} {
		if _, err := client.PutBucketWebsite(t.Context(), &s3.PutBucketWebsiteInput{Bucket: &bucket, WebsiteConfiguration: w}); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Website(t.Context()); err != nil || len(got.Others) != 1 || got.Others[0] != want {
			t.Errorf("%s: got %+v, %v", want, got, err)
		}
	}
}
