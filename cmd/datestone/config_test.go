package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"datestone/layout"
	"datestone/publish"
	"datestone/redirects"
	"datestone/sync"
)

// head begins a configuration that is right, but for what follows it.
const head = "bucket: file:site\npublic_url: https://host/\n"

// repo is a repository that is right; one is the list of it.
const (
	repo = "  - {name: a, base_path: a, remote: {type: file, url: \"https://host/M\"}}\n"
	one  = "repositories:\n" + repo
)

func environment(name string) (string, bool) {
	v, ok := map[string]string{"TOKEN": "s3cret", "EMPTY": "", "HOST": "upstream"}[name]
	return v, ok
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	remote := func(inside string) string {
		return head + "repositories:\n  - name: a\n    base_path: a\n    remote:\n      type: file\n      url: https://host/M\n      " + inside + "\n"
	}
	rpm := func(inside string) string {
		return head + "repositories:\n  - {name: a, base_path: a,\n     remote: {type: rpm, " + inside + "}}\n"
	}
	keep := func(value string) string {
		return head + "repositories:\n  - name: a\n    base_path: a\n    remote: {type: file, url: \"https://host/M\"}\n    keep: " + value + "\n"
	}
	deb := func(inside string) string {
		return head + "repositories:\n  - {name: a, base_path: a,\n     remote: {type: deb, url: \"https://host/a\", " + inside + "}}\n"
	}
	for name, c := range map[string]struct{ yaml, want string }{
		"empty file":          {"", `c.yaml: is empty; "datestone init" writes one to start from`},
		"only a comment":      {"# nothing\n", `c.yaml: is empty; "datestone init" writes one to start from`},
		"a list at the top":   {"- a\n", `c.yaml:1:1: want keys and values, got a list`},
		"no YAML":             {"a: [\n", "c.yaml:1:4: sequence end token ']' not found"},
		"a key twice":         {head + one + "bucket: file:x\n", `c.yaml:5:1: mapping key "bucket" already defined at [1:1]`},
		"two documents":       {head + one + "---\na: b\n", `c.yaml:6:2: a second document; the configuration is one`},
		"missing keys":        {"index: x\n", "c.yaml:1:1: key \"bucket\" is missing\nc.yaml:1:1: key \"public_url\" is missing\nc.yaml:1:1: key \"repositories\" is missing"},
		"unknown key":         {head + one + "buckets: x\n", `c.yaml:5:1: unknown key "buckets"; did you mean "bucket"?`},
		"unknown, none near":  {head + one + "colour: x\n", `c.yaml:5:1: unknown key "colour"; known here: bucket, index, lock, metrics, object_lock, public_url, redirects, repositories, sign`},
		"unknown, below":      {head + "repositories:\n  - name: a\n    base_path: a\n    remote: {type: file, url: \"https://host/M\"}\n    chanels: {}\n", `c.yaml:7:5: unknown key "chanels"; did you mean "channels"?`},
		"keep of what is not": {keep("{last: 3, dayly: 4}"), `c.yaml:7:21: unknown key "dayly"; did you mean "daily"?`},
		"keep of nothing":     {keep("{grace: 1h}"), `c.yaml:7:12: "keep" names nothing that stays: write {last: 30, daily: 90}, or leave the key out to prune nothing`},
		"keep of zero":        {keep("{last: 0}"), `c.yaml:7:12: "keep" names nothing that stays: write {last: 30, daily: 90}, or leave the key out to prune nothing`},
		"keep less than all":  {keep("{last: -2}"), `c.yaml:7:18: "-2": write a number from 0 to 1000000, or unlimited`},
		"keep within what":    {keep("{within: 30}"), `c.yaml:7:20: "30" is no age: write 30d, 6m or 1y6m: years, months, days, hours`},
		"keep for a grace":    {keep("{last: 1, grace: 1w}"), `c.yaml:7:28: "1w" is no duration: write 90m, 24h or 7d`},
		"alias":               {head + "repositories: &x\n" + repo, `c.yaml:3:15: want a list, got a YAML alias or anchor (not read here: write the value out)`},
		"all at once, sorted": {"bucket: nfs:x\npublic_url: ftp://x\nrepositories: []\n", "c.yaml:1:9: bucket \"nfs:x\": write file:PATH, s3://name/prefix?region=REGION or minio://host:port/name/prefix\nc.yaml:2:13: public URL \"ftp://x\": write https://host/ or https://host/path/\nc.yaml:3:15: no repository is named"},

		"nothing where a list is":  {head + "repositories:\n", `c.yaml:3:15: want a list, got nothing`},
		"same name":                {head + one + "  - {name: a, base_path: b, remote: {type: file, url: \"https://host/M\"}}\n", `c.yaml:5:6: two repositories have the name "a"`},
		"overlapping base paths":   {head + one + "  - {name: b, base_path: a/b, remote: {type: file, url: \"https://host/M\"}}\n", `c.yaml:5:15: base path "a/b" overlaps "a" of repository "a": neither may lie in the other`},
		"same base path":           {head + one + "  - {name: b, base_path: a, remote: {type: file, url: \"https://host/M\"}}\n", `c.yaml:5:15: base path "a" overlaps "a" of repository "a": neither may lie in the other`},
		"bad name":                 {head + strings.Replace(one, "name: a", "name: A b", 1), `c.yaml:4:12: name "A b": write a-z, 0-9, dot, underscore and hyphen, not beginning with a dot`},
		"base path is a timestamp": {head + strings.Replace(one, "base_path: a", "base_path: x/20250318", 1), `c.yaml:4:26: base path "x/20250318": the segment "20250318" looks like a timestamp`},
		"base path upwards":        {head + strings.Replace(one, "base_path: a", "base_path: ../a", 1), `c.yaml:4:26: base path "../a": a segment is letters, digits, "._-", and does not begin with a dot`},
		"type of no remote":        {head + strings.Replace(one, "type: file", "type: pypi", 1), `c.yaml:4:44: "pypi": write ` + strings.Join(reposync.Types(), " or ")},
		"links of another store":   {strings.Replace(head, "file:site", "s3://bucket", 1) + strings.Replace(one, "remote:", "links: hardlink, remote:", 1), `c.yaml:4:29: links "hardlink": a s3 bucket links by copy: write that, or leave the key out`},
		"links of a later issue":   {head + strings.Replace(one, "remote:", "links: shared, remote:", 1), `c.yaml:4:36: "shared": write hardlink or copy`},
		"answer":                   {head + strings.Replace(one, "remote:", "answer: rewrit, remote:", 1), `c.yaml:4:37: "rewrit": write redirect or rewrite; did you mean "rewrite"?`},
		"pruned":                   {head + strings.Replace(one, "remote:", "pruned: 410, remote:", 1), `c.yaml:4:37: "410": write 404 or nearest; did you mean "404"?`},
		"open_before":              {head + strings.Replace(one, "remote:", "open_before: 20250230, remote:", 1), `c.yaml:4:42: "20250230" is no time of the calendar`},

		"reserved channel":  {head + strings.Replace(one, "remote:", "channels: {latest: {}}, remote:", 1), `c.yaml:4:40: channel "latest": that name means something else below a base path; write another`},
		"channel like time": {head + strings.Replace(one, "remote:", "channels: {20250318: {}}, remote:", 1), `c.yaml:4:40: channel "20250318": write a-z, 0-9 and hyphen, beginning with a letter`},
		"channel upper":     {head + strings.Replace(one, "remote:", "channels: {Prod: {}}, remote:", 1), `c.yaml:4:40: channel "Prod": write a-z, 0-9 and hyphen, beginning with a letter`},
		"channel key":       {head + strings.Replace(one, "remote:", "channels: {prod: {dealy: 1d}}, remote:", 1), `c.yaml:4:47: unknown key "dealy"; did you mean "delay"?`},
		"delay":             {head + strings.Replace(one, "remote:", "channels: {prod: {delay: 1w}}, remote:", 1), `c.yaml:4:54: "1w" is no duration: write 90m, 24h or 7d`},

		"deb, nothing else":         {deb(""), "c.yaml:5:15: remote: a deb remote needs suites"},
		"deb, no keyring":           {deb("suites: [a], components: [b], architectures: [c]"), "c.yaml:5:15: remote: a deb remote needs a keyring, the file of the keys that sign it"},
		"deb, unreadable keyring":   {deb("suites: [a], components: [b], architectures: [c], keyring: no/such.gpg"), `c.yaml:5:108: cannot read "no/such.gpg": no such file or directory`},
		"deb, keyring without keys": {deb("suites: [a], components: [b], architectures: [c], keyring: config_test.go"), `c.yaml:5:99: keyring "config_test.go": is no file of public keys: openpgp: invalid data: tag byte does not have MSB set`},
		"deb, no components":        {deb("suites: [a], architectures: [c], keyring: config_test.go"), "c.yaml:5:15: remote: a deb remote needs components"},
		"deb, no architectures":     {deb("suites: [a], components: [b], keyring: config_test.go"), "c.yaml:5:15: remote: a deb remote needs architectures; \"source\" is one of them"},
		"deb, flat with components": {deb("suites: [./], components: [b], keyring: config_test.go"), "c.yaml:5:15: remote: suites that end in a slash are flat: they have no components and architectures"},
		"deb, a suite that climbs":  {deb("suites: [../x]"), `c.yaml:5:15: suite "../x": path "../x": has a ".." segment`},
		"deb, a suite twice":        {deb("suites: [./, /]"), `c.yaml:5:15: suite "/": is there twice`},
		"deb, suites are a list":    {deb("suites: a"), `c.yaml:5:57: want a list, got text`},
		"two remotes wrong":         {deb("suites: [../x]") + "  - {name: b, base_path: b, remote: {type: deb, url: \"https://host/a\"}}\n", "c.yaml:5:15: suite \"../x\": path \"../x\": has a \"..\" segment\nc.yaml:6:38: remote: a deb remote needs suites"},
		"deb with a mode":           {deb("mode: mirror"), `c.yaml:5:49: "mode" is for remotes of type "file" only`},
		"deb, allow what":           {deb("allow_expired_keys: yes"), `c.yaml:5:69: "yes": write true or false`},
		"file with suites":          {remote("suites: [a]"), `c.yaml:9:7: "suites" is for remotes of type "deb" only`},
		"file with a keyring":       {remote("keyring: config_test.go"), `c.yaml:9:7: "keyring" is for remotes of type "deb" or "rpm" only`},
		"file with mirrors":         {remote("mirrorlist: \"https://host/list\""), `c.yaml:9:7: "mirrorlist" is for remotes of type "rpm" only`},
		"rpm, nothing else":         {rpm(""), `c.yaml:5:15: key "url" is missing`},
		"rpm, two places":           {rpm("url: \"https://host/a\", metalink: \"https://host/b\""), "c.yaml:5:15: remote: an rpm remote has one of url, mirrorlist and metalink"},
		"rpm, secrets in the list":  {rpm("mirrorlist: \"https://me:pw@host/a\""), `c.yaml:5:38: url: write "username" and "password" as keys of their own`},
		"rpm with suites":           {rpm("url: \"https://host/a\", suites: [a]"), `c.yaml:5:49: "suites" is for remotes of type "deb" only`},
		"rpm with a mode":           {rpm("url: \"https://host/a\", mode: additive"), `c.yaml:5:49: "mode" is for remotes of type "file" only`},
		"rpm, keys of no keyring":   {rpm("url: \"https://host/a\", allow_expired_keys: true"), "c.yaml:5:15: remote: allow_expired_keys needs a keyring"},
		"file with packages":        {remote("packages: [a]"), `c.yaml:9:7: "packages" is for remotes of type "deb" or "rpm" only`},
		"file with newest":          {remote("newest: 1"), `c.yaml:9:7: "newest" is for remotes of type "deb" or "rpm" only`},
		"rpm, no glob":              {rpm("url: \"https://host/a\", packages: [a, 'lib[']"), `c.yaml:5:63: package "lib[": is no glob; write * ? [a-z], and a backslash before those that are meant`},
		"rpm, packages are a list":  {rpm("url: \"https://host/a\", packages: a"), "c.yaml:5:59: want a list, got text"},
		"rpm, no packages at all":   {rpm("url: \"https://host/a\", packages: []"), `c.yaml:5:59: "packages" names none; leave the key out for all of them`},
		"rpm, the newest none":      {rpm("url: \"https://host/a\", newest: 0"), `c.yaml:5:57: "0": write a number from 1 to 1000000`},
		"rpm, keyring without keys": {rpm("url: \"https://host/a\", keyring: config_test.go"), `c.yaml:5:49: keyring "config_test.go": is no file of public keys: openpgp: invalid data: tag byte does not have MSB set`},

		"url scheme":        {head + strings.Replace(one, "https://host/M", "ftp://host/M", 1), "c.yaml:4:55: url: write https://host/path/PULP_MANIFEST, or file:PATH"},
		"secrets in url":    {head + strings.Replace(one, "https://host/M", "https://me:pw@host/M", 1), `c.yaml:4:55: url: write "username" and "password" as keys of their own`},
		"mode":              {remote("mode: mirrored"), `c.yaml:9:13: "mirrored": write mirror or additive; did you mean "mirror"?`},
		"parallel":          {remote("parallel: 0"), `c.yaml:9:17: "0": write a number from 1 to 256`},
		"password alone":    {remote("password: x"), `c.yaml:9:7: "password" needs "username" beside it`},
		"key alone":         {remote("client_key: c_test.pem"), "c.yaml:9:7: \"client_key\" needs \"client_certificate\" beside it\nc.yaml:9:19: cannot read \"c_test.pem\": no such file or directory"},
		"unreadable ca":     {remote("ca: no/such.pem"), `c.yaml:9:11: cannot read "no/such.pem": no such file or directory`},
		"header name":       {remote(`headers: {"a b": c}`), `c.yaml:9:17: "a b" is no name of a header`},
		"header lines":      {remote(`headers: {a: "b\nc"}`), `c.yaml:9:20: a header is one line`},
		"variable missing":  {remote(`ca: ${NOBODY}`), `c.yaml:9:11: the environment has no variable NOBODY`},
		"variable unclosed": {remote(`ca: "${TOKEN"`), `c.yaml:9:11: a variable is written ${NAME}, and a dollar sign $$`},

		"target":              {head + one + "redirects: {targets: [ngnix]}\n", `c.yaml:5:23: "ngnix": write ` + strings.Join(redirects.Targets(), " or ") + `; did you mean "nginx"?`},
		"exec for nobody":     {head + one + "redirects: {exec: [reload]}\n", `c.yaml:5:13: "exec" runs after rules changed, but no "targets" are named`},
		"resolver":            {head + one + "redirects: {resolver: \"https://edge/\"}\n", `c.yaml:5:23: resolver "https://edge/": write the host of another edge, without https:// and path`},
		"resolver itself":     {head + one + "redirects: {resolver: HOST}\n", `c.yaml:5:23: resolver "HOST" is the host of the public URL itself: write that of another edge`},
		"s3 not rendered":     {head + one + "redirects: {s3: {push: true}}\n", `c.yaml:5:13: "s3" says that its rules are pushed, but "targets" has no s3`},
		"s3 push":             {head + one + "redirects: {targets: [s3], s3: {push: yes}}\n", `c.yaml:5:39: "yes": write true or false`},
		"s3 key":              {head + one + "redirects: {targets: [s3], s3: {psuh: true}}\n", "c.yaml:5:33: unknown key \"psuh\"; did you mean \"push\"?\nc.yaml:5:33: key \"push\" is missing"},
		"s3 elsewhere":        {strings.Replace(head, "file:site", "s3://bucket/pre", 1) + one + "redirects: {targets: [s3], s3: {push: true}}\n", `c.yaml:5:28: "s3" is pushed to, so the prefix of the bucket has to be the path of the public URL: "pre" is not ""`},
		"refresh":             {head + one + "redirects: {refresh: never}\n", `c.yaml:5:22: "never" is no duration: write 90m, 24h or 7d`},
		"text for a map":      {head + one + "redirects: nginx\n", `c.yaml:5:12: want keys and values, got text`},
		"lock of a directory": {head + one + "object_lock: {mode: governance, days: 1}\n", `c.yaml:5:14: a directory has no Object Lock: "object_lock" is for s3:// and minio:// buckets`},
		"lock without days":   {strings.Replace(head, "file:site", "s3://bucket", 1) + one + "object_lock: {mode: governance}\n", `c.yaml:5:15: key "days" is missing`},
		"map for text":        {"bucket: {a: b}\npublic_url: https://host/\n" + one, `c.yaml:1:9: want text, got keys and values`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseConfig("c.yaml", []byte(c.yaml), environment)
			var ce *configError
			if !errors.As(err, &ce) || exitCode(err) != exitUsage {
				t.Fatalf("got error %v, want one about the configuration", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

// TestConfigWhole reads every key there is.
func TestConfigWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pem := filepath.Join(dir, "c.pem")
	if err := os.WriteFile(pem, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join("..", "..", "sync", "aptrepo", "testdata", "key.asc"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "key.asc"), key, 0o600))
	const text = `
bucket: s3://name/pre/fix?region=eu-west-1&endpoint=http://127.0.0.1:9000&storage_class=STANDARD_IA&sse=aws:kms&kms_key=alias/k&tags=stage=prod,team=infra
object_lock: {mode: governance, days: 30}
index: sub/index.db
public_url: https://host/mirror
repositories:
  - name: first.one
    base_path: checkpoints/first
    remote:
      type: file
      url: https://${HOST}/PULP_MANIFEST
      mode: additive
      headers: {X-Token: "${TOKEN}", X-Price: 5$$, X-Plain: a$b}
      username: me
      password: "0123"
      client_certificate: c.pem
      client_key: c.pem
      ca: c.pem
      parallel: 4
    links: copy
    channels:
      prod: {delay: 7d}
      canary: {delay: 0h}
      frozen: {}
    answer: rewrite
    pruned: nearest
    open_before: 20250101
    keep: {last: 3, hourly: 24, daily: 90, weekly: 8, monthly: unlimited, yearly: -1, within: 1y6m7d12h, grace: 12h}
  - {name: second, base_path: second, keep: {daily: 7}, remote: {type: file, url: "file:./a%20b/M"}}
  - name: third
    base_path: third
    remote:
      type: deb
      url: https://host/debian
      suites: [bookworm, ./]
      components: [main, updates/main]
      architectures: [amd64, source]
      keyring: key.asc
      allow_expired_keys: true
      packages: [nginx, 'libssl*']
      newest: 2
redirects: {targets: [nginx], out: rules, exec: [nginx, -s, reload], refresh: 1d12h, resolver: "edge.example.org:8443"}
`
	got, err := parseConfig(filepath.Join(dir, "datestone.yaml"), []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	want := &config{
		Bucket: bucket{Scheme: "s3", Name: "name", Prefix: "pre/fix", Region: "eu-west-1", Endpoint: "http://127.0.0.1:9000", PathStyle: true,
			Terms: publish.Terms{LockMode: "governance", LockDays: 30, StorageClass: "STANDARD_IA", Encryption: "aws:kms", KMSKey: "alias/k",
				Tags: map[string]string{"stage": "prod", "team": "infra"}}},
		Index:     filepath.Join(dir, "sub", "index.db"),
		PublicURL: "https://host/mirror/", PublicPath: "/mirror/",
		Repositories: []repository{{
			Name: "first.one", BasePath: "checkpoints/first", Links: "copy",
			Remote: reposync.Remote{Type: "file", URL: "https://upstream/PULP_MANIFEST", Mode: "additive", Username: "me", Password: "0123",
				Headers:           map[string]string{"X-Token": "s3cret", "X-Price": "5$", "X-Plain": "a$b"},
				ClientCertificate: pem, ClientKey: pem, CA: pem, Parallel: 4},
			Settings: layout.Settings{Repository: "first.one", BasePath: "checkpoints/first", PublicPath: "/mirror/", Rewrite: true, Nearest: true,
				OpenBefore: "20250101T000000Z",
				Channels:   []layout.Channel{{Name: "canary", Follows: true}, {Name: "frozen"}, {Name: "prod", Follows: true, Delay: 7 * 24 * time.Hour}}},
			Keep: layout.Keep{Last: 3, Hourly: 24, Daily: 90, Weekly: 8, Monthly: layout.KeepAll, Yearly: layout.KeepAll,
				Within: layout.Age{Years: 1, Months: 6, Days: 7, Hours: 12}},
			Grace: 12 * time.Hour,
		}, {
			Name: "second", BasePath: "second", Links: "copy", Keep: layout.Keep{Daily: 7}, Grace: 60 * time.Hour,
			Remote:   reposync.Remote{Type: "file", Mode: "mirror", URL: "file://" + filepath.ToSlash(dir) + "/a%20b/M"},
			Settings: layout.Settings{Repository: "second", BasePath: "second", PublicPath: "/mirror/"},
		}, {
			Name: "third", BasePath: "third", Links: "copy", Grace: 60 * time.Hour,
			Remote: reposync.Remote{Type: "deb", Mode: "mirror", URL: "https://host/debian", Suites: []string{"bookworm", "./"}, Components: []string{"main", "updates/main"},
				Architectures: []string{"amd64", "source"}, Keyring: filepath.Join(dir, "key.asc"), AllowExpiredKeys: true,
				Packages: []string{"nginx", "libssl*"}, Newest: 2},
			Settings: layout.Settings{Repository: "third", BasePath: "third", PublicPath: "/mirror/"},
		}},
		Redirects: rules{Targets: []string{"nginx"}, Out: filepath.Join(dir, "rules"), Exec: []string{"nginx", "-s", "reload"}, Refresh: 36 * time.Hour, Resolver: "edge.example.org:8443"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"file:./site":                          "dir/site|file:dir/site",
		"file:/abs/site/":                      "/abs/site|file:/abs/site",
		"file:///abs/site":                     "/abs/site|file:/abs/site",
		"s3://name":                            "name/|s3://name",
		"s3://name/a/b/":                       "name/a/b|s3://name/a/b",
		"s3://name/a?path_style=true&region=r": "name/a|s3://name/a",
		"s3://name?endpoint=https://h:9":       "name/|s3://name?endpoint=https%3A%2F%2Fh%3A9",
		"minio://h:9000/name/a?tls=true":       "name/a|minio://h:9000/name/a",

		"":                                `bucket "": write file:PATH, s3://name/prefix?region=REGION or minio://host:port/name/prefix`,
		"file:":                           `bucket "file:": write file:PATH`,
		"s3:name":                         `bucket "s3:name": the name is missing: write s3://name/prefix`,
		"s3://Name":                       `bucket "s3://Name": the bucket's name is 3 to 63 of a-z, 0-9, dot and hyphen`,
		"s3://name?regoin=x":              `bucket "s3://name?regoin=xxxxx": unknown option "regoin"; did you mean "region"?; there are: region, endpoint, path_style, storage_class, sse, kms_key, tags`,
		"s3://name?region=a&region=b":     `bucket "s3://name?region=a&region=b": option "region" is there twice`,
		"s3://name?path_style=yes":        `bucket "s3://name?path_style=yes": path_style: write true or false`,
		"s3://name?endpoint=host:9":       `bucket "s3://name?endpoint=host:9": endpoint: write https://host:port`,
		"s3://name/a//b":                  `bucket "s3://name/a//b": prefix: path "a//b": has an empty segment`,
		"s3://key:secret@name":            `bucket "s3://key:xxxxx@name": credentials do not stand here; the SDK finds them in the environment`,
		"s3://name?storage_class=GLACIER": `bucket "s3://name?storage_class=GLACIER": storage_class: what is in GLACIER can't be read by a client: write GLACIER_IR, STANDARD_IA or INTELLIGENT_TIERING`,
		"s3://name?sse=aes":               `bucket "s3://name?sse=aes": sse: "aes": write AES256 or aws:kms or aws:kms:dsse`,
		"minio://h:9/name?kms_key=k":      `bucket "minio://h:9/name?kms_key=k": kms_key needs sse=aws:kms beside it`,
		"minio://h:9000":                  `bucket "minio://h:9000": the bucket's name is 3 to 63 of a-z, 0-9, dot and hyphen`,
		"minio:///name":                   `bucket "minio:///name": the name is missing: write minio://host:port/name/prefix`,
	} {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			b, err := parseBucket(in, "dir")
			got := b.Dir + "|" + b.String()
			if b.Dir == "" {
				got = b.Name + "/" + b.Prefix + "|" + b.String()
			}
			if err != nil {
				got = err.Error()
			}
			if filepath.ToSlash(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"0h": 0, "90m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "1h0m5s": time.Hour + 5*time.Second,
		"": -1, "7": -1, "d": -1, "7w": -1, "-1h": -1, "1h1d": -1, "1h1h": -1, "1.5h": -1, "1h ": -1, "9999999d": -1, "99999d": -1,
	} {
		got, err := parseDuration(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("parseDuration(%q) = %v (%v), want %v", in, got, err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(head + one)
	f.Add(string(sampleConfig))
	f.Add("a: &x [*x]\n<<: *x\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig("c.yaml", []byte(text), func(string) (string, bool) { return "", false })
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and error %v, want one of them", c, err)
		}
		if err != nil && exitCode(err) != exitUsage {
			t.Errorf("%v is no error about the configuration", err)
		}
	})
}
