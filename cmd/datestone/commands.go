package main

import "github.com/urfave/cli/v2"

// commands returns all commands, in the order in which help lists them.
func commands(e *env) []*cli.Command {
	return []*cli.Command{
		initCommand(e),
		runCommand(e),
		syncCommand(e),
		publishCommand(e),
		redirectsCommand(e),
		resolveCommand(e),
		promoteCommand(e),
		pruneCommand(e),
		pinCommand(e),
		unpinCommand(e),
		backfillCommand(e),
		redactCommand(e),
		listCommand(e),
		diffCommand(e),
		verifyCommand(e),
		rebuildCommand(e),
		snippetCommand(e),
		statusCommand(e),
		checkCommand(e),
		serveCommand(e),
		versionCommand(e),
		completionCommand(e),
		helpCommand(e),
	}
}
