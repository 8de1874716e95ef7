package enginetest

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The edges that are code run in Node, behind a server that does what the
// edge's own does: it hands requests to the code, and what the code hands on to
// the bucket.
var (
	//go:embed cloudfront.js
	cloudFrontServer string
	//go:embed cloudflare.mjs
	cloudflareServer string
	//go:embed store.js
	storeStub string
)

// CloudFront runs the Function with the rules in a directory, in front of a
// bucket that anyone may read and list, as CloudFront may.
func CloudFront(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	script := filepath.Join(t.TempDir(), "cloudfront.js")
	Write(t, script, Function(t, filepath.Join(rules, "cloudfront"))+cloudFrontServer)
	return node(t, script, p)
}

// Cloudflare runs the worker with the rules in a directory, in front of a
// bucket.
func Cloudflare(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	dir := t.TempDir()
	worker := read(t, filepath.Join(rules, "cloudflare", "worker.js"))
	Write(t, filepath.Join(dir, "worker.mjs"), worker)
	Write(t, filepath.Join(dir, "cloudflare.mjs"), cloudflareServer)
	return node(t, filepath.Join(dir, "cloudflare.mjs"), p)
}

func node(t testing.TB, script string, p Place) Engine {
	t.Helper()
	e := Engine{Addr: FreeAddr(t)}
	_, port, _ := strings.Cut(e.Addr, ":")
	e.Loading = Run(t, exec.Command(Find(t, "node"), script, port, p.Bucket), e.Addr)
	return e
}

// Function returns the code of the Function in a directory. Its import of the
// KeyValueStore is replaced by one that reads the import file beside it, and
// counts in READS how often.
func Function(t testing.TB, dir string) string {
	t.Helper()
	code := read(t, filepath.Join(dir, "function.js"))
	store := filepath.Join(dir, "keyvaluestore.json")
	if _, err := os.Stat(store); err != nil {
		return "var READS = 0;\n" + code
	}
	rest, ok := strings.CutPrefix(code, "import cf from 'cloudfront';\n")
	if !ok {
		t.Fatal("the Function does not begin with its import")
	}
	return strings.ReplaceAll(storeStub, "%STORE%", filepath.ToSlash(store)) + rest
}

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
