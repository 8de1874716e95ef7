package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(e *env) *cli.Command {
	return e.command(manual{
		name:        "version",
		usage:       "prints which datestone this is",
		description: "The version is that of the module, as the go command recorded it in the program.",
		examples: [2]example{
			{"For people.", "datestone version"},
			{"For a bug report.", "datestone version --json"},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(_ context.Context, c *cli.Context) error {
		return printVersion(e.Stdout, buildVersion(), c.Bool("json"))
	})
}

// A buildInfo is the line of version --json.
type buildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a work tree with changes
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func buildVersion() buildInfo {
	v := buildInfo{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func printVersion(w io.Writer, v buildInfo, asJSON bool) error {
	if asJSON {
		return printJSON(w, v)
	}
	_, err := fmt.Fprintf(w, "datestone %s (%s, %s/%s)\n", v.Version, v.Go, v.OS, v.Arch)
	return err
}
