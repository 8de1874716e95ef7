package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkRPM is BenchmarkDeb for a repository of dnf, beside dnf reposync and
// createrepo_c, which keep one state in a directory; for MinIO rclone copies
// that, each state to a place of its own. It copies from the disk both times:
// with --copy-dest it would copy on the server, one object after the other,
// which over a long way takes minutes.
func BenchmarkRPM(b *testing.B) {
	up := newBenchRPM(b)
	benchMirrors(b, up, []mirrorMaker{newReposync}, []mirrorMaker{newReposyncToMinIO})
}

// newBenchRPM makes the repository: all packages from one spec, for rpmbuild
// takes its time to start.
func newBenchRPM(b *testing.B) *benchUpstream {
	p := &mirrorPlace{B: b, dir: b.TempDir()}
	p.find("rpmbuild", "createrepo_c")
	u := &benchUpstream{dir: p.dir, suffix: ".rpm", entry: "repodata/repomd.xml", remote: "type: rpm"}
	noise := filepath.Join(u.dir, "noise")
	must(b, os.Mkdir(noise, 0o777))
	spec := strings.Builder{}
	fmt.Fprintf(&spec, "Name: bench\nVersion: 1\nRelease: 1\nSummary: noise\nLicense: MIT\nBuildArch: noarch\nAutoReqProv: no\n%%description\nNoise.\n"+
		"%%install\nmkdir -p %%{buildroot}/usr/share\ncp -r %s %%{buildroot}/usr/share/noise\n", noise)
	for n := range mirrorAll {
		name := fmt.Sprintf("p%04d", n)
		must(b, os.WriteFile(filepath.Join(noise, name), mirrorNoise(name, 18<<10), 0o666))
		fmt.Fprintf(&spec, "%%package -n %[1]s\nSummary: noise\nAutoReqProv: no\n%%description -n %[1]s\nNoise.\n%%files -n %[1]s\n/usr/share/noise/%[1]s\n", name)
	}
	must(b, os.WriteFile(filepath.Join(u.dir, "bench.spec"), []byte(spec.String()), 0o666))
	p.tool(nil, "rpmbuild", "-bb", "--quiet", "--define", "_topdir "+filepath.Join(u.dir, "build"), "--define", "_rpmdir "+u.state(1),
		"--define", "_rpmfilename Packages/%%{NAME}-%%{VERSION}.rpm", "--define", "_binary_payload w1.gzdio", "--define", "__os_install_post %{nil}", "bench.spec")
	for n := range mirrorFirst {
		u.share(b, fmt.Sprintf("Packages/p%04d-1.rpm", n))
	}
	for state := range 2 {
		p.tool(nil, "createrepo_c", "--quiet", u.state(state))
	}
	u.serve(b)
	return u
}

// newReposync is dnf reposync and createrepo_c.
func newReposync(p *mirrorPlace) mirror {
	p.find("dnf", "createrepo_c")
	must(p, os.MkdirAll(filepath.Join(p.dir, "repos"), 0o777))
	config := fmt.Sprintf("[main]\ncachedir=%[1]s/cache\nlogdir=%[1]s\npersistdir=%[1]s/persist\nreposdir=%[1]s/repos\nmax_parallel_downloads=%d\nreleasever=1\n"+
		"[bench]\nname=bench\nbaseurl=%s\ngpgcheck=0\nmetadata_expire=0\n", p.dir, mirrorParallel, p.url)
	must(p, os.WriteFile(filepath.Join(p.dir, "dnf.conf"), []byte(config), 0o666))
	return mirror{"reposync+createrepo_c", func(state int) {
		p.tool(nil, "dnf", "--quiet", "--config", "dnf.conf", "--repoid", "bench", "reposync", "--norepopath", "--download-path", filepath.Join(p.dir, "mirror"))
		args := []string{"--quiet", "mirror"}
		if state > 0 {
			args = append(args, "--update")
		}
		p.tool(nil, "createrepo_c", args...)
		p.indexed(state)
	}, func(int) string { return "mirror" }}
}

// indexed wants createrepo_c to have found all packages.
func (p *mirrorPlace) indexed(state int) {
	p.Helper()
	primary, err := filepath.Glob(filepath.Join(p.dir, "mirror", "repodata", "*-primary.xml.gz"))
	if err != nil || len(primary) != 1 {
		p.Fatalf("%q: %v; want one primary.xml", primary, err)
	}
	if want := fmt.Sprintf(`packages="%d"`, p.upstream.packages(state)); !strings.Contains(p.tool(nil, "zcat", primary[0]), want) {
		p.Fatalf("state %d: createrepo_c did not find %s", state, want)
	}
}

// newReposyncToMinIO has rclone copy what newReposync made.
func newReposyncToMinIO(p *mirrorPlace) mirror {
	p.find("rclone")
	local := newReposync(p)
	below := func(state int) string { return fmt.Sprintf("dated-%d", state) }
	to := rcloneBucket(*p.server, p.bucket)
	return mirror{local.name + "+rclone", func(state int) {
		local.publish(state)
		p.tool(nil, "rclone", append(rcloneFlags(), "mirror", to+below(state))...)
	}, below}
}
