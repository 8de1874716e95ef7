package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"datestone/publish"
)

// An env is all that a command gets from the world, and what the global flags
// said. Tests hand in another one.
type env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Now            func() time.Time
	LookupEnv      func(string) (string, bool)
	// IsTerminal says that Stderr is a terminal: progress is drawn there.
	IsTerminal bool
	// WrapStore is put around every store that a command opens; nil for none.
	WrapStore func(publish.Store) publish.Store
	// AWS sends the requests to CloudFront, and Poll is how long to wait
	// between looks at it; nil and 0 for the SDK's client and a good while.
	AWS  awsClient
	Poll time.Duration
	// TellEvery is how often, at most, a backfill tells readers what was filled
	// in; 0 for every few seconds.
	TellEvery time.Duration

	// What follows is set from the global flags before a command runs.

	Log            *slog.Logger
	ConfigFile     string
	Quiet, Verbose bool
	LogFormat      string

	onScreen *screen // of Stderr, shared by log and progress
}

// screen returns what log and progress write to.
func (e *env) screen() *screen {
	if e.onScreen == nil {
		e.onScreen = &screen{w: e.Stderr}
	}
	return e.onScreen
}

// systemEnv is the real world.
func systemEnv() *env {
	return &env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Now:        time.Now,
		LookupEnv:  os.LookupEnv,
		IsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
}
