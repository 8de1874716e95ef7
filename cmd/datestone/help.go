package main

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

func helpCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "help", args: "[COMMAND...]", max: 2,
		usage:       "explains a command",
		description: "Without a command it lists them all.",
		examples: [2]example{
			{"How do I publish?", "datestone help run"},
			{"How do I get rules for nginx?", "datestone help redirects render"},
		},
	}, func(_ context.Context, c *cli.Context) error { return showHelp(c, c.Args().Slice()) })
}

// showHelp prints the help of a command, or of the program, to stdout.
func showHelp(c *cli.Context, words []string) error {
	if len(words) == 0 {
		return cli.ShowAppHelp(c)
	}
	command, commands := (*cli.Command)(nil), c.App.Commands
	for i, word := range words {
		command = find(commands, word)
		if command == nil {
			return usageErrorf("", "help: no such command: %s", strings.Join(words[:i+1], " "))
		}
		commands = command.Subcommands
	}
	if len(command.Subcommands) > 0 {
		cli.HelpPrinter(c.App.Writer, groupHelp, command)
	} else {
		cli.HelpPrinter(c.App.Writer, commandHelp, command)
	}
	return nil
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.Name == name {
			return c
		}
	}
	return nil
}

const groupHelp = `{{.HelpName}} {{.Usage}}.

Usage:
   {{.HelpName}} COMMAND [FLAGS] [ARGUMENTS]

Commands:{{range .VisibleCommands}}
   {{printf "%-12s" .Name}}{{.Usage}}{{end}}

"datestone help COMMAND" says more; global flags: see "datestone help".
`
