package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// A manual is what the command line says of a command.
type manual struct {
	name string // "list", or "redirects render"
	args string // "[REPO [ID [PATH]]]"
	// min and max are how many arguments it takes; a max of -1 is any number.
	min, max    int
	usage       string // one sentence
	description string // in plain words
	examples    [2]example
	flags       []cli.Flag
}

// An example is a command line that does something, and what.
type example struct{ does, line string }

// command returns the command of a manual. do copies its flags into options
// and calls what it does; it is called when all words are in their place.
func (e *env) command(m manual, do func(ctx context.Context, c *cli.Context) error) *cli.Command {
	words := strings.Fields(m.name)
	helpName := "" // the library finds the name of those right below the program
	if len(words) > 1 {
		helpName = "datestone " + m.name
	}
	return &cli.Command{
		Name:        words[len(words)-1],
		HelpName:    helpName,
		Usage:       m.usage,
		ArgsUsage:   m.args,
		Description: m.text(),
		Flags:       append(m.flags, globalFlags(true)...),
		HideHelp:    true, CustomHelpTemplate: commandHelp,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usageErrorf(m.name, "%s: %v", m.name, err) },
		Action: func(c *cli.Context) error {
			if err := m.checkArgs(c.Args().Slice()); err != nil {
				return err
			}
			if err := e.takeGlobals(c); err != nil {
				return err
			}
			return do(c.Context, c)
		},
	}
}

// group returns a command that only has commands below it.
func (e *env) group(name, usage string, below ...*cli.Command) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Subcommands: below,
		Flags: globalFlags(true), HideHelp: true,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return usageErrorf(name, "%s: %v", name, err) },
		Action: func(c *cli.Context) error {
			var names []string
			for _, b := range below {
				names = append(names, b.Name)
			}
			if word := c.Args().First(); word != "" {
				return usageErrorf(name, "%s: unknown command %q%s", name, word, didYouMean(word, names))
			}
			return usageErrorf(name, "%s: a command is missing: %s", name, strings.Join(names, ", "))
		},
	}
}

// checkArgs refuses what the library would take: a flag after the first
// argument is no argument, and one too many is not nothing.
func (m manual) checkArgs(args []string) error {
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			return usageErrorf(m.name, "%s: flags come before arguments: move %s before %s", m.name, a, args[0])
		}
	}
	switch {
	case len(args) < m.min:
		return usageErrorf(m.name, "%s: too few arguments: want %s", m.name, m.args)
	case m.max == 0 && len(args) > 0:
		return usageErrorf(m.name, "%s: takes no arguments, got %q", m.name, args[0])
	case m.max >= 0 && len(args) > m.max:
		return usageErrorf(m.name, "%s: too many arguments, from %q on: want %s", m.name, args[m.max], m.args)
	}
	return nil
}

func (m manual) text() string {
	var b strings.Builder
	b.WriteString(m.description)
	b.WriteString("\n\nExamples:\n")
	for i, x := range m.examples {
		fmt.Fprintf(&b, "\n%d. %s\n   > %s\n", i+1, x.does, x.line)
	}
	return strings.TrimRight(b.String(), "\n")
}

// The flags of commands, each with its environment variable.

func stringFlag(name, value, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Value: value, Usage: usage, EnvVars: envVar(name)}
}

func stringsFlag(name, usage string) cli.Flag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, EnvVars: envVar(name)}
}

func boolFlag(name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: envVar(name), DisableDefaultText: true}
}

func jsonFlag() cli.Flag { return boolFlag("json", "print JSON, one object a line") }

const appHelp = `{{.HelpName}} {{.Usage}}.

Usage:
   datestone [GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS]

{{.Description}}

Start here:

1. Write a configuration that runs as it is, and run it.
   > datestone init && datestone run

2. Look at what came out.
   > datestone serve

Commands:{{range .VisibleCommands}}
   {{printf "%-12s" .Name}}{{.Usage}}{{end}}

Global flags (before the command or behind it):{{range .VisibleFlags}}
   {{.}}{{end}}

"datestone help COMMAND" says more. Exit codes: 0 done, 1 failed, 2 usage or configuration,
3 some repositories failed, 4 another run holds the lock, 5 damage or wrong answers found, 130 interrupted.
`

const commandHelp = `{{.HelpName}} {{.Usage}}.

Usage:
   {{.HelpName}}{{if .VisibleFlags}} [FLAGS]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Description}}

Flags:{{range .VisibleFlags}}
   {{.}}{{end}}

Global flags: see "datestone help".
`
