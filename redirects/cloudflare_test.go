package redirects_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
	"datestone/redirects"
	"datestone/redirects/enginetest"
)

// workerHarness asks the worker for all targets, each as it was sent: a Request
// of Node, like any URL, settles dot segments before the worker sees them.
const workerHarness = `
import fs from 'node:fs';
import worker from './worker.mjs';
const now = Date.parse(%NOW%.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
const RealDate = Date;
globalThis.Date = class extends RealDate {
	constructor(...a) { a.length ? super(...a) : super(now); }
};
let asked;
globalThis.fetch = async (url, options) => {
	asked = url;
	const status = /[/]status-(\d+)$/.exec(url);
	return new Response('', {status: status ? Number(status[1]) : 200, headers: {'x-range': options.headers.get('range') || '', 'x-cookie': options.headers.get('cookie') || ''}});
};
for (const target of JSON.parse(fs.readFileSync('%TARGETS%', 'utf8'))) {
	const sent = 'https://example.org' + target;
	const real = new Request(sent, {method: 'HEAD', headers: {range: 'bytes=0-1', cookie: 'a=b'}});
	const request = real.url === sent ? real : {url: sent, method: 'GET', headers: real.headers};
	asked = '';
	const r = await worker.fetch(request, {ORIGIN: 'https://store.example.org/bucket/'});
	if (r.status === 200 && (r.headers.get('x-range') !== 'bytes=0-1' || r.headers.get('x-cookie'))) throw new Error('headers of ' + target);
	console.log(JSON.stringify({Status: r.status, Location: r.headers.get('location') || '', Cache: r.headers.get('cache-control') || '',
		Key: asked.replace('https://store.example.org/bucket', '')}));
}
if ((await worker.fetch(new Request('https://example.org/', {method: 'PUT'}), {})).status !== 405) throw new Error('PUT');
`

func workerAnswers(t *testing.T, tables []layout.Table, targets []string, now layout.Stamp) []jsAnswer {
	t.Helper()
	artifacts, err := redirects.Render("cloudflare", tables)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	enginetest.Write(t, filepath.Join(dir, "worker.mjs"), string(artifacts[0].Body))
	enginetest.Write(t, filepath.Join(dir, "targets.json"), jsText(t, targets))
	harness := strings.NewReplacer("%TARGETS%", filepath.ToSlash(filepath.Join(dir, "targets.json")), "%NOW%", jsText(t, now)).Replace(workerHarness)
	enginetest.Write(t, filepath.Join(dir, "harness.mjs"), harness)
	return jsAnswers(t, runJS(t, "node", filepath.Join(dir, "harness.mjs")), targets)
}

func TestCloudflareSaysWhatResolveSays(t *testing.T) {
	t.Parallel()
	for _, c := range jsCases(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkJS(t, c.tables, c.targets, c.now, workerAnswers(t, c.tables, c.targets, c.now))
		})
	}
}

func TestCloudflareTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	targets := []string{"/r/status-400", "/r/status-403", "/r/status-404", "/r/status-500", "/r/status-206"}
	want := []int{404, 404, 404, 500, 206}
	for i, a := range workerAnswers(t, []layout.Table{table("r")}, targets, "20250101T000000Z") {
		if a.Status != want[i] || a.Status == 404 != (a.Cache == "no-cache") {
			t.Errorf("%s: status %d, Cache-Control %q, want %d", targets[i], a.Status, a.Cache, want[i])
		}
	}
}

func TestCloudflareRefusesWhatItCanNotHold(t *testing.T) {
	t.Parallel()
	other := farTable(480_000)
	other.BasePath = "other"
	artifacts, err := redirects.Render("cloudflare", []layout.Table{farTable(480_000), other})
	var e *redirects.TooManyRulesError
	if !errors.As(err, &e) || e.Needs <= 3_000_000 || artifacts != nil {
		t.Fatalf("got %v and %d artifacts", err, len(artifacts))
	}
	if want := "redirect target cloudflare: too many rules: the tables need "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCloudflareSettlesDotSegments(t *testing.T) {
	t.Parallel()
	tables := []layout.Table{table("r", "20250101T000000Z")}
	e := enginetest.Cloudflare(t, rendered(t, "cloudflare", tables), enginetest.Place{Bucket: aStore(t).URL + "/bucket"})
	e.Ask(t, []string{"/x/../r/20250102/y", "/r/./%2e%2E/r/20250102/y"}, func(a enginetest.Answer) {
		if got := a.Header.Get("Location"); a.Status != 302 || got != "/r/20250101T000000Z/y" {
			t.Errorf("%s: %d %s", a.Target, a.Status, got)
		}
	})
}
