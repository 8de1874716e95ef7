package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"datestone/index"
	"datestone/layout"
	reposync "datestone/sync"
)

// A backfill is the work of the command on one repository.
type backfill struct {
	*pass
	options backfillOptions
	choice  choice
	plan    []planned
	talk    *backfillTalk
	// before is the state that was dealt with last: what reading ahead compares
	// content with of which upstream declares no SHA-256.
	before atomic.Pointer[index.Root]
	// alone says that nothing but backfills has come to the repository.
	alone bool
	told  time.Time     // when readers were told last
	cost  time.Duration // how long that took
	done  layout.Stamp  // the last state that was dealt with
}

// tellEvery is how often readers are told of what was filled in. Telling makes
// table and rules anew, whose size grows with the checkpoints: at most a tenth
// of the time goes there.
func (b *backfill) tellEvery() time.Duration {
	return max(cmp.Or(b.TellEvery, 5*time.Second), 9*b.cost)
}

func (o backfillOptions) fill(ctx context.Context, e *env, c *config, repo repository, chosen choice) (err error) {
	s, err := e.openSite(ctx, c, o.run.jobs, o.run.pass.lock.Wait)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	s.remotes = chosen.opener.client
	if _, lines := s.bar.(*lineProgress); lines {
		s.bar = noProgress{} // each state has its own line
	}
	o.run.pass.lock.Owner, o.run.pass.lock.Since = owner(), layout.StampOf(e.Now())
	b := &backfill{pass: &pass{site: s, options: o.run.pass, repo: repo, log: s.log(repo)}, options: o, choice: chosen}
	b.talk = &backfillTalk{env: e, repository: repo.Name, json: o.run.json}
	if err := b.lookBack(ctx); err != nil {
		return err
	}
	if err := b.writable(ctx); err != nil {
		return err
	}
	if err := b.locked(ctx, b.work); err != nil {
		return err
	}
	return b.talk.verdict()
}

// work is what is done under the lock.
func (b *backfill) work(ctx context.Context) error {
	if err := b.settle(ctx); err != nil {
		return err
	}
	if err := b.dropTorn(ctx); err != nil {
		return err
	}
	// Channels count from commits, and what is the future is no state.
	if err := (&moment{now: b.Now, bucket: b.bucket}).agree(ctx); err != nil {
		return err
	}
	ceiling, err := b.ceiling(ctx)
	if err == nil {
		b.talk.began, err = b.recallBegan()
	}
	if err != nil {
		return err
	}
	b.plan = b.choice.plan(b.known.Table, ceiling, layout.StampOf(b.Now()))
	if err := b.takeUp(); err != nil {
		return err
	}
	b.talk.begin(b.plan, time.Now())
	b.told = time.Now()
	err = b.states(ctx)
	if err == nil {
		err = b.tell(ctx, true)
	}
	if err == nil {
		err = b.end(ctx)
	}
	return errors.Join(err, b.leave(err == nil))
}

// ceiling says what no state may be newer than. The bucket keeps, for as long as
// states are missing, that there was nothing when the backfill began.
func (b *backfill) ceiling(ctx context.Context) (layout.Stamp, error) {
	if len(b.known.Table.Checkpoints) == 0 {
		b.alone = true
		return "", b.log.SetFilling(ctx, true)
	}
	filling, err := b.log.Filling(ctx)
	if err != nil {
		return "", err
	}
	filled, err := b.filled()
	if err != nil {
		return "", err
	}
	newest := b.choice.ceiling(b.known.Table, filling, filled)
	b.alone = newest == ""
	return newest, nil
}

// end is what is done when all states were dealt with. States that were skipped,
// or that --until left for later, may still become the newest.
func (b *backfill) end(ctx context.Context) error {
	if err := b.dropClaims(ctx); err != nil || len(b.talk.skipped) > 0 || b.choice.later {
		return err
	}
	return b.log.SetFilling(ctx, false)
}

// clone returns a table that Apply leaves as it is.
func clone(t layout.Table) layout.Table {
	t.Checkpoints = slices.Clone(t.Checkpoints)
	return t
}

// states deals with the states, in order.
func (b *backfill) states(ctx context.Context) error {
	newest := b.known.Newest // which goes on to change
	b.before.Store(&newest)
	read := func(ctx context.Context, s planned) readState {
		return b.choice.read(ctx, s, b.index.Files(*b.before.Load()))
	}
	for s, r := range ahead(ctx, b.options.parallel, b.plan, read) {
		report, err := b.one(ctx, s, r)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		if err := b.after(ctx, s, report); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// maxUnanswered is after how many states in a row that could not be read because
// nobody answered a backfill gives up.
const maxUnanswered = 5

// after tells what became of a state, to readers too when it is time, and
// decides whether to stop there.
func (b *backfill) after(ctx context.Context, s planned, report stateReport) error {
	if err := b.talk.state(report, s); err != nil {
		return err
	}
	if b.talk.silent == 0 {
		b.done = max(b.done, s.ID)
	}
	if err := b.options.stop(b.talk, s, report); err != nil {
		return errors.Join(b.tell(ctx, true), err)
	}
	if time.Since(b.told) >= b.tellEvery() {
		return b.tell(ctx, false)
	}
	return nil
}

// stop says why to stop at a state, or nothing.
func (o backfillOptions) stop(t *backfillTalk, s planned, report stateReport) error {
	switch skipped := report.Result == resultSkipped; {
	case t.silent == maxUnanswered:
		return fmt.Errorf("nobody answered for %d states in a row: %s", t.silent, report.Reason)
	case skipped && o.strict:
		return fmt.Errorf("%s was not taken, and --strict stops there: %s", s.named(), report.Reason)
	}
	return nil
}

// one deals with one state.
func (b *backfill) one(ctx context.Context, s planned, r readState) (stateReport, error) {
	report, known := s.known(b.repo.Name, r.err)
	if known {
		return report, nil
	}
	q, err := b.asOf(ctx, s.ID, r.remote)
	if err != nil {
		return report, err
	}
	if q.state, err = q.merged(ctx, r.state, q.index.Files(q.known.Newest)); err != nil {
		return report.skipped(err.Error()), nil
	}
	same, err := q.published()
	if err != nil {
		return report, err
	}
	if same && !b.options.everyState {
		return report.is(resultEqual), nil
	}
	return b.bringIn(ctx, q, s.ID, report)
}

// asOf returns the pass that a run at the time id would have been, for the
// remote as it was then: the newest checkpoint it knows is the one before id.
// It must not remember what it knows.
func (b *backfill) asOf(ctx context.Context, id layout.Stamp, remote reposync.Remote) (*pass, error) {
	at, _ := b.known.Table.Find(id)
	q := *b.pass
	q.repo.Remote, q.report = remote, report{Repository: b.repo.Name}
	q.claims, q.past, q.current = nil, nil, nil
	q.known.Table.Checkpoints = b.known.Table.Checkpoints[:at:at]
	q.known.Newest = index.Root{}
	var err error
	if at > 0 {
		q.known.Newest, err = b.stateOf(ctx, b.known.Table.Checkpoints[at-1])
	}
	if err == nil && at < len(b.known.Table.Checkpoints) {
		// So that the index knows what content it has.
		_, err = b.stateOf(ctx, b.known.Table.Checkpoints[at])
	}
	return &q, err
}

// stateOf returns the state of a checkpoint, and takes it into the index if it
// is not there.
func (b *backfill) stateOf(ctx context.Context, c layout.Checkpoint) (index.Root, error) {
	root, err := b.index.Checkpoint(b.repo.Name, c.ID)
	if !errors.Is(err, fs.ErrNotExist) {
		return root, err
	}
	list, err := fileListOf(ctx, b.log, b.known.Table, c.ID)
	if err == nil {
		root, err = b.index.PutState(b.log.Files(ctx, list))
	}
	if err == nil {
		err = b.index.SetCheckpoint(b.repo.Name, b.repo.BasePath, c.ID, root)
	}
	return root, err
}

// bringIn makes of a state a checkpoint.
func (b *backfill) bringIn(ctx context.Context, q *pass, id layout.Stamp, report stateReport) (stateReport, error) {
	o, why, err := b.claim(ctx, q, id)
	if err != nil {
		return report, err
	}
	if why != "" {
		return report.skipped(why), nil
	}
	if err := q.place(ctx, o); err != nil {
		if ctx.Err() == nil && isRemoteError(err) {
			return report.failed(err), b.abandon(ctx, o)
		}
		return report, err
	}
	if err := b.commit(ctx, q, o); err != nil {
		return report, err
	}
	b.before.Store(&o.root)
	return report.published(o.claim, q.report), nil
}

// claim takes the ID for the state, or takes up the claim that an interrupted
// backfill made for it. why is set where that one is of another list and can't
// be removed yet.
func (b *backfill) claim(ctx context.Context, q *pass, id layout.Stamp) (o *open, why string, err error) {
	o, list, err := q.draft(ctx, id)
	if err != nil {
		return nil, "", err
	}
	at := slices.IndexFunc(b.past, func(c layout.Claim) bool { return c.ID == id })
	if at >= 0 && b.past[at].List == o.claim.List {
		return q.open(b.past[at], o.root, true), "", nil
	}
	if at >= 0 {
		if !b.movedOn(b.past[at]) {
			return nil, "it was claimed with other files by a backfill that was interrupted: run it again, when another state was published", nil
		}
		if err := b.drop(ctx, b.past[at]); err != nil {
			return nil, "", err
		}
		b.past = slices.Delete(b.past, at, at+1)
	}
	head := b.known.Table.Log
	o.claim.Past = &head
	return o, "", b.log.Claim(ctx, o.claim, list)
}

// abandon gives up what was claimed for a state that can't be made complete.
// What another process claimed stays until the log moves on.
func (b *backfill) abandon(ctx context.Context, o *open) error {
	if o.resumed && !b.movedOn(o.claim) {
		return nil
	}
	b.past = slices.DeleteFunc(b.past, func(c layout.Claim) bool { return c.ID == o.claim.ID })
	return b.log.Drop(ctx, o.plan)
}

// commit makes a claim whose content stands a checkpoint. Readers are told
// later; so is the index, but for what the next state needs.
func (b *backfill) commit(ctx context.Context, q *pass, o *open) error {
	if err := q.whole(ctx, o); err != nil {
		return err
	}
	if err := b.bucket.Pages(ctx, o.plan); err != nil {
		return err
	}
	e, err := b.log.Commit(ctx, o.claim, b.known.Table.Log, layout.StampOf(b.Now()))
	if err := b.took(e, err); err != nil {
		return err
	}
	if err := b.index.AddCheckpoint(b.repo.Name, b.repo.BasePath, o.claim.ID, q.known.Newest, o.root); err != nil {
		return err
	}
	if b.known.Table.Newest() == o.claim.ID {
		b.known.Newest, b.known.State, b.known.Remote = o.root, o.root, o.claim.Remote
	}
	return b.log.Unclaim(ctx, o.claim.ID)
}

// tell tells readers what was filled in: which answers change is printed before
// they do.
func (b *backfill) tell(ctx context.Context, last bool) error {
	began := time.Now()
	if err := b.talk.spans(b.known.Table, b.done, last); err != nil {
		return err
	}
	if err := b.remember(); err != nil {
		return err
	}
	if b.known.Announced != b.known.Table.Log.Entries || b.unsettled {
		if err := b.announce(ctx, false); err != nil {
			return err
		}
	}
	b.told, b.cost = time.Now(), time.Since(began)
	return b.note()
}

// leave is what is done however the work ended: people are told what changed,
// and the index remembers where to go on.
func (b *backfill) leave(finished bool) error {
	err := b.talk.spans(b.known.Table, b.done, true)
	if err == nil {
		err = b.index.Remember(beganName(b.repo.Name), nil)
	}
	if finished {
		return errors.Join(err, b.index.Remember(noteName(b.repo.Name), nil))
	}
	if b.done != "" {
		b.Log.Info("the backfill has not come to its end: the same command with --resume goes on behind the last state", "repo", b.repo.Name, "state", b.done)
	}
	return errors.Join(err, b.note())
}
