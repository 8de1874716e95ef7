package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReadme runs the transcript at the README's beginning, at the time that
// it shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```console\n")
	transcript, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("README.md has no transcript")
	}
	name := filepath.Join(t.TempDir(), "readme.txtar")
	if err := os.WriteFile(name, []byte(scriptOf(transcript)), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Files: []string{name}, RequireExplicitExec: true})
}

// scriptOf makes a script of a transcript: commands behind "$ ", and what each
// prints to stdout.
func scriptOf(transcript string) string {
	var script, files strings.Builder
	script.WriteString("env DATESTONE_TEST_NOW=20250318T140338Z\n")
	commands := strings.Split("\n"+transcript, "\n$ ")[1:]
	for i, c := range commands {
		line, output, _ := strings.Cut(strings.TrimSuffix(c, "\n"), "\n")
		if rest, ok := strings.CutPrefix(line, "mkdir try && cd try"); ok && rest == "" {
			script.WriteString("mkdir try\ncd try\n")
			continue
		}
		fmt.Fprintf(&script, "exec %s\ncmp stdout $WORK/want%d\n", line, i)
		fmt.Fprintf(&files, "-- want%d --\n%s\n", i, output)
	}
	return script.String() + files.String()
}
