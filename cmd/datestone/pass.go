package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"datestone/index"
	"datestone/layout"
	"datestone/publish"
	reposync "datestone/sync"
)

// A pass is the work of one run on one repository.
type pass struct {
	*site
	options passOptions
	repo    repository
	log     *publish.Log
	moment  *moment
	known   index.Repo
	// state is what the remote has; nil when it still has known.State.
	state *reposync.State
	// claims are those open, oldest first, and past those of a backfill, which
	// only a backfill can finish; read under the lock.
	claims, past []layout.Claim
	// all are the claims as they stand, those that nobody can finish too.
	all publish.Claims
	// current is the claim that is being worked on, or nil.
	current *open
	// begun says that the index was begun again.
	begun bool
	// unsettled says that an earlier run may have left the bucket half done.
	unsettled bool
	// signed is the record up to which all have signatures, as far as is known.
	signed int
	report report
	err    error // what the work ended with
}

// passOptions say which parts of the work are wanted.
type passOptions struct {
	sync, publish bool
	force         bool // publish: the same state again
	lock          publish.LockConfig
}

// run does the work. It costs one request to the remote and one to the bucket,
// and no lock, when nothing is new.
func (p *pass) run(ctx context.Context) error {
	defer p.moment.leave(p.repo.Name)
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	if err := p.lookBack(ctx); err != nil {
		return err
	}
	if p.options.sync {
		validators := p.known.Remote
		redacted, err := p.newestLacks()
		if err != nil {
			return err
		}
		if p.known.Claim != "" || redacted {
			validators = layout.Remote{} // what is claimed may need the metadata's bytes
		}
		if err := p.read(ctx, validators); err != nil {
			return err
		}
	}
	busy, err := p.busy(ctx)
	if err != nil || !busy {
		return err
	}
	if err := p.writable(ctx); err != nil {
		return err
	}
	return p.locked(ctx, p.work)
}

// follow brings what is known up to the log's end, and takes in the state of
// the newest checkpoint when that is news. It writes the index only then.
func (p *pass) follow(ctx context.Context) error {
	known, err := p.recall(ctx, p.repo)
	if err != nil {
		return err
	}
	news := 0
	var pruned []layout.Stamp
	for e, err := range p.log.After(ctx, known.Table.Log.Entries) {
		if err == nil {
			err = known.Table.Apply(p.repo.Settings, e)
		}
		if err != nil {
			return err
		}
		pruned = append(pruned, e.Pruned...)
		news++
	}
	p.known = known
	if err := p.forget(pruned); err != nil {
		return err
	}
	if newest := known.Table.Newest(); newest != "" {
		root, err := p.index.Checkpoint(p.repo.Name, newest)
		// A backfill that was killed may have left a newest one that the index
		// knows, but not as that.
		if errors.Is(err, fs.ErrNotExist) || err == nil && root != p.known.Newest {
			err = p.takeInNewest(ctx)
			news++
		}
		if err != nil {
			return err
		}
	}
	if news == 0 {
		return nil
	}
	return p.remember()
}

// forget lets the index forget checkpoints that were pruned, before it knows
// of the record: nothing is linked any more from what will be deleted.
func (p *pass) forget(pruned []layout.Stamp) error {
	if len(pruned) == 0 {
		return nil
	}
	slices.Sort(pruned)
	return p.index.Forget(p.known.Table, pruned)
}

// takeInNewest reads the newest checkpoint's record and file list.
func (p *pass) takeInNewest(ctx context.Context) error {
	t := &p.known.Table
	c := t.Checkpoints[len(t.Checkpoints)-1]
	e, err := p.log.Entry(ctx, c.Record)
	if err != nil {
		return err
	}
	if e.SHA256 != c.SHA256 || e.List == nil || e.Remote == nil {
		return fmt.Errorf("log of %q, entry %d: it is not the record that the table names", p.repo.Name, c.Record)
	}
	root, err := p.index.PutState(p.log.Files(ctx, *e.List))
	if err != nil {
		return err
	}
	p.known.Newest, p.known.State, p.known.Remote, p.known.Claim = root, root, *e.Remote, ""
	return nil
}

func (p *pass) remember() error { return p.index.SetRepo(p.repo.Name, p.known) }

// read asks the remote for its state; validators are those of known.
func (p *pass) read(ctx context.Context, known layout.Remote) error {
	state, err := p.remotes.ReadAfter(ctx, p.repo.Remote, known, p.index.Files(p.known.State))
	if errors.Is(err, reposync.ErrNotModified) {
		p.state = nil
		return nil
	}
	if err != nil {
		return err
	}
	p.state, err = p.merged(ctx, state, p.index.Files(p.known.Newest))
	return err
}

// merged returns what is to be published of a state, before having the files of
// the checkpoint before it.
func (p *pass) merged(ctx context.Context, state *reposync.State, before iter.Seq2[layout.File, error]) (*reposync.State, error) {
	state = p.leaveOut(ctx, state)
	if p.repo.Remote.Mode == reposync.KeepGone {
		for manifest := range state.Bodies { // there is one
			return reposync.Additive(p.permitted(before), state, manifest)
		}
	}
	return state, nil
}

// wanted returns the files of the state that the remote has, without
// FirstSeen; without a sync, those of the newest state that is known.
func (p *pass) wanted() iter.Seq2[layout.File, error] {
	if p.state == nil {
		return p.permitted(p.index.Files(p.known.State))
	}
	return layout.Files(p.state.Files)
}

// published reports whether the newest checkpoint has the wanted state.
func (p *pass) published() (bool, error) {
	if p.known.Table.Newest() == "" {
		return false, nil
	}
	if p.state == nil && p.known.State == p.known.Newest {
		return true, nil
	}
	return layout.Same(p.index.Files(p.known.Newest), p.wanted())
}

// busy reports whether there is anything to write, and remembers the
// validators of a remote that has the published state under new ones.
func (p *pass) busy(ctx context.Context) (bool, error) {
	if p.unsettled || p.options.force || p.known.Claim != "" || p.due() || p.known.Announced != p.known.Table.Log.Entries {
		return true, nil
	}
	if !p.options.sync {
		return true, nil // whether a claim is open can't be known from here
	}
	if unsigned, err := p.unsigned(ctx); err != nil || unsigned && p.options.publish {
		return true, err
	}
	same, err := p.published()
	if err != nil || !same {
		return true, err
	}
	if p.state == nil {
		return false, nil
	}
	p.known.Remote, p.known.State = p.state.Remote, p.known.Newest
	return false, p.remember()
}

// due reports whether the time has come to write without any news: a delayed
// channel moves, or final_until is older than refresh.
func (p *pass) due() bool {
	return len(p.known.Table.Due(p.repo.Settings, layout.StampOf(p.Now()))) > 0 || p.stale()
}

// stale reports whether final_until is older than refresh.
func (p *pass) stale() bool {
	g := p.known.Table.FinalUntil
	return p.options.sync && p.options.publish && g != "" && p.Now().Sub(g.Time()) >= p.config.Redirects.Refresh
}

// work is what is done under the lock.
func (p *pass) work(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	if p.options.sync {
		return p.rounds(ctx)
	}
	return p.publishClaimed(ctx)
}

// settle looks again, now that no other run can change anything: at the log,
// and at the claims. An index that remembers another log than the bucket has
// is begun again.
func (p *pass) settle(ctx context.Context) error {
	before, redacted, begun := p.known.Newest, len(p.known.Table.Redacted), p.begun
	if err := p.catchUp(ctx); err != nil {
		return err
	}
	if head := p.known.Table.Log; head.Entries > 0 {
		foreign, err := p.misses(ctx, head)
		if err == nil && foreign {
			err = p.beginAgain(ctx)
		}
		if err != nil {
			return err
		}
	}
	// What additive mode keeps is what the newest checkpoint has, and what was
	// redacted is left out; not modified is said of what was known.
	news := p.known.Newest != before || len(p.known.Table.Redacted) != redacted
	if p.state != nil && news || p.options.sync && p.begun != begun {
		if err := p.read(ctx, layout.Remote{}); err != nil {
			return err
		}
	}
	return p.readClaims(ctx)
}

// movedOn reports whether the log has moved on since a past state was claimed.
// Only then nobody who still believes in the claim, having been paused, can
// commit it.
func (p *pass) movedOn(c layout.Claim) bool { return p.known.Table.Log.Entries > c.Past.Entries }

func (p *pass) readClaims(ctx context.Context) (err error) {
	p.all, err = p.log.Claims(ctx)
	p.claims, p.past = nil, nil
	for _, c := range p.all.Open {
		if c.Past != nil {
			p.past = append(p.past, c)
		} else {
			p.claims = append(p.claims, c)
		}
	}
	return err
}

// maxRounds is how often a remote is read again because it changed meanwhile.
const maxRounds = 5

// rounds brings the remote's state in, and again when it changed meanwhile.
func (p *pass) rounds(ctx context.Context) error {
	for round := 1; ; round++ {
		err := p.round(ctx)
		if !errors.Is(err, reposync.ErrMoved) || ctx.Err() != nil {
			return err
		}
		if round == maxRounds {
			return fmt.Errorf("repository %q: in %d rounds its remote was not found in one piece: %w", p.repo.Name, round, err)
		}
		before := p.state
		if readErr := p.read(ctx, layout.Remote{}); readErr != nil {
			return readErr
		}
		if before != nil && slices.Equal(before.Files, p.state.Files) {
			return fmt.Errorf("repository %q: its metadata names what it does not have: %w", p.repo.Name, err)
		}
		p.Log.WarnContext(ctx, "remote changed while it was read; reading it again", "repo", p.repo.Name, "error", err)
		if err := p.readClaims(ctx); err != nil {
			return err
		}
	}
}

// round claims the wanted state and brings it in, and publishes it.
func (p *pass) round(ctx context.Context) error {
	p.moment.read.come(p.repo.Name)
	if err := p.moment.read.wait(ctx); err != nil {
		return err
	}
	if err := p.steady(ctx); err != nil {
		return err
	}
	same, err := p.published()
	if err != nil {
		return err
	}
	if same {
		return p.nothingNew(ctx)
	}
	o, err := p.take(ctx)
	if err != nil {
		return err
	}
	if err := p.place(ctx, o); err != nil {
		return err
	}
	p.report.claimed(o.claim)
	if !p.options.publish {
		return nil
	}
	return p.commit(ctx, o)
}

// steady reads the remote again until it stays what it was read as.
func (p *pass) steady(ctx context.Context) error {
	for range maxRounds {
		if p.state == nil {
			return nil // not modified, by a conditional request
		}
		moved, err := p.remotes.Moved(ctx, p.repo.Remote, p.state)
		if err != nil || !moved {
			return err
		}
		if err := p.read(ctx, layout.Remote{}); err != nil {
			return err
		}
	}
	return fmt.Errorf("repository %q: its metadata changed each of the %d times it was read", p.repo.Name, maxRounds)
}
