package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Nginx runs nginx with the rules in a directory.
func Nginx(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	return NginxWith(t, rules, nginxLocations(t, p))
}

// nginxLocations are the documented ones.
func nginxLocations(t testing.TB, p Place) string {
	t.Helper()
	if p.Bucket != "" {
		return Block(t, "nginx", "a site in a bucket", "http://127.0.0.1:9000/bucket", p.Bucket)
	}
	locations := Block(t, "nginx", "a site in a directory", "/srv/site", p.Dir)
	missing := "location @missing { add_header Cache-Control no-cache always; return 404; }\n"
	for _, public := range p.Public {
		below := Block(t, "nginx", "a site in a directory, below a public path", "/srv/site", p.Dir, "/mirror/", public)
		locations += strings.Replace(below, missing, "", 1)
	}
	return locations
}

const nginxConf = `daemon off;
worker_processes 2;
%[5]s
worker_rlimit_nofile 4096;
pid %[1]s/pid;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000;
	default_type application/octet-stream;
	include %[2]s/nginx/datestone-http.conf;
	server {
		listen %[3]s;
		include %[2]s/nginx/datestone-server.conf;
		%[4]s
	}
}
`

// NginxWith runs nginx with the rules in a directory, and with locations of the
// test's own.
func NginxWith(t testing.TB, rules, locations string) Engine {
	t.Helper()
	bin := Find(t, "nginx")
	dir := t.TempDir()
	e := Engine{Addr: FreeAddr(t)}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // its workers would be nobody, who may not read a test's directories
	}
	conf, log := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "error.log")
	Write(t, conf, fmt.Sprintf(nginxConf, dir, rules, e.Addr, locations, user))
	t.Cleanup(func() {
		if said, _ := os.ReadFile(log); t.Failed() {
			t.Logf("nginx says: %s", said[max(0, len(said)-2000):])
		}
	})
	words := []string{bin, "-p", dir, "-e", log, "-c", conf}
	e.Loading = Run(t, exec.Command(words[0], words[1:]...), e.Addr)
	nginxIsContent(t, log)
	script := Block(t, "sh\n#!/bin/sh", "reload nginx, and wait until the old rules answer nobody any more",
		"/run/nginx.pid", filepath.Join(dir, "pid"), "nginx -s reload", strings.Join(words, " ")+" -s reload")
	e.Reload = []string{"sh", "-c", script}
	return e
}

// nginxIsContent: nginx only warns when a map does not fit its hash.
func nginxIsContent(t testing.TB, log string) {
	t.Helper()
	said, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(said), "[warn]") || strings.Contains(string(said), "[emerg]") {
		t.Fatalf("nginx says: %s", said)
	}
}
