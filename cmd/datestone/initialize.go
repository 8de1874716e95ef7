package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"datestone/layout"
)

//go:embed sample.yaml
var sampleConfig []byte

// sampleBucket is the bucket of sampleConfig. A missing directory is an error
// when a bucket is opened (it may be a disk that is not mounted), so init
// makes it.
const sampleBucket = "site"

func initCommand(e *env) *cli.Command {
	return e.command(manual{
		name: "init", args: "[DIR]", max: 1,
		usage: "writes a commented configuration that runs as it is",
		description: "Writes datestone.yaml into DIR (the current directory), and beside it sample/, a tiny repository\n" +
			"for it to read. Prints the names of the files. It never replaces a file that is there.",
		examples: [2]example{
			{"A first site, in a directory.", "datestone init && datestone run && datestone serve"},
			{"Somewhere else.", "datestone init snapshots && datestone --config snapshots/datestone.yaml run"},
		},
		flags: []cli.Flag{jsonFlag()},
	}, func(_ context.Context, c *cli.Context) error {
		o := initOptions{dir: c.Args().First(), json: c.Bool("json")}
		return o.run(e)
	})
}

type initOptions struct {
	dir  string
	json bool
}

// A sample is a file that init writes.
type sample struct {
	name string // with slashes
	body []byte
}

// samples returns what init writes, the configuration last: where it is, all is.
func samples() []sample {
	content := []sample{
		{"1.txt", []byte("The first file of the sample repository.\n")},
		{"docs/2.txt", []byte("The second. Change it, write its new digest and size into PULP_MANIFEST, and run again.\n")},
	}
	var manifest bytes.Buffer
	var all []sample
	for _, s := range content {
		fmt.Fprintf(&manifest, "%s,%s,%d\n", s.name, layout.DigestOf(s.body), len(s.body))
		all = append(all, sample{"sample/" + s.name, s.body})
	}
	return append(all, sample{"sample/PULP_MANIFEST", manifest.Bytes()}, sample{defaultConfig, sampleConfig})
}

func (o initOptions) run(e *env) error {
	files := samples()
	for _, s := range files {
		if _, err := os.Lstat(o.path(s)); err == nil {
			return fmt.Errorf("%q is there already; nothing was written", o.path(s))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(o.dir, sampleBucket), 0o777); err != nil {
		return err
	}
	for _, s := range files {
		if err := create(o.path(s), s.body); err != nil {
			return err
		}
		if err := o.report(e, o.path(s)); err != nil {
			return err
		}
	}
	e.Log.Info("configuration written", "next", "datestone run")
	return nil
}

func (o initOptions) path(s sample) string { return filepath.Join(o.dir, filepath.FromSlash(s.name)) }

func (o initOptions) report(e *env, name string) error {
	if o.json {
		return printJSON(e.Stdout, map[string]string{"path": name})
	}
	_, err := fmt.Fprintln(e.Stdout, name)
	return err
}

// create writes a file that must not exist, and its directory.
func create(name string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	return errors.Join(err, f.Close())
}
