package history

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"
)

// A Git runs the git command in one repository.
type Git interface {
	// Output returns what git prints.
	Output(ctx context.Context, args ...string) ([]byte, error)
	// Pipe returns what git prints as it comes; reading it to its end, or
	// closing it, ends the command. That the command failed is a reading error.
	Pipe(ctx context.Context, args ...string) (io.ReadCloser, error)
}

// Commits yields, sorted, the states of a repository whose metadata stands in
// git: a state for each commit of the first line of parents that changed the
// path, with the time of that commit. Content is looked for in the same
// commit. root is the directory of the repository in the tree, with its slash,
// or is empty; lead is the manifest below it, or empty for the types that have
// metadata of several files.
func Commits(ctx context.Context, g Git, root, lead string) iter.Seq2[State, error] {
	return collect(func(yield func(State, error) bool) {
		args := []string{"log", "--first-parent", "--reverse", "--no-show-signature", "--no-color", "--format=%H %ct"}
		if lead != "" {
			args = append(args, "--diff-filter=AMTR") // where it went there is no state
		}
		out, err := g.Output(ctx, append(args, "--", ":(top,literal)"+root+lead)...)
		if err != nil {
			yield(State{}, err)
			return
		}
		for line := range strings.Lines(string(out)) {
			s, err := commit(g, root, strings.TrimSuffix(line, "\n"))
			if !yield(s, err) || err != nil {
				return
			}
		}
	})
}

func commit(g Git, root, line string) (State, error) {
	hash, seconds, _ := strings.Cut(line, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || !isHash(hash) {
		return State{}, fmt.Errorf("git log printed %q, want a commit and its time", line)
	}
	s := State{Place: "commit " + hash, Tree: &gitTree{git: g, commit: hash, root: root}}
	if s.ID, _, err = stampOf(time.Unix(n, 0)); err != nil {
		s.Bad = "its time: " + err.Error()
	}
	return s, nil
}

// isHash recognises what names an object, in repositories of either kind.
func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// A gitTree is what one commit has.
type gitTree struct {
	git          Git
	commit, root string
}

// Open opens a blob. Whatever is no regular file is none.
func (t *gitTree) Open(ctx context.Context, name string, _ int64) (io.ReadCloser, int64, error) {
	full := path.Join(t.root, name)
	out, err := t.git.Output(ctx, "ls-tree", "-z", "-l", "--full-tree", t.commit, "--", ":(top,literal)"+full)
	if err != nil {
		return nil, 0, err
	}
	blob, size, ok := parseEntry(out, full)
	if !ok {
		return nil, 0, fmt.Errorf("commit %s: %q: %w", t.commit, full, fs.ErrNotExist)
	}
	body, err := t.git.Pipe(ctx, "cat-file", "blob", blob)
	return body, size, err
}

// parseEntry reads the one line of git ls-tree -z -l: mode, type, hash, size, a
// tab, and the path.
func parseEntry(out []byte, want string) (hash string, size int64, ok bool) {
	entry, _ := bytes.CutSuffix(out, []byte{0})
	meta, name, _ := strings.Cut(string(entry), "\t")
	fields := strings.Fields(meta)
	if len(fields) != 4 || name != want || !strings.HasPrefix(fields[0], "100") || fields[1] != "blob" || !isHash(fields[2]) {
		return "", 0, false
	}
	size, err := strconv.ParseInt(fields[3], 10, 64)
	return fields[2], size, err == nil && size >= 0
}
