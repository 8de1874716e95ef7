package main

import (
	"context"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"datestone/layout"
)

// without leaves a path out of files.
func without(path string, files iter.Seq2[layout.File, error]) iter.Seq2[layout.File, error] {
	return func(yield func(layout.File, error) bool) {
		for f, err := range files {
			if f.Path != path && !yield(f, err) {
				return
			}
		}
	}
}

// TestNothingIsCommittedThatIsNotWhole brings a state in, does something to what
// is on its way, and commits.
func TestNothingIsCommittedThatIsNotWhole(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		harm func(p *pass, o *open)
		want string // in the error; empty where there is nothing wrong
	}{
		"nothing": {func(*pass, *open) {}, ""},
		"the plan misses a file": {func(_ *pass, o *open) { o.plan.Files = without("2.iso", o.plan.Files) },
			`file "2.iso" was read, and is not in the plan`},
		"the plan misses the last file": {func(_ *pass, o *open) { o.plan.Files = without("PULP_MANIFEST", o.plan.Files) },
			`file "PULP_MANIFEST" was read, and is not in the plan`},
		"another process read it": {func(p *pass, o *open) { p.state, o.plan.Files = nil, without("2.iso", o.plan.Files) },
			`file "2.iso" was read, and is not in the plan`},
		"the plan has one more": {func(p *pass, o *open) { p.state.Files = p.state.Files[1:] },
			`file "1.iso" is in the plan, and was not read`},
		"the plan has other content": {func(p *pass, o *open) { p.state.Files[1].Size++ },
			`file "2.iso" has other content in the plan than was read`},
		"the claim is of another list": {func(_ *pass, o *open) { o.claim.List.Bytes++ },
			"the list is another than the one claimed"},
		"a file was not placed": {func(_ *pass, o *open) {
			o.ledger.owed["b/2.iso"], o.ledger.owed["b/1.iso"] = layout.File{Path: "2.iso"}, layout.File{Path: "1.iso"}
		}, `file "1.iso" was not placed, as 2 in all`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newWalkSite(t)
			s.upstream("one")
			err := s.commitHarmed(test.harm)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			_, statErr := os.Stat(filepath.Join(s.dir, "site", filepath.FromSlash(layout.RecordKey("checkpoints/myfile", 1))))
			if committed := statErr == nil; committed != (test.want == "") {
				t.Errorf("committed: %v", committed)
			}
		})
	}
}

// commitHarmed is a run that does harm between bringing in and committing.
func (s *walkSite) commitHarmed(harm func(p *pass, o *open)) error {
	s.t.Helper()
	ctx, e := s.t.Context(), s.env("20250318T140442Z", s.t.Output())
	e.ConfigFile, e.Log = s.config(), slog.New(slog.DiscardHandler)
	c, err := e.loadConfig()
	must(s.t, err)
	site, err := e.openSite(ctx, c, 4, 0)
	must(s.t, err)
	defer site.close()
	repo := c.Repositories[0]
	p := &pass{site: site, options: passOptions{sync: true, publish: true}, repo: repo, log: site.log(repo), moment: newMoment(site, "", []string{repo.Name})}
	p.options.lock.Owner = "test"
	must(s.t, p.catchUp(ctx))
	must(s.t, p.read(ctx, layout.Remote{}))
	must(s.t, p.writable(ctx))
	return p.locked(ctx, func(ctx context.Context) error {
		must(s.t, p.settle(ctx))
		p.moment.read.come(repo.Name)
		o, err := p.take(ctx)
		must(s.t, err)
		must(s.t, p.place(ctx, o))
		harm(p, o)
		return p.commit(ctx, o)
	})
}

// stepsFor returns a step for each of the paths.
func stepsFor(paths ...string) (steps []layout.Step) {
	for _, p := range paths {
		f := layout.File{Path: p, Size: 1, SHA256: layout.DigestOf([]byte(p))}
		steps = append(steps, layout.Step{File: f, Object: layout.Object{Key: "b/" + p, Size: f.Size, SHA256: f.SHA256}})
	}
	return steps
}

// A step that gets lost, comes twice or comes as another one is an error.
func TestLedger(t *testing.T) {
	t.Parallel()
	other := stepsFor("a", "b", "c")
	other[1].Object.SHA256[0]++
	for name, test := range map[string]struct {
		paid []layout.Step
		want string
	}{
		"all":                  {stepsFor("a", "b", "c"), ""},
		"in another order":     {stepsFor("c", "a", "b"), ""},
		"one missing":          {stepsFor("a", "c"), `file "b" was not placed, as 1 in all`},
		"one twice":            {stepsFor("a", "b", "b", "c"), `place "b/b": it is not to be done, or was done before`},
		"one too much":         {stepsFor("a", "b", "c", "d"), `place "b/d": it is not to be done`},
		"one with other bytes": {other, `place "b/b": it is not to be done`},
	} {
		var l ledger
		for range l.owe(stepsOf(stepsFor("a", "b", "c"))) {
			continue
		}
		var err error
		for _, err = range l.pay(stepsOf(test.paid)) {
			if err != nil {
				break
			}
		}
		if err == nil {
			err = l.settled()
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// An error on the way of either sequence is the end, and the error.
func TestMatchingHandsErrorsOn(t *testing.T) {
	t.Parallel()
	failing := func(yield func(layout.File, error) bool) { yield(layout.File{}, fs.ErrClosed) }
	whole := layout.Files([]layout.File{{Path: "a"}})
	for name, files := range map[string]iter.Seq2[layout.File, error]{"files": matching(failing, whole), "want": matching(whole, failing), "want's end": matching(layout.Files(nil), failing)} {
		var last error
		for _, err := range files {
			last = err
		}
		if last != fs.ErrClosed {
			t.Errorf("%s: got %v", name, last)
		}
	}
}
