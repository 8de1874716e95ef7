// Package enginetest runs the real edges that rules are rendered for, each set
// up as docs/serving.md says: its configuration is the block that stands there.
//
// The programs come from the directory in DATESTONE_TEST_BIN, from PATH, or
// from where Debian keeps them. A test skips with a reason where one is
// missing, and fails instead if DATESTONE_TEST_REQUIRE is 1.
//
//	rules := t.TempDir() // with nginx/datestone-http.conf, …
//	nginx := enginetest.Nginx(t, rules, enginetest.Place{Bucket: "http://127.0.0.1:9000/bucket"})
//	nginx.Ask(t, []string{"/debian/20250101/"}, func(a enginetest.Answer) { … })
package enginetest
