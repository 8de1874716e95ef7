package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"
)

func completionCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "completion", args: "SHELL", min: 1, max: 1,
		usage:       "prints a script by which a shell completes commands and flags",
		description: "SHELL is bash, zsh or fish.",
		examples: [2]example{
			{"For this shell.", "source <(datestone completion bash)"},
			{"For all to come.", "datestone completion fish > ~/.config/fish/completions/datestone.fish"},
		},
	}, func(_ context.Context, c *cli.Context) error {
		return printCompletion(e.Stdout, c.Args().First(), c.App)
	})
}

func printCompletion(w io.Writer, shell string, app *cli.App) error {
	script, ok := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[shell]
	if !ok {
		shells := []string{"bash", "zsh", "fish"}
		return usageErrorf("completion", "completion: %q: write %s%s", shell, strings.Join(shells, ", "), didYouMean(shell, shells))
	}
	quote := template.FuncMap{"quote": func(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }}
	return template.Must(template.New(shell).Funcs(quote).Parse(script)).Execute(w, completions(app))
}

// A completion is what can follow the words of one command.
type completion struct {
	Words string // "redirects render"; empty for the program itself
	Depth int    // number of Words
	Below []word // commands
	Flags []word
}

type word struct{ Name, Usage string }

// completions returns those of the program and of all its commands.
func completions(app *cli.App) []completion {
	all := []completion{completionOf("", app.Commands, app.Flags)}
	for _, c := range app.Commands {
		all = append(all, completionOf(c.Name, c.Subcommands, c.Flags))
		for _, below := range c.Subcommands {
			all = append(all, completionOf(c.Name+" "+below.Name, nil, below.Flags))
		}
	}
	return all
}

func completionOf(words string, below []*cli.Command, flags []cli.Flag) completion {
	c := completion{Words: words, Depth: len(strings.Fields(words))}
	for _, b := range below {
		c.Below = append(c.Below, word{b.Name, b.Usage})
	}
	for _, f := range flags {
		usage := ""
		if d, ok := f.(cli.DocGenerationFlag); ok {
			usage = strings.ReplaceAll(d.GetUsage(), "`", "")
		}
		c.Flags = append(c.Flags, word{f.Names()[0], usage})
	}
	return c
}

// All returns the commands and flags, as words that a shell offers.
func (c completion) All() string {
	var all []string
	for _, b := range c.Below {
		all = append(all, b.Name)
	}
	for _, f := range c.Flags {
		all = append(all, "--"+f.Name)
	}
	return strings.Join(all, " ")
}

// Condition is when fish offers the words of c.
func (c completion) Condition() string {
	if c.Words == "" {
		return "__fish_use_subcommand"
	}
	var seen []string
	for _, w := range strings.Fields(c.Words) {
		seen = append(seen, fmt.Sprintf("__fish_seen_subcommand_from %s", w))
	}
	return strings.Join(seen, "; and ")
}

const bashCompletion = `# datestone: completion for bash
_datestone() {
    local word words="" known
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case "$word" in -*) continue ;; esac
        case "${words:+$words }$word" in
{{- range .}}{{if .Words}}
        '{{.Words}}') words="${words:+$words }$word" ;;{{end}}{{end}}
        esac
    done
    case "$words" in
{{- range .}}
    '{{.Words}}') known='{{.All}}' ;;{{end}}
    esac
    COMPREPLY=($(compgen -W "$known" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _datestone datestone
`

const zshCompletion = `#compdef datestone
# datestone: completion for zsh
_datestone() {
    local word typed=""
    for word in "${(@)words[2,CURRENT-1]}"; do
        case "$word" in -*) continue ;; esac
        case "${typed:+$typed }$word" in
{{- range .}}{{if .Words}}
        '{{.Words}}') typed="${typed:+$typed }$word" ;;{{end}}{{end}}
        esac
    done
    case "$typed" in
{{- range .}}
    '{{.Words}}') compadd -- {{.All}} ;;{{end}}
    esac
    _files
}
if [ "$funcstack[1]" = "_datestone" ]; then _datestone "$@"; else compdef _datestone datestone; fi
`

const fishCompletion = `# datestone: completion for fish
{{range $c := .}}{{range .Below}}complete -c datestone -n '{{$c.Condition}}' -f -a {{.Name}} -d '{{quote .Usage}}'
{{end}}{{range .Flags}}complete -c datestone -n '{{$c.Condition}}' -l {{.Name}} -d '{{quote .Usage}}'
{{end}}{{end}}`
