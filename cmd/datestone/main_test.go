package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"datestone/layout"
)

// TestMain lets scripts run the program as the command "datestone".
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"datestone": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		os.Exit(run(ctx, os.Args, testEnv()))
	}})
}

// skewVar is by how much the clock is wrong, as -2h.
const skewVar = "DATESTONE_TEST_SKEW"

// testEnv is the real world, changed by variables that only tests know:
// DATESTONE_TEST_NOW is an ID at which the clock stands.
func testEnv() *env {
	e := systemEnv()
	e.WrapStore = disturbed
	if text, ok := os.LookupEnv("DATESTONE_TEST_NOW"); ok {
		now, err := layout.ParseStamp(text)
		if err != nil {
			panic(err)
		}
		e.Now = func() time.Time { return now.Time() }
	}
	if text, ok := os.LookupEnv(skewVar); ok {
		skew, err := time.ParseDuration(text)
		if err != nil {
			panic(err)
		}
		e.Now = func() time.Time { return time.Now().Add(skew) }
	}
	return e
}

// TestScript runs the specification of the command line.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			repos, err := filepath.Abs("../../testdata/repos/file")
			e.Setenv("REPOS", repos)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"site":     siteCommand,
			"exitcode": exitcodeCommand,
		},
	})
}

// siteCommand is "site DIR": it publishes the sample site of site_test.go.
func siteCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: site DIR")
	}
	ts.Check(writeSite(context.Background(), ts.MkAbs(args[0])))
}

// exitcodeCommand is "exitcode N COMMAND...": it runs the command and wants
// the exit code N. Its output is compared as that of exec.
func exitcodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit := (interface{ ExitCode() int })(nil); asExit(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	} else {
		ts.Check(err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
