package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// A backfillNote is what the index remembers of an unfinished backfill.
type backfillNote struct {
	Asked   string        `json:"asked"` // what tells this backfill from others
	Done    layout.Stamp  `json:"done"`  // the last state that was dealt with
	Skipped []stateReport `json:"skipped,omitempty"`
}

func noteName(repository string) string { return "backfill " + repository }

// asked is what two backfills have in common that are one.
func (o backfillOptions) asked() string {
	var from []string
	for _, text := range o.from {
		from = append(from, withoutSecrets(text))
	}
	return fmt.Sprintf("%q %s %s %s %t", from, o.since, o.until, o.every, o.everyState)
}

func (b *backfill) note() error {
	n := backfillNote{Asked: b.options.asked(), Done: b.done}
	for _, r := range b.talk.skipped {
		if r.State <= b.done {
			n.Skipped = append(n.Skipped, r)
		}
	}
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return b.index.Remember(noteName(b.repo.Name), body)
}

// takeUp marks what the backfill that is resumed was done with.
func (b *backfill) takeUp(plan []planned) error {
	body, err := b.index.Recall(noteName(b.repo.Name))
	if !b.options.resume || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var n backfillNote
	if json.Unmarshal(body, &n) != nil || n.Asked != b.options.asked() || n.Done == "" {
		return nil // what is there already shows in the table
	}
	for i := range plan {
		plan[i].done = plan[i].ID <= n.Done && !plan[i].there
	}
	b.done, b.talk.skipped = n.Done, n.Skipped
	return nil
}
