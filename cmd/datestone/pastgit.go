package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"

	"datestone/layout"
	reposync "datestone/sync"
	"datestone/sync/history"
)

// git is git:REPO[#PATH]: the manifest of a remote of type "file", else the
// directory of the repository. A manifest may stand in git alone: content that
// the commit lacks is looked for at the remote.
func (o *pastOpener) git(text string) (pastSource, error) {
	dir, name, _ := strings.Cut(text, "#")
	if dir == "" || hasScheme(dir) {
		return pastSource{}, errors.New("write git:DIRECTORY, which has a repository of git: clone others first")
	}
	if _, err := exec.LookPath("git"); err != nil {
		return pastSource{}, fmt.Errorf("git is needed: %w", err)
	}
	name = strings.Trim(name, "/")
	root, lead := name, ""
	if o.remote.Type == typeOfManifests {
		if name == "" {
			name = o.manifest()
		}
		root, lead = path.Split(name)
	} else if root != "" {
		root += "/"
	}
	if name != "" {
		if _, err := layout.CleanPath(name); err != nil {
			return pastSource{}, err
		}
	}
	g := gitCommand{dir}
	return pastSource{states: history.Commits(o.ctx, g, root, lead), remote: func(s history.State) (reposync.Remote, error) {
		r := o.past(s, s.Tree)
		if lead != "" {
			r.URL, r.Past.Beyond = o.beside(lead), true
		} else {
			r.URL = rootless(r.URL)
		}
		return r, nil
	}}, nil
}

// A gitCommand runs git in a directory.
type gitCommand struct{ dir string }

// command keeps what a repository configures from running programs of its own.
func (g gitCommand) command(ctx context.Context, args []string) *exec.Cmd {
	safe := []string{"--no-pager", "--no-replace-objects", "-C", g.dir, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "protocol.allow=never"}
	c := exec.CommandContext(ctx, "git", append(safe, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1")
	return c
}

// Output implements history.Git.
func (g gitCommand) Output(ctx context.Context, args ...string) ([]byte, error) {
	c := g.command(ctx, args)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	return out, g.failed(ctx, args, &said, err)
}

func (g gitCommand) failed(ctx context.Context, args []string, said *bytes.Buffer, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("git %s in %q: %w: %s", args[0], g.dir, err, bytes.TrimSpace(said.Bytes()[:min(said.Len(), maxSaid)]))
}

// maxSaid is how much of what git complains about is repeated, in bytes.
const maxSaid = 1000

// Pipe implements history.Git.
func (g gitCommand) Pipe(ctx context.Context, args ...string) (io.ReadCloser, error) {
	c := g.command(ctx, args)
	p := &gitPipe{git: g, ctx: ctx, args: args, command: c}
	c.Stderr = &p.said
	out, err := c.StdoutPipe()
	if err == nil {
		p.out, err = out, c.Start()
	}
	return p, g.failed(ctx, args, &p.said, err)
}

// A gitPipe is what a command prints. It ends with io.EOF only if the command
// says that all went well.
type gitPipe struct {
	git     gitCommand
	ctx     context.Context // of the command
	args    []string
	command *exec.Cmd
	out     io.ReadCloser
	said    bytes.Buffer
	ended   error
}

func (p *gitPipe) Read(b []byte) (int, error) {
	if p.ended != nil {
		return 0, p.ended
	}
	n, err := p.out.Read(b)
	if err == io.EOF {
		if p.ended = p.git.failed(p.ctx, p.args, &p.said, p.command.Wait()); p.ended == nil {
			p.ended = io.EOF
		}
		err = p.ended
	}
	return n, err
}

// Close ends the command, whether it was read to its end or not.
func (p *gitPipe) Close() error {
	if p.ended == nil {
		p.ended = os.ErrClosed
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	}
	return nil
}
