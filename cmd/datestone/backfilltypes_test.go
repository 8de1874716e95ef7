package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/klauspost/compress/gzip"

	"datestone/layout"
)

// renamed gives the files of a generated history the paths of packages.
func renamed(files content, path string) content {
	packages := content{}
	for _, name := range sortedKeys(files) {
		packages[fmt.Sprintf(path, strings.Trim(strings.NewReplacer("/", "-", ".iso", "").Replace(name), "-"))] = files[name]
	}
	return packages
}

// rpmType is a repository of dnf, unsigned.
func rpmType() pastType {
	return pastType{"rpm", `{type: rpm, url: "file:LIVE"}`, func(n int) (states []pastState) {
		for _, s := range pastHistory(n) {
			s.files = renamed(s.files, "Packages/%s-1.noarch.rpm")
			s.meta = repodata(s.files)
			states = append(states, s)
		}
		return states
	}}
}

func repodata(packages content) content {
	var primary, packed bytes.Buffer
	fmt.Fprintf(&primary, "<metadata xmlns=\"http://linux.duke.edu/metadata/common\" packages=\"%d\">\n", len(packages))
	for _, href := range sortedKeys(packages) {
		fmt.Fprintf(&primary, "<package type=\"rpm\"><name>x</name><checksum type=\"sha256\" pkgid=\"YES\">%s</checksum><size package=\"%d\"/><location href=%q/></package>\n",
			layout.DigestOf([]byte(packages[href])), len(packages[href]), href)
	}
	primary.WriteString("</metadata>\n")
	z := gzip.NewWriter(&packed)
	z.Write(primary.Bytes())
	z.Close()
	sum := layout.DigestOf(packed.Bytes())
	path := fmt.Sprintf("repodata/%s-primary.xml.gz", sum)
	return content{path: packed.String(), "repodata/repomd.xml": fmt.Sprintf("<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n"+
		"<data type=\"primary\"><checksum type=\"sha256\">%s</checksum><location href=%q/><open-checksum type=\"sha256\">%s</open-checksum><size>%d</size><open-size>%d</open-size></data>\n</repomd>\n",
		sum, path, layout.DigestOf(primary.Bytes()), packed.Len(), primary.Len())}
}

// debType is a repository of apt, whose key is good for so many days; 0 is for
// ever.
func debType(t testing.TB, days int) pastType {
	t.Helper()
	born := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	at := func(now time.Time) *packet.Config {
		return &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return now }}
	}
	config := at(born)
	config.KeyLifetimeSecs = uint32(days) * 24 * 3600
	key, err := openpgp.NewEntity("Archive", "", "archive@example.org", config)
	must(t, err)
	var ring bytes.Buffer
	must(t, key.Serialize(&ring))
	name := filepath.Join(t.TempDir(), "keys")
	must(t, os.WriteFile(name, ring.Bytes(), 0o644))
	return pastType{"deb", `{type: deb, url: "file:LIVE", suites: [stable], components: [main], architectures: [amd64], keyring: ` + name + `}`,
		func(n int) (states []pastState) {
			var before pastState
			for _, s := range pastHistory(n) {
				s.files = renamed(s.files, "pool/main/%s_1_amd64.deb")
				if s.meta = before.meta; fmt.Sprint(s.files) != fmt.Sprint(before.files) {
					s.meta = dists(t, s, key, at(s.id.Time()))
				}
				states = append(states, s)
				before = s
			}
			return states
		}}
}

// dists is the metadata of a suite, signed at the time of the state.
func dists(t testing.TB, s pastState, key *openpgp.Entity, config *packet.Config) content {
	t.Helper()
	var index strings.Builder
	for i, p := range sortedKeys(s.files) {
		fmt.Fprintf(&index, "Package: p%d\nVersion: 1\nArchitecture: amd64\nFilename: %s\nSize: %d\nSHA256: %s\n\n", i, p, len(s.files[p]), layout.DigestOf([]byte(s.files[p])))
	}
	release := fmt.Sprintf("Origin: Test\nSuite: stable\nComponents: main\nArchitectures: amd64\nDate: %s\nSHA256:\n %s %d main/binary-amd64/Packages\n",
		s.id.Time().Format("Mon, 02 Jan 2006 15:04:05 UTC"), layout.DigestOf([]byte(index.String())), index.Len())
	var signed bytes.Buffer
	w, err := clearsign.Encode(&signed, key.PrivateKey, config)
	must(t, err)
	_, err = io.WriteString(w, release)
	must(t, err)
	must(t, w.Close())
	return content{"dists/stable/InRelease": signed.String() + "\n", "dists/stable/main/binary-amd64/Packages": index.String()}
}
