package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"datestone/layout"
)

// A backfillNote is what the index remembers of an unfinished backfill.
type backfillNote struct {
	Asked   string        `json:"asked"`  // what tells this backfill from others
	Done    layout.Stamp  `json:"done"`   // the last state that was dealt with
	Behind  layout.Digest `json:"behind"` // of the states up to that
	Spoken  layout.Stamp  `json:"spoken"` // up to which the spans were printed
	Skipped []stateReport `json:"skipped,omitempty"`
}

func noteName(repository string) string { return "backfill " + repository }

// asked is what two backfills have in common that are one.
func (b *backfill) asked() string {
	o := b.options
	var from []string
	for _, text := range o.from {
		from = append(from, withoutSecrets(text))
	}
	return fmt.Sprintf("%q %s %s %s %t %s", from, o.since, o.until, o.every, o.everyState, b.repo.Remote.ConfigDigest())
}

// behind identifies the states up to done: sources change.
func behind(plan []planned, done layout.Stamp) layout.Digest {
	var text strings.Builder
	for _, s := range plan {
		if s.ID <= done {
			fmt.Fprintf(&text, "%s %t\n", s.ID, s.Bad != "")
		}
	}
	return layout.DigestOf([]byte(text.String()))
}

func (b *backfill) note() error {
	n := backfillNote{Asked: b.asked(), Done: b.done, Behind: behind(b.plan, b.done), Spoken: b.talk.spoken}
	for _, r := range b.talk.skipped {
		if r.State <= b.done {
			n.Skipped = append(n.Skipped, r)
		}
	}
	body, err := json.Marshal(n)
	if err == nil {
		err = b.index.Remember(noteName(b.repo.Name), body)
	}
	if err != nil || !b.alone {
		return err
	}
	return b.noteFilled()
}

func filledName(repository string) string { return "filled " + repository }

// noteFilled remembers the last record of a repository that has nothing but past
// states: of those that the sources lose it can't be told later.
func (b *backfill) noteFilled() error {
	body, err := json.Marshal(lastCommit(b.known.Table))
	if err != nil {
		return err
	}
	return b.index.Remember(filledName(b.repo.Name), body)
}

// filled returns the record up to which the repository has nothing but past
// states, as far as is known: 0 where it is not.
func (b *backfill) filled() (int, error) {
	body, err := b.index.Recall(filledName(b.repo.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var last layout.Checkpoint
	if json.Unmarshal(body, &last) != nil || !slices.Contains(b.known.Table.Checkpoints, last) {
		return 0, nil // it was another log
	}
	return last.Record, nil
}

// lastCommit returns the checkpoint that was committed last; the zero one where
// there is none.
func lastCommit(t layout.Table) (last layout.Checkpoint) {
	for _, c := range t.Checkpoints {
		if c.Record > last.Record {
			last = c
		}
	}
	return last
}

// takeUp marks what the backfill that is resumed was done with. Where that can't
// be told, all is read that shows in no table.
func (b *backfill) takeUp() error {
	if !b.options.resume {
		return nil
	}
	body, err := b.index.Recall(noteName(b.repo.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var n backfillNote
	switch {
	case json.Unmarshal(body, &n) != nil || n.Done == "":
		b.Log.Info("nothing to resume: the index knows of no backfill that was interrupted; reading all states", "repo", b.repo.Name)
		return nil
	case n.Asked != b.asked():
		b.Log.Warn("the backfill that was interrupted had other sources, limits or settings; reading all states", "repo", b.repo.Name)
		return nil
	case n.Behind != behind(b.plan, n.Done):
		b.Log.Warn("the sources have other states than when the backfill was interrupted; reading all of them", "repo", b.repo.Name)
		return nil
	}
	for i, s := range b.plan {
		b.plan[i].done = s.ID <= n.Done && !s.there
	}
	b.done, b.talk.skipped, b.talk.spoken = n.Done, n.Skipped, n.Spoken
	return nil
}

func beganName(repository string) string { return "backfill began " + repository }

// recallBegan returns the table as it was before: before a backfill that was
// killed, too, which so could not print the last of what it had changed.
func (b *backfill) recallBegan() (layout.Table, error) {
	now := clone(b.known.Table)
	body, err := b.index.Recall(beganName(b.repo.Name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return now, err
	}
	if t, err := layout.DecodeTable(body); err == nil && t.Log.Entries <= now.Log.Entries && t.Removed == now.Removed {
		return t, nil
	}
	if body, err = now.Encode(); err == nil {
		err = b.index.Remember(beganName(b.repo.Name), body)
	}
	return now, err
}
