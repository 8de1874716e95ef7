package enginetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// HAProxy runs HAProxy with the rules in a directory, in front of a bucket: it
// serves no files.
func HAProxy(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	bin := Find(t, "haproxy")
	e := Engine{Addr: FreeAddr(t)}
	host, bucket, _ := strings.Cut(strings.TrimPrefix(p.Bucket, "http://"), "/")
	conf := "global\n\tmaxconn 100\n" + Block(t, "haproxy", "a site in a bucket", ":80\n", e.Addr+"\n", "127.0.0.1:9000", host, "/bucket%", "/"+bucket+"%")
	own := filepath.Join(t.TempDir(), "haproxy.cfg")
	Write(t, own, conf)
	cmd := exec.Command(bin, "-db", "-f", filepath.Join(rules, "haproxy/datestone.cfg"), "-f", own)
	cmd.Env = append(os.Environ(), "DATESTONE_RULES="+filepath.Join(rules, "haproxy"))
	e.Loading = Run(t, cmd, e.Addr)
	return e
}
