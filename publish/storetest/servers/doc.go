// Package servers starts real S3 servers for tests: MinIO, versitygw and Ceph's
// RGW, as programs on free ports over temporary directories.
//
// The programs come from the directory in DATESTONE_TEST_BIN, or from PATH;
// testdata/servers builds the first two at pinned versions, Ceph is a matter of
// Debian's packages. A test skips with a reason
// where one is missing, and fails instead if DATESTONE_TEST_REQUIRE is set.
// A server runs while any test of the process uses it.
//
// The first server puts its credentials into the environment of the process,
// where the SDKs' own chains find them: all servers have the same ones.
//
//	server := servers.MinIO(t)
//	store, err := s3store.New(t.Context(), s3store.Config{Endpoint: server.Endpoint, Bucket: server.Bucket(t)})
package servers
