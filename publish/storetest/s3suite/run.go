package s3suite

import (
	"context"
	"testing"

	"datestone/publish"
	"datestone/publish/storetest"
	"datestone/publish/storetest/servers"
)

// A Config is what the configurations of all drivers have. Zero values mean
// what they mean to the driver.
type Config struct {
	Endpoint                            string // a URL, to be spoken to with the bucket in the path
	Bucket, Prefix                      string
	Jobs                                int
	PartSize, MultipartAbove, CopyAbove int64
	Lazy                                bool
	Terms                               publish.Terms
}

// A Store is what every driver of S3 opens.
type Store interface {
	publish.Store
	publish.Linker
	publish.Deleter
	publish.Purger
	publish.Clock
}

// A Driver is what is tested.
type Driver struct {
	Open func(ctx context.Context, cfg Config) (Store, error)
	// Create is the command that its messages name to make a bucket, up to
	// the bucket's name.
	Create string
	// BlindTo is a server that can't tell its SDK when a lock ends.
	BlindTo string
}

func (d Driver) open(t testing.TB, cfg Config) Store {
	t.Helper()
	store, err := d.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

var allServers = []struct {
	name  string
	start func(testing.TB) servers.Server
}{{"minio", servers.MinIO}, {"versitygw", servers.VersityGW}}

var serverTests = []struct {
	name string
	hold func(d Driver, t *testing.T, server servers.Server)
}{
	{"in parts", Driver.inParts},
	{"in parts, refuses", Driver.inPartsRefuses},
	{"keeps the digest", Driver.keepsDigest},
	{"the bucket is gone", Driver.bucketIsGone},
	{"purges versions", Driver.purgesVersions},
	{"browses", Driver.browses},
	{"keeps history", Driver.keepsHistory},
	{"names the end of a lock", Driver.namesLock},
	{"locks what is final", Driver.locksFinal},
	{"sends its terms", Driver.sendsTerms},
	{"keeps tags", Driver.keepsTags},
	{"without prefix", func(d Driver, t *testing.T, server servers.Server) { d.isStore(t, server, "") }},
	{"with prefix", func(d Driver, t *testing.T, server servers.Server) { d.isStore(t, server, "/a mirror/of+é/") }},
}

// Run holds d to all but what Big does. Some tests change the environment, so
// t must not be parallel; the others are.
func Run(t *testing.T, d Driver) {
	t.Run("one attempt", d.oneAttempt)
	t.Run("a conflict whose answer is lost", d.lostConflict)
	for _, s := range allServers {
		t.Run(s.name, func(t *testing.T) {
			server := s.start(t) // for all of the tests below
			t.Run("New, errors", func(t *testing.T) { d.refusesToOpen(t, server) })
			for _, test := range serverTests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.hold(d, t, server)
				})
			}
		})
	}
}

func (d Driver) isStore(t *testing.T, server servers.Server, prefix string) {
	storetest.Run(t, func(t *testing.T) publish.Store {
		return d.open(t, Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t), Prefix: prefix})
	})
}
