package redirects_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
)

// startNginx runs nginx with the rules for tables and the given locations. It
// skips the test where there is no nginx, and fails it where one is required.
func startNginx(t testing.TB, tables []layout.Table, locations string) engine {
	t.Helper()
	nginx := findEngine(t, "nginx", "-v")
	dir := t.TempDir()
	writeRules(t, dir, "nginx", tables)
	e := engine{addr: freeAddr(t)}
	writeFile(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(nginxConf, dir, e.addr, locations))
	cmd := exec.Command(nginx, "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "nginx.conf"))
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Logf("nginx says: %s", log[max(0, len(log)-2000):])
		}
	})
	e.loading = runEngine(t, cmd, e.addr)
	checkErrorLog(t, dir)
	return e
}

const nginxConf = `daemon off;
master_process off;
pid %[1]s/pid;
worker_rlimit_nofile 4096;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 1000000;
	include %[1]s/nginx/datestone-http.conf;
	server {
		listen %[2]s;
		include %[1]s/nginx/datestone-server.conf;
		%[3]s
	}
}
`

// checkErrorLog: nginx only warns when a map does not fit its hash.
func checkErrorLog(t testing.TB, dir string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, "error.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "[warn]") || strings.Contains(string(log), "[emerg]") {
		t.Fatalf("nginx says: %s", log)
	}
}

// snippet returns nginx's block of docs/serving.md that begins with the comment
// title, with what it says of the site replaced.
func snippet(t testing.TB, title string, replace ...string) string {
	t.Helper()
	return block(t, "nginx", title, replace...)
}

// inBucket is the documented location for a bucket at origin.
func inBucket(t *testing.T, origin string) string {
	return snippet(t, "a site in a bucket", "http://127.0.0.1:9000", origin)
}

// inDirectory are the documented locations for root, one for each public path.
func inDirectory(t *testing.T, root string) string {
	locations := snippet(t, "a site in a directory", "/srv/site", root)
	missing := "location @missing { return 404; }\n"
	for _, public := range []string{"/mirror/", "/pub/"} {
		below := snippet(t, "a site in a directory, below a public path", "/srv/site", root, "/mirror/", public)
		locations += strings.Replace(below, missing, "", 1)
	}
	return locations
}
