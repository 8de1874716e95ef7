package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"datestone/layout"
)

// rulesName is under what the index remembers from which tables the rules on
// this machine were made.
const rulesName = "rules"

// madeFrom is what rules depend on: the configuration, and how far each table is.
type madeFrom struct {
	Targets []string
	Out     string
	Tables  []madeTable
}

type madeTable struct {
	Base     string
	Log      layout.Head
	Settings layout.Digest
}

func (s *site) madeFrom(tables []layout.Table) ([]byte, error) {
	m := madeFrom{Targets: s.config.Redirects.Targets, Out: s.config.Redirects.Out}
	for _, t := range tables {
		m.Tables = append(m.Tables, madeTable{t.BasePath, t.Log, t.Settings})
	}
	return json.Marshal(m)
}

// ownRules puts rules in force for what other machines have announced. This one
// made its rules when it last announced something itself, so that those of its
// edge may lack what others told the bucket since; readers would be led to
// older checkpoints. All repositories are known up to their logs' ends when it
// is called. It costs nothing where the rules are made from these tables.
func (s *site) ownRules(ctx context.Context) error {
	if len(s.config.Redirects.Targets) == 0 {
		return nil
	}
	tables, err := s.remembered()
	if err != nil {
		return err
	}
	if same, err := s.areMadeFrom(tables); err != nil || same {
		return err
	}
	// While this run announced one repository another may have grown, and the
	// rules know that already: they never go back.
	if tables, err = s.tables(ctx, "", layout.Table{}); err != nil {
		return err
	}
	if same, err := s.areMadeFrom(tables); err != nil || same {
		return err
	}
	if err := s.rules(ctx, tables, false); err != nil {
		return fmt.Errorf("rules for what other machines announced: %w", err)
	}
	return nil
}

// remembered returns the tables of all repositories as the index has them.
func (s *site) remembered() (tables []layout.Table, err error) {
	for _, r := range s.config.Repositories {
		known, err := s.index.Repo(r.Name)
		if errors.Is(err, fs.ErrNotExist) { // it has published nothing yet
			known.Table, err = layout.NewTable(r.Settings), nil
		}
		if err != nil {
			return nil, err
		}
		tables = append(tables, known.Table)
	}
	return tables, nil
}

// areMadeFrom reports whether the rules on this machine are those of the tables.
func (s *site) areMadeFrom(tables []layout.Table) (bool, error) {
	want, err := s.madeFrom(tables)
	if err != nil {
		return false, err
	}
	have, err := s.index.Recall(rulesName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(have, want), err
}
