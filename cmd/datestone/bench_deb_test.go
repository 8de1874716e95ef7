package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkDeb syncs and publishes an apt repository of 2,000 packages, and
// then 20 more, beside what people use for that. aptly publishes to MinIO each
// snapshot under a prefix of its own, as checkpoints have one: within one
// prefix there is one snapshot at a time. It is spared signing, Contents and
// the bz2 of its indexes. debmirror and apt-mirror keep one state in a
// directory, in place of the one before, which is less work than a checkpoint
// beside it. apt-mirror is there for orientation: it checks neither signatures
// nor digests.
func BenchmarkDeb(b *testing.B) {
	up := newBenchDeb(b)
	benchMirrors(b, up, []mirrorMaker{newDebmirror, newAptMirror}, []mirrorMaker{newAptly})
}

// newBenchDeb makes the repository: packages in Go, for dpkg-deb would take a
// minute, all else by the real tools.
func newBenchDeb(b *testing.B) *benchUpstream {
	p := &mirrorPlace{B: b, dir: shortDir(b)}
	p.find("apt-ftparchive", "dpkg-deb", "gpg", "gpgconf", "xz")
	u := &benchUpstream{dir: p.dir, suffix: ".deb", entry: "dists/stable/Release",
		remote: fmt.Sprintf("type: deb, suites: [stable], components: [main], architectures: [amd64], keyring: %q", filepath.Join(p.dir, "keys.gpg"))}
	gnupg := []string{"GNUPGHOME=" + filepath.Join(u.dir, "gnupg")}
	must(b, os.Mkdir(filepath.Join(u.dir, "gnupg"), 0o700))
	b.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", filepath.Join(u.dir, "gnupg"), "--kill", "all").Run() })
	gpg := func(args ...string) {
		p.tool(gnupg, "gpg", append([]string{"--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
	}
	gpg("--quick-generate-key", "Bench <bench@example.org>", "rsa2048", "sign", "never")
	gpg("--output", filepath.Join(u.dir, "keys.gpg"), "--export")
	for n := range mirrorAll {
		u.writeDeb(b, n)
	}
	out, err := exec.Command("dpkg-deb", "--contents", filepath.Join(u.state(1), debPath(0))).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "./usr/share/p0000") {
		b.Fatalf("dpkg-deb does not read our packages: %v: %s", err, out)
	}
	for state := range 2 {
		u.index(p, state, gpg)
	}
	u.serve(b)
	return u
}

// shortDir returns a new directory whose name is short: gpg's agent has a
// socket below.
func shortDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "bench")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// debPath has 20 packages in a directory, as BenchmarkRun has.
func debPath(n int) string { return fmt.Sprintf("pool/main/p/p%03d/p%04d_1.0_amd64.deb", n/20, n) }

// writeDeb writes a package into the second state, and most also into the first.
func (u *benchUpstream) writeDeb(b *testing.B, n int) {
	b.Helper()
	name := filepath.Join(u.state(1), debPath(n))
	must(b, os.MkdirAll(filepath.Dir(name), 0o777))
	must(b, os.WriteFile(name, debPackage(b, fmt.Sprintf("p%04d", n)), 0o666))
	if n < mirrorFirst {
		u.share(b, debPath(n))
	}
}

// share puts a file of the second state into the first.
func (u *benchUpstream) share(b *testing.B, path string) {
	b.Helper()
	first := filepath.Join(u.state(0), path)
	must(b, os.MkdirAll(filepath.Dir(first), 0o777))
	must(b, os.Link(filepath.Join(u.state(1), path), first))
}

// debPackage returns a package of about 20 KiB.
func debPackage(b *testing.B, name string) []byte {
	control := fmt.Sprintf("Package: %s\nVersion: 1.0\nArchitecture: amd64\nMaintainer: Bench <bench@example.org>\nDescription: noise\n", name)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(tarOf(b, "./control", []byte(control)))
	must(b, err)
	must(b, z.Close())
	ar := bytes.NewBufferString("!<arch>\n")
	for _, m := range []struct {
		name string
		body []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", packed.Bytes()}, {"data.tar", tarOf(b, "./usr/share/"+name, mirrorNoise(name, 18<<10))}} {
		fmt.Fprintf(ar, "%-16s%-12d%-6d%-6d%-8o%-10d`\n%s", m.name, 1740000000, 0, 0, 0o100644, len(m.body), m.body)
		if len(m.body)%2 == 1 {
			ar.WriteByte('\n')
		}
	}
	return ar.Bytes()
}

func tarOf(b *testing.B, name string, body []byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	must(b, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}))
	_, err := w.Write(body)
	must(b, err)
	must(b, w.Close())
	return out.Bytes()
}

// index writes the indexes of a state and signs them.
func (u *benchUpstream) index(p *mirrorPlace, state int, gpg func(...string)) {
	p.Helper()
	inState := &mirrorPlace{B: p.B, dir: u.state(state)}
	suite := filepath.Join(u.state(state), "dists", "stable")
	packages := filepath.Join(suite, "main", "binary-amd64", "Packages")
	must(p, os.MkdirAll(filepath.Dir(packages), 0o777))
	must(p, os.WriteFile(packages, []byte(inState.tool(nil, "apt-ftparchive", "packages", "pool")), 0o666))
	p.tool(nil, "gzip", "-9", "--keep", packages)
	p.tool(nil, "xz", "--keep", packages)
	options := []string{}
	for name, value := range map[string]string{"Codename": "stable", "Suite": "stable", "Components": "main", "Architectures": "amd64"} {
		options = append(options, "-o", "APT::FTPArchive::Release::"+name+"="+value)
	}
	release := p.tool(nil, "apt-ftparchive", append(options, "release", suite)...)
	name := filepath.Join(suite, "Release")
	must(p, os.WriteFile(name, []byte(release), 0o666))
	gpg("--output", filepath.Join(suite, "InRelease"), "--clearsign", name)
	gpg("--output", name+".gpg", "--armor", "--detach-sign", name)
}

// newAptly is aptly mirror update, snapshot create and publish snapshot.
func newAptly(p *mirrorPlace) mirror {
	p.find("aptly")
	config, err := json.Marshal(map[string]any{
		"rootDir": filepath.Join(p.dir, "aptly"), "downloadConcurrency": mirrorParallel, "architectures": []string{"amd64"},
		"S3PublishEndpoints": map[string]any{"minio": map[string]any{"region": "us-east-1", "bucket": p.bucket, "endpoint": p.server.Endpoint,
			"awsAccessKeyID": p.server.AccessKey, "awsSecretAccessKey": p.server.SecretKey}}})
	must(p, err)
	must(p, os.WriteFile(filepath.Join(p.dir, "aptly.conf"), config, 0o666))
	aptly := func(args ...string) { p.tool(nil, "aptly", append([]string{"-config=aptly.conf"}, args...)...) }
	keyring := "-keyring=" + filepath.Join(p.upstream.dir, "keys.gpg")
	aptly("mirror", "create", keyring, "bench", p.url, "stable", "main")
	below := func(state int) string { return fmt.Sprintf("dated-%d", state) }
	return mirror{"aptly", func(state int) {
		aptly("mirror", "update", keyring, "bench")
		aptly("snapshot", "create", below(state), "from", "mirror", "bench")
		aptly("publish", "snapshot", "-skip-signing", "-skip-contents", "-skip-bz2", below(state), "s3:minio:"+below(state))
	}, below}
}

// newDebmirror is debmirror, over its one connection.
func newDebmirror(p *mirrorPlace) mirror {
	p.find("debmirror")
	config := filepath.Join(p.dir, "debmirror.conf")
	must(p, os.WriteFile(config, []byte("1;\n"), 0o666)) // Perl
	return mirror{"debmirror", func(int) {
		p.tool(nil, "debmirror", "--method=http", "--host="+strings.TrimPrefix(p.url, "http://"), "--root=/", "--dist=stable", "--section=main",
			"--arch=amd64", "--nosource", "--diff=none", "--rsync-extra=none", "--config-file="+config,
			"--keyring="+filepath.Join(p.upstream.dir, "keys.gpg"), "mirror")
	}, func(int) string { return "mirror" }}
}

const aptMirrorConfig = `
set base_path %s
set nthreads %d
set run_postmirror 0
set _contents 0
set defaultarch amd64
deb http://upstream.example.org stable main
`

// newAptMirror is apt-mirror. It knows no ports, so that the upstream is its
// proxy.
func newAptMirror(p *mirrorPlace) mirror {
	p.find("apt-mirror", "wget")
	must(p, os.WriteFile(filepath.Join(p.dir, "mirror.list"), fmt.Appendf(nil, aptMirrorConfig, p.dir, mirrorParallel), 0o666))
	return mirror{"apt-mirror", func(int) {
		p.tool([]string{"http_proxy=" + p.url, "no_proxy="}, "apt-mirror", "mirror.list")
	}, func(int) string { return "mirror/upstream.example.org" }}
}
