package miniostore_test

import (
	"testing"

	"datestone/publish"
	"datestone/publish/miniostore"
	"datestone/publish/storetest"
	"datestone/publish/storetest/servers"
)

// eachServer runs a test on every server there is.
func eachServer(t *testing.T, test func(t *testing.T, server servers.Server)) {
	for name, start := range map[string]func(testing.TB) servers.Server{"minio": servers.MinIO, "versitygw": servers.VersityGW} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func open(t testing.TB, cfg miniostore.Config) *miniostore.Store {
	t.Helper()
	cfg.PathStyle = true
	store, err := miniostore.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestStore(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		for name, prefix := range map[string]string{"without prefix": "", "with prefix": "/a mirror/of+é/"} {
			t.Run(name, func(t *testing.T) {
				storetest.Run(t, func(t *testing.T) publish.Store {
					return open(t, miniostore.Config{Endpoint: server.Host(), Bucket: server.Bucket(t), Prefix: prefix})
				})
			})
		}
	})
}

func TestStoreInParts(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, server servers.Server) {
		storetest.Run(t, func(t *testing.T) publish.Store {
			return open(t, miniostore.Config{
				Endpoint: server.Host(), Bucket: server.Bucket(t), Prefix: "p",
				PartSize: 5 << 20, MultipartAbove: 50_000, CopyAbove: 10 << 20,
			})
		})
	})
}
