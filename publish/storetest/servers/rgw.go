package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// RGW returns the running Ceph RGW of this process: the S3 server, apart from
// Amazon's, that serves web sites most strictly. It stands on a cluster of one
// monitor and one disk in memory, which takes ten seconds to start. The
// programs are Debian's packages radosgw, ceph-mon, ceph-osd and ceph-common.
func RGW(t testing.TB) Server {
	t.Helper()
	for _, name := range []string{"ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw-admin"} {
		if _, err := exec.LookPath(name); err != nil {
			missing(t, err)
		}
	}
	return rgwProgram.use(t)
}

var rgwProgram = program{name: "radosgw", website: true, before: startCeph, command: func(bin, addr, website, dir string) *exec.Cmd {
	// One port serves both, by the Host of the request.
	return exec.Command(bin, "-c", filepath.Join(dir, "ceph.conf"), "-n", "client.rgw.a", "-f",
		"--rgw-frontends", "beast endpoint="+addr+" endpoint="+website)
}}

// A ceph runs the programs of a cluster.
type ceph struct {
	*process
	mon       string // both addresses of the monitor
	fsid, osd string
}

// startCeph starts a monitor and a disk, and makes the user.
func startCeph(p *process) error {
	c := ceph{process: p, fsid: uuid(), osd: uuid()}
	v2, err := freeAddr()
	if err != nil {
		return err
	}
	v1, err := freeAddr()
	if err != nil {
		return err
	}
	c.mon = fmt.Sprintf("[v2:%s/0,v1:%s/0]", v2, v1)
	for _, dir := range []string{"mon", "osd"} {
		if err := os.Mkdir(filepath.Join(p.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.conf(), fmt.Appendf(nil, cephConf, p.dir, c.fsid, c.mon, websiteDomain), 0o644); err != nil {
		return err
	}
	return c.start()
}

func (c *ceph) start() error {
	keyring, monmap := filepath.Join(c.dir, "keyring"), filepath.Join(c.dir, "monmap")
	steps := []func() error{
		func() error { return c.run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.") },
		// The addresses in the configuration alone leave the monitor without a rank.
		func() error { return c.run("monmaptool", "--create", "--fsid", c.fsid, "--addv", "a", c.mon, monmap) },
		func() error { return c.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring) },
		func() error { return c.keep("ceph-mon", "-i", "a", "-f") },
		func() error { return c.run("ceph", "osd", "new", c.osd) },
		func() error { return c.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", c.osd) },
		func() error { return c.keep("ceph-osd", "-i", "0", "-f") },
		func() error {
			return c.run("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", "--access-key="+accessKey, "--secret-key="+secretKey)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *ceph) conf() string { return filepath.Join(c.dir, "ceph.conf") }

func (c *ceph) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.Env = append(os.Environ(), "CEPH_CONF="+c.conf())
	return cmd
}

// run waits for a program to end.
func (c *ceph) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.command(ctx, name, args...).Run(); err != nil {
		return fmt.Errorf("%s: %w", name, errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// keep leaves a program running until the server stops.
func (c *ceph) keep(name string, args ...string) error {
	kill, ended, err := run(c.command(context.Background(), name, args...))
	if err != nil {
		return err
	}
	c.others = append(c.others, func() { kill(); <-ended })
	return nil
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := fmt.Sprintf("%x", b)
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// cephConf keeps everything in one directory and in memory. The mode of the
// monitor's clients matters: radosgw asks for "secure" alone otherwise, which
// without authentication is refused for ever.
const cephConf = `[global]
fsid = %[2]s
mon_host = %[3]s
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc secure
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 1073741824
run_dir = %[1]s
crash_dir = %[1]s
admin_socket = %[1]s/$name.$pid.asok
pid_file =
log_file = %[1]s/$name.log
mon_data = %[1]s/mon
osd_data = %[1]s/osd
rgw_data = %[1]s
keyring = %[1]s/keyring
rgw_enable_static_website = true
rgw_enable_apis = s3, s3website, admin
rgw_dns_name = s3.test
rgw_dns_s3website_name = %[4]s
`
