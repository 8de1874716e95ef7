package enginetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Caddy runs Caddy with the rules in a directory.
func Caddy(t testing.TB, rules string, p Place) Engine {
	t.Helper()
	site := ""
	if p.Bucket != "" {
		host, bucket, _ := strings.Cut(strings.TrimPrefix(p.Bucket, "http://"), "/")
		site = caddyBlock(t, "a site in a bucket", rules, "/bucket\n", "/"+bucket+"\n", "127.0.0.1:9000", host)
	} else {
		site = caddyBlock(t, "a site in a directory", rules, "/srv/site", p.Dir)
		errors := site[strings.Index(site, "handle_errors"):]
		for _, public := range p.Public {
			below := caddyBlock(t, "a site in a directory, below a public path", rules, "/srv/site", p.Dir, "/mirror", strings.TrimSuffix(public, "/"))
			site += strings.Replace(below, errors, "", 1)
		}
	}
	return CaddyWith(t, site)
}

// caddyBlock is a documented one, with the rules from where they are.
func caddyBlock(t testing.TB, title, rules string, replace ...string) string {
	t.Helper()
	return Block(t, "caddyfile", title, append(replace, "/etc/caddy/datestone", rules)...)
}

// CaddyWith runs Caddy with a site of the test's own.
func CaddyWith(t testing.TB, site string) Engine {
	t.Helper()
	bin := Find(t, "caddy")
	dir := t.TempDir()
	e := Engine{Addr: FreeAddr(t)}
	_, port, _ := strings.Cut(e.Addr, ":")
	conf := filepath.Join(dir, "Caddyfile")
	Write(t, conf, fmt.Sprintf("{\n\tadmin %s\n}\nhttp://:%s {\n%s}\n", FreeAddr(t), port, site))
	cmd := exec.Command(bin, "run", "--config", conf)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=") // it keeps its configuration there
	e.Loading = Run(t, cmd, e.Addr)
	e.Reload = []string{bin, "reload", "--config", conf, "--force"}
	return e
}
