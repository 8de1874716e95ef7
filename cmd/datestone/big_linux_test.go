package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"datestone/publish/storetest/servers"
)

const (
	bigSize   = 6 << 30
	bigDigest = "5c32c2b28999325bc5ad39d6530bcb46fbdf1f86375a991b7269764c50b0d109" // of as many zeros
	bigMemory = 200_000                                                            // kB, of the whole process
)

// TestBig publishes a sparse file of 6 GiB, and then links it into a second
// checkpoint, each time in a process whose peak of memory is asked for.
func TestBig(t *testing.T) {
	if os.Getenv("DATESTONE_TEST_BIG") == "" {
		t.Skip("writes 12 GiB for each store: set DATESTONE_TEST_BIG=1")
	}
	for _, kind := range []e2eStore{
		{"file", schemeFile, nil}, {"s3 on versitygw", schemeS3, servers.VersityGW}, {"minio on MinIO", schemeMinio, servers.MinIO},
	} {
		t.Run(kind.name, func(t *testing.T) {
			dir := t.TempDir()
			bigConfig(t, dir, kind)
			upstream(t, dir, "1.iso")
			runBig(t, dir, "published", "(2 fetched, 6.4 GB; 0 linked)")
			must(t, os.Rename(filepath.Join(dir, "1.iso"), filepath.Join(dir, "2.iso")))
			upstream(t, dir, "2.iso")
			runBig(t, dir, "published", "(1 fetched, 82 Bytes; 1 linked)")
		})
	}
}

func bigConfig(t *testing.T, dir string, kind e2eStore) {
	bucket := "file:site"
	must(t, os.Mkdir(filepath.Join(dir, "site"), 0o755))
	if kind.server != nil {
		s := kind.server(t)
		bucket = fmt.Sprintf("minio://%s/%s", s.Host(), s.Bucket(t))
		if kind.scheme == schemeS3 {
			bucket = fmt.Sprintf("s3://%s?region=us-east-1&endpoint=%s", s.Bucket(t), url.QueryEscape(s.Endpoint))
		}
	}
	config := fmt.Sprintf("bucket: %q\npublic_url: https://snapshots.example.org/\nrepositories:\n"+
		"  - {name: big, base_path: big, remote: {type: file, url: 'file:PULP_MANIFEST'}}\n", bucket)
	must(t, os.WriteFile(filepath.Join(dir, "datestone.yaml"), []byte(config), 0o644))
}

// upstream writes the manifest, and the file as one hole.
func upstream(t *testing.T, dir, name string) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o644)
	must(t, err)
	must(t, f.Truncate(bigSize))
	must(t, f.Close())
	must(t, os.WriteFile(filepath.Join(dir, "PULP_MANIFEST"), fmt.Appendf(nil, "%s,%s,%d\n", name, bigDigest, bigSize), 0o644))
}

func runBig(t *testing.T, dir string, want ...string) {
	t.Helper()
	c := exec.Command("datestone", "--config", filepath.Join(dir, "datestone.yaml"), "run")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) {
			t.Errorf("got %s, want %q in it", out, w)
		}
	}
	most := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	t.Logf("%s%d kB of memory at most", out, most)
	if most > bigMemory {
		t.Errorf("%d kB of memory at most, want no more than %d", most, bigMemory)
	}
}
