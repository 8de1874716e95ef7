package enginetest

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Apache runs Apache with the rules in a directory, its clock in UTC.
func Apache(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	return ApacheWith(t, rules, ApacheBlock(t, p), "UTC")
}

// ApacheBlock is what the documentation puts into the virtual host.
func ApacheBlock(t testing.TB, p Place) string {
	t.Helper()
	if p.Bucket != "" {
		store, err := url.Parse(p.Bucket)
		if err != nil {
			t.Fatal(err)
		}
		return Block(t, "apache", "a site in a bucket", "http://127.0.0.1:9000/bucket", p.Bucket, "http://127.0.0.1:9000/>", "http://"+store.Host+"/>")
	}
	openToNobody(t, p.Dir)
	block := Block(t, "apache", "a site in a directory", "/srv/site", p.Dir)
	for _, public := range p.Public {
		block += fmt.Sprintf("Alias %s %s/\n", public, p.Dir)
	}
	return block
}

// ApacheBelow is what the documentation puts there for a site in a directory
// below a public path.
func ApacheBelow(t testing.TB, dir, public string) string {
	t.Helper()
	openToNobody(t, dir)
	return Block(t, "apache", "a site in a directory, below a public path", "/srv/site", dir, "/mirror/", public)
}

// apacheModules are those that Debian loads by itself, in as far as they have
// a say in what is served, and those that the documentation asks for.
var apacheModules = []string{"mpm_event", "authz_core", "authz_host", "alias", "dir", "autoindex", "mime", "negotiation", "filter", "deflate", "env", "setenvif", "reqtimeout",
	"rewrite", "headers", "asis", "proxy", "proxy_http"}

// apacheConf has handlers for files of some names, as a server with scripts.
const apacheConf = `ServerRoot %[1]s
ServerName x
DocumentRoot %[1]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
Listen %[2]s
User #65534
Group #65534
StartServers 2
ThreadsPerChild 16
MinSpareThreads 16
MaxSpareThreads 64
MaxRequestWorkers 64
MaxKeepAliveRequests 0
KeepAliveTimeout 60
RequestReadTimeout header=0 body=0
TypesConfig /dev/null
Define DATESTONE_RULES %[3]s/apache
<Directory />
	Require all denied
</Directory>
AddHandler send-as-is .asis
<FilesMatch "[.]data$">
	SetHandler send-as-is
</FilesMatch>
<VirtualHost *>
%[4]s
</VirtualHost>
`

// ApacheWith runs Apache with the rules in a directory, a block of the test's
// own in the virtual host, and the environment variable TZ.
func ApacheWith(t testing.TB, rules, block, tz string) Engine {
	t.Helper()
	bin := Find(t, "apache2")
	dir := t.TempDir()
	openToNobody(t, dir)
	openToNobody(t, filepath.Join(rules, "apache"))
	e := Engine{Addr: FreeAddr(t)}
	var modules strings.Builder
	for _, m := range apacheModules {
		fmt.Fprintf(&modules, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	block = strings.ReplaceAll(block, "/etc/apache2/datestone/", rules+"/")
	conf := filepath.Join(dir, "apache.conf")
	Write(t, conf, modules.String()+fmt.Sprintf(apacheConf, dir, e.Addr, rules, block))
	cmd := exec.Command(bin, "-D", "FOREGROUND", "-f", conf)
	cmd.Env = append(os.Environ(), "TZ="+tz)
	t.Cleanup(func() {
		if said, _ := os.ReadFile(filepath.Join(dir, "error.log")); t.Failed() {
			t.Logf("Apache says: %s", said[max(0, len(said)-2000):])
		}
	})
	began := time.Now()
	Run(t, cmd, e.Addr)
	e.Ask(t, []string{"/"}, func(Answer) {}) // it listens before it has read its rules
	e.Loading = time.Since(began)
	script := Block(t, "sh\n#!/bin/sh", "reload Apache, and wait until no process with the old rules takes connections",
		"apache2ctl configtest", bin+" -t -f "+conf, "/run/apache2/apache2.pid", filepath.Join(dir, "pid"))
	e.Reload = []string{"sh", "-c", script}
	return e
}

// openToNobody lets Apache's processes read below a temporary directory. Where
// the test runs as root, they are nobody.
func openToNobody(t testing.TB, dir string) {
	t.Helper()
	for ; os.Geteuid() == 0 && strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
