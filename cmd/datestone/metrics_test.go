package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"datestone/layout"
	"datestone/redirects/enginetest"
)

// TestMetrics lets promtool check what a run tells node_exporter.
func TestMetrics(t *testing.T) {
	t.Parallel()
	began := layout.Stamp("20250318T140338Z").Time()
	m := metrics{began: began, ended: began.Add(1500 * time.Millisecond), code: 3,
		rows: []layout.RepositoryStatus{
			{Name: "a", Checkpoints: 2, LastRun: "20250318T140339Z", LastSuccess: "20250318T140339Z"},
			{Name: "b", Failures: 1, Lag: 60, LastRun: "20250318T140339Z"},
		},
		reports: map[string]report{"a": {Fetched: 3, FetchedBytes: 1 << 40}},
	}
	text := string(m.text())
	for _, want := range []string{
		"datestone_run_exit_code 3\n", "datestone_run_duration_seconds 1.500\n", "datestone_run_timestamp_seconds 1742306619\n",
		"datestone_repository_last_success_timestamp_seconds{repository=\"a\"} 1742306619\n",
		"datestone_repository_failures{repository=\"b\"} 1\n", "datestone_repository_lag_seconds{repository=\"b\"} 60\n",
		"datestone_repository_fetched_bytes{repository=\"a\"} 1099511627776\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	if never := "last_success_timestamp_seconds{repository=\"b\"}"; strings.Contains(text, never) {
		t.Errorf("it has %q, which never was", never)
	}
	check := exec.CommandContext(t.Context(), enginetest.Find(t, "promtool"), "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// TestMetricsOfARunThatDidNotBegin wants the exit code told of a run that found
// no bucket, and of one that was interrupted.
func TestMetricsOfARunThatDidNotBegin(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"no bucket": "datestone_run_exit_code 1\n", "interrupted": "datestone_run_exit_code 130\n"} {
		s := newWalkSite(t)
		s.upstream("one")
		config, err := os.ReadFile(s.config())
		must(t, err)
		must(t, os.WriteFile(s.config(), append(config, "metrics: d.prom\n"...), 0o600))
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		if name == "interrupted" {
			stop(errors.New("a signal"))
		} else {
			must(t, os.RemoveAll(filepath.Join(s.dir, "site")))
		}
		var out bytes.Buffer
		if code := run(ctx, []string{"datestone", "--config", s.config(), "run"}, s.env("20250318T140338Z", &out)); code == 0 {
			t.Errorf("%s: exit code 0", name)
		}
		got, err := os.ReadFile(filepath.Join(s.dir, "d.prom"))
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %q, %v; want %q in it", name, got, err, want)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "site", "status.json")); err == nil {
			t.Errorf("%s: a run that did not begin has a status", name)
		}
	}
}
