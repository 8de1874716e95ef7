package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

const defaultConfig = "datestone.yaml"

// run does what args say and returns the exit code. All errors are printed
// here, to Stderr.
func run(ctx context.Context, args []string, e *env) int {
	e.Log = newLog(e)
	err := newApp(e).RunContext(ctx, args)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", errInterrupted, err)
	}
	e.complain(err)
	return exitCode(err)
}

// newApp returns the command line. The library prints usage errors to stdout
// and exits by itself when left alone; it is not.
func newApp(e *env) *cli.App {
	return &cli.App{
		Name:     "datestone",
		HelpName: "datestone",
		Usage:    "turns package repositories into a web site of checkpoints that never change",
		Description: "A batch program for cron and CI. It reads package repositories, publishes each state as a\n" +
			"directory that never changes into a bucket (a directory, S3, MinIO), and writes the rules by\n" +
			"which a CDN or web server answers \"the repository as it was at time T\".",
		Writer: e.Stdout, ErrWriter: e.Stderr, Reader: e.Stdin,
		HideHelp: true, HideVersion: true,
		CustomAppHelpTemplate: appHelp,
		Flags:                 globalFlags(false),
		Commands:              commands(e),
		Action:                func(c *cli.Context) error { return rootAction(c) },
		OnUsageError:          func(_ *cli.Context, err error, _ bool) error { return usageErrorf("", "%v", err) },
		ExitErrHandler:        func(*cli.Context, error) {},
	}
}

func rootAction(c *cli.Context) error {
	word := c.Args().First()
	if word == "" {
		return cli.ShowAppHelp(c)
	}
	if strings.HasPrefix(word, "-") {
		return usageErrorf("", "unknown flag %s", word)
	}
	var names []string
	for _, command := range c.App.Commands {
		names = append(names, command.Name)
	}
	return usageErrorf("", "unknown command %q%s", word, didYouMean(word, names))
}

// globalFlags returns the flags that every command takes, before its name or
// after it. Behind the name they are not shown again and have no variable of
// their own: the one of the first place counts.
func globalFlags(behind bool) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Value: defaultConfig, Hidden: behind,
			Usage: "read the configuration from `FILE`", EnvVars: envVar("config")},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, DisableDefaultText: true, Hidden: behind,
			Usage: "print warnings and errors only", EnvVars: envVar("quiet")},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, DisableDefaultText: true, Hidden: behind,
			Usage: "print a line per object too", EnvVars: envVar("verbose")},
		&cli.StringFlag{Name: "log-format", Value: "text", Hidden: behind,
			Usage: "`FORMAT` of what goes to stderr: text or json", EnvVars: envVar("log-format")},
		&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, DisableDefaultText: true, Usage: "print this help"},
	}
	if behind {
		for _, f := range flags {
			switch f := f.(type) {
			case *cli.StringFlag:
				f.EnvVars = nil
			case *cli.BoolFlag:
				f.EnvVars = nil
			}
		}
	}
	return flags
}

// envVar returns the environment variable of a flag.
func envVar(flag string) []string {
	return []string{"DATESTONE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))}
}

// takeGlobals sets what the global flags said; the place nearest to the end of
// the command line counts.
func (e *env) takeGlobals(c *cli.Context) error {
	e.ConfigFile = globalFlag(c, "config").String("config")
	e.Quiet = globalFlag(c, "quiet").Bool("quiet")
	e.Verbose = globalFlag(c, "verbose").Bool("verbose")
	e.LogFormat = globalFlag(c, "log-format").String("log-format")
	if e.LogFormat != "text" && e.LogFormat != "json" {
		return usageErrorf("", "--log-format %q: write text or json", e.LogFormat)
	}
	if e.Quiet && e.Verbose {
		return usageErrorf("", "--quiet and --verbose exclude each other")
	}
	e.Log = newLog(e)
	return nil
}

// globalFlag returns the innermost context in which the flag was given, else
// the outermost, which has the default.
func globalFlag(c *cli.Context, name string) *cli.Context {
	last := c
	for _, l := range c.Lineage() {
		if l.Command == nil {
			break
		}
		last = l
		if slices.Contains(l.LocalFlagNames(), name) {
			return l
		}
	}
	return last
}

// complain prints what a command ended with.
func (e *env) complain(err error) {
	if err == nil {
		return
	}
	if e.LogFormat == "json" {
		e.Log.Error("command failed", "error", err.Error(), "exit_code", exitCode(err))
		return
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(e.Stderr, "datestone: %s\n", line)
	}
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		fmt.Fprintf(e.Stderr, "datestone: %s\n", usage.hint())
	}
}
