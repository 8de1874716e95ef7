package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"datestone/publish"
)

// The exit codes of SPEC section 2.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSome        = 3
	exitLocked      = 4
	exitDamage      = 5
	exitInterrupted = 130
)

// errInterrupted is what a command ends with when a signal came.
var errInterrupted = errors.New("interrupted")

// A usageError is a command line that is not understood.
type usageError struct {
	topic string // words after "datestone help" that explain the command
	text  string
}

func (e *usageError) Error() string { return e.text }

func usageErrorf(topic, format string, args ...any) error {
	return &usageError{topic: topic, text: fmt.Sprintf(format, args...)}
}

// hint returns the line that follows a usage error.
func (e *usageError) hint() string {
	if e.topic == "" {
		return `see "datestone help"`
	}
	return fmt.Sprintf("see \"datestone help %s\"", e.topic)
}

// A codedError ends the program with a code of its own.
type codedError struct {
	error
	code int
}

func (e *codedError) Unwrap() error { return e.error }

// withCode returns err with the exit code that it stands for.
func withCode(code int, err error) error { return &codedError{error: err, code: code} }

// exitCode is the one place where an error becomes a number.
func exitCode(err error) int {
	var usage *usageError
	var config *configError
	var coded *codedError
	var exiter cli.ExitCoder
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, publish.ErrLocked):
		return exitLocked
	case errors.As(err, &usage), errors.As(err, &config), errors.As(err, &exiter): // the library's own are about words
		return exitUsage
	}
	return exitFailed
}
