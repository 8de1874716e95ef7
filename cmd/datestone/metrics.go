package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"datestone/layout"
)

// metrics are what node_exporter is told of a run.
type metrics struct {
	began, ended time.Time
	code         int // exit code
	rows         []layout.RepositoryStatus
	reports      map[string]report // of the repositories in the run
}

// A series is one metric.
type series struct {
	name, help string
	value      func(layout.RepositoryStatus) (value int64, known bool)
}

// statusSeries are the series that have a value for each repository.
var statusSeries = []series{
	{"last_run_timestamp_seconds", "When a run last ended.", func(r layout.RepositoryStatus) (int64, bool) { return unixTime(r.LastRun) }},
	{"last_success_timestamp_seconds", "When a run last ended well.", func(r layout.RepositoryStatus) (int64, bool) { return unixTime(r.LastSuccess) }},
	{"last_change_timestamp_seconds", "When the newest checkpoint was committed.", func(r layout.RepositoryStatus) (int64, bool) { return unixTime(r.LastChange) }},
	{"newest_timestamp_seconds", "The newest checkpoint.", func(r layout.RepositoryStatus) (int64, bool) { return unixTime(r.Newest) }},
	{"final_until_timestamp_seconds", "Up to when all answers are final.", func(r layout.RepositoryStatus) (int64, bool) { return unixTime(r.FinalUntil) }},
	{"lag_seconds", "How long before the last run the repository was last known to be what its remote is.", func(r layout.RepositoryStatus) (int64, bool) { return r.Lag, true }},
	{"failures", "Runs that failed since the last that did not.", func(r layout.RepositoryStatus) (int64, bool) { return int64(r.Failures), true }},
	{"checkpoints", "Checkpoints that there are.", func(r layout.RepositoryStatus) (int64, bool) { return int64(r.Checkpoints), true }},
}

// runSeries are those of what the run did.
var runSeries = []struct {
	name, help string
	value      func(report) int64
}{
	{"fetched_files", "Files that the last run brought in from the remote.", func(r report) int64 { return int64(r.Fetched) }},
	{"fetched_bytes", "Bytes that the last run brought in from the remote.", func(r report) int64 { return r.FetchedBytes }},
	{"linked_files", "Files that the last run linked within the bucket.", func(r report) int64 { return int64(r.Linked) }},
}

func unixTime(s layout.Stamp) (int64, bool) {
	if s == "" {
		return 0, false
	}
	return s.Time().Unix(), true
}

// text returns the metrics in the exposition format of Prometheus.
func (m metrics) text() []byte {
	var b bytes.Buffer
	one := func(name, help, value string) {
		fmt.Fprintf(&b, "# HELP datestone_%s %s\n# TYPE datestone_%s gauge\ndatestone_%s %s\n", name, help, name, name, value)
	}
	one("run_timestamp_seconds", "When the last run ended.", fmt.Sprint(m.ended.Unix()))
	one("run_duration_seconds", "How long the last run took.", fmt.Sprintf("%.3f", m.ended.Sub(m.began).Seconds()))
	one("run_exit_code", "What the last run ended with: 0 done, 3 some repositories failed.", fmt.Sprint(m.code))
	for _, s := range statusSeries {
		fmt.Fprintf(&b, "# HELP datestone_repository_%s %s\n# TYPE datestone_repository_%s gauge\n", s.name, s.help, s.name)
		for _, r := range m.rows {
			if v, known := s.value(r); known {
				fmt.Fprintf(&b, "datestone_repository_%s{repository=%q} %d\n", s.name, r.Name, v)
			}
		}
	}
	for _, s := range runSeries {
		fmt.Fprintf(&b, "# HELP datestone_repository_%s %s\n# TYPE datestone_repository_%s gauge\n", s.name, s.help, s.name)
		for _, name := range sortedKeys(m.reports) {
			fmt.Fprintf(&b, "datestone_repository_%s{repository=%q} %d\n", s.name, name, s.value(m.reports[name]))
		}
	}
	return b.Bytes()
}

// The runBooks take down what a run does, for the metrics.
type runBooks struct {
	env     *env
	file    string // none for nobody who wants to know
	metrics metrics
}

func newRunBooks(e *env, c *config) *runBooks {
	return &runBooks{env: e, file: c.Metrics, metrics: metrics{began: e.Now(), reports: map[string]report{}}}
}

// take takes down how the passes ended, and what the index remembers of the
// other repositories.
func (b *runBooks) take(s *site, passes []*pass, rows map[string]layout.RepositoryStatus) {
	for _, p := range passes {
		b.metrics.reports[p.repo.Name] = p.report
	}
	for _, r := range s.config.Repositories {
		row, known := rows[r.Name]
		if !known {
			row, known = s.rememberedStatus(r)
		}
		if known {
			b.metrics.rows = append(b.metrics.rows, row)
		}
	}
	slices.SortFunc(b.metrics.rows, func(a, b layout.RepositoryStatus) int { return strings.Compare(a.Name, b.Name) })
}

// close writes the file, err being what the run ends with. That it can't be
// written does not make the run fail.
func (b *runBooks) close(ctx context.Context, err error) {
	if b.file == "" {
		return
	}
	b.metrics.ended, b.metrics.code = b.env.Now(), exitCode(err)
	if err != nil && ctx.Err() != nil {
		b.metrics.code = exitInterrupted
	}
	if _, err := replaceFile(b.file, b.metrics.text()); err != nil {
		b.env.Log.WarnContext(ctx, "metrics were not written", "file", b.file, "error", err)
	}
}

// metrics reads where the metrics of runs go.
func (r *configReader) metrics(n ast.Node) {
	r.file(&r.config.Metrics)(n)
	if name := r.config.Metrics; name != "" && !strings.HasSuffix(name, ".prom") {
		r.problem(n, "%q: write a name that ends in .prom: node_exporter reads no other", name)
	}
}
