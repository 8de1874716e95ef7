package index

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// A Repo is what the index knows of a repository beside its states.
type Repo struct {
	// Table is the table up to the last record that was taken in.
	Table layout.Table
	// Newest is the state of the newest checkpoint.
	Newest Root
	// Remote is where and with which validators the newest read state was
	// read; State is that state, which is Newest unless a claim is open.
	Remote layout.Remote
	State  Root
	// Claim is the ID of a claim that this index knows to be open, or none.
	Claim layout.Stamp
	// Announced is how many entries of the log the rules, the table and the
	// listing are known to show: fewer than Table.Log.Entries where an
	// announcement was interrupted.
	Announced int
}

// repoValue is a Repo as it stands in the file: the table without its
// checkpoints, which are rows of their own, as they are many and few change.
type repoValue struct {
	Table  layout.Table  `json:"table"`
	Newest layout.Digest `json:"newest"`
	Remote layout.Remote `json:"remote"`
	State  layout.Digest `json:"state"`
	Claim  layout.Stamp  `json:"claim"`

	Announced int `json:"announced"`
}

// Repo returns what is known of a repository, or fs.ErrNotExist.
func (db *DB) Repo(name string) (r Repo, err error) {
	err = db.view(func(tx *bolt.Tx) error {
		if r, err = readRepo(tx, name); err != nil {
			return err
		}
		r.Table.Checkpoints, err = readRows(tx, name)
		return err
	})
	if err != nil {
		return Repo{}, fmt.Errorf("repository %q: %w", name, err)
	}
	return r, nil
}

// SetRepo remembers r, and that the checkpoint r.Table.Newest() has the state
// r.Newest, whose content, but what r.Table says was redacted, stands under its
// prefix from now on. What r.Newest adds to the state before it is found by
// Diff. All but its places is one write transaction; places go before, in
// several when they are many, and are true without it, since the checkpoint
// exists.
func (db *DB) SetRepo(name string, r Repo) error {
	if err := db.setRepo(name, r); err != nil {
		return fmt.Errorf("remember repository %q: %w", name, err)
	}
	return nil
}

func (db *DB) setRepo(name string, r Repo) error {
	id := r.Table.Newest()
	if err := checkName(name); err != nil {
		return err
	}
	if id != "" {
		before, err := db.newest(name)
		if err != nil {
			return err
		}
		if err := db.place(r.Table.BasePath, id, before, r.Newest, true); err != nil {
			return err
		}
	}
	return db.update(func(tx *bolt.Tx) error {
		err := writeRepo(tx, name, r)
		if err == nil && id != "" {
			err = put(tx, bucketCheckpoints, rowKey(name, id), r.Newest[:])
		}
		return errors.Join(err, forgetRedacted(tx, r.Table))
	})
}

// newest returns the newest state of a repository, the empty one where it is
// not known.
func (db *DB) newest(name string) (Root, error) {
	var r Repo
	err := db.view(func(tx *bolt.Tx) (err error) {
		r, err = readRepo(tx, name)
		return ignoreMissing(err)
	})
	return r.Newest, err
}

// Checkpoint returns the state of a checkpoint, or fs.ErrNotExist when its
// file list has not been taken in.
func (db *DB) Checkpoint(repository string, id layout.Stamp) (root Root, err error) {
	err = db.view(func(tx *bolt.Tx) error {
		key := rowKey(repository, id)
		b, err := get(tx, bucketCheckpoints, key)
		if err == nil && copy(root[:], b) != len(b) {
			err = damaged(bucketCheckpoints, key, errors.New("is no root"))
		}
		return err
	})
	return root, err
}

// SetCheckpoint remembers the state of an older checkpoint, and where its
// content stands, as far as the index knows no newer place.
func (db *DB) SetCheckpoint(repository, base string, id layout.Stamp, root Root) error {
	err := checkName(repository)
	var newest Root
	if err == nil {
		newest, err = db.newest(repository)
	}
	if err == nil {
		err = db.place(base, id, newest, root, false)
	}
	if err == nil {
		err = db.update(func(tx *bolt.Tx) error {
			known, err := readRepo(tx, repository)
			if err == nil {
				err = forgetRedacted(tx, known.Table)
			}
			return errors.Join(ignoreMissing(err), put(tx, bucketCheckpoints, rowKey(repository, id), root[:]))
		})
	}
	if err != nil {
		return fmt.Errorf("remember checkpoint %s of %q: %w", id, repository, err)
	}
	return nil
}

// Remember keeps a small value that has nothing to do with states (what the
// start-up probe of a store found); Recall returns it, or fs.ErrNotExist.
func (db *DB) Remember(name string, value []byte) error {
	return db.update(func(tx *bolt.Tx) error { return put(tx, bucketMemory, []byte(name), value) })
}

// Recall returns what Remember kept.
func (db *DB) Recall(name string) (value []byte, err error) {
	err = db.view(func(tx *bolt.Tx) error {
		b, err := get(tx, bucketMemory, []byte(name))
		value = append([]byte{}, b...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

func checkName(name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%q is no name of a repository", name)
	}
	return nil
}

// rowKey sorts by repository, and in time within it.
func rowKey(name string, id layout.Stamp) []byte { return []byte(name + "\x00" + string(id)) }

func readRepo(tx *bolt.Tx, name string) (Repo, error) {
	b, err := get(tx, bucketRepos, []byte(name))
	if err != nil {
		return Repo{}, err
	}
	var v repoValue
	if err := json.Unmarshal(b, &v); err != nil {
		return Repo{}, damaged(bucketRepos, []byte(name), err)
	}
	return Repo{Table: v.Table, Newest: Root(v.Newest), Remote: v.Remote, State: Root(v.State), Claim: v.Claim, Announced: v.Announced}, nil
}

// writeRepo writes r, and of its table the rows that differ.
func writeRepo(tx *bolt.Tx, name string, r Repo) error {
	rows := r.Table.Checkpoints
	r.Table.Checkpoints = nil
	b, err := json.Marshal(repoValue{Table: r.Table, Newest: layout.Digest(r.Newest), Remote: r.Remote,
		State: layout.Digest(r.State), Claim: r.Claim, Announced: r.Announced})
	if err != nil {
		return err
	}
	if err := put(tx, bucketRepos, []byte(name), b); err != nil {
		return err
	}
	return writeRows(tx, name, rows)
}

// appendRow encodes a checkpoint without its ID, which is in the key.
func appendRow(b []byte, c layout.Checkpoint) []byte {
	b = binary.AppendUvarint(b, uint64(c.Files))
	b = binary.AppendUvarint(b, uint64(c.Bytes))
	b = binary.AppendUvarint(b, uint64(c.Record))
	b = append(b, c.SHA256[:]...)
	if c.Committed == "" {
		return b
	}
	return binary.AppendVarint(b, c.Committed.Time().Unix())
}

func decodeRow(id layout.Stamp, b []byte) (layout.Checkpoint, error) {
	r := nodeReader{b: b}
	c := layout.Checkpoint{ID: id, Files: int(r.number()), Bytes: int64(r.number()), Record: int(r.number()),
		SHA256: r.digest()}
	if len(r.b) > 0 {
		seconds, n := binary.Varint(r.b)
		r.skip(n)
		c.Committed = layout.StampOf(time.Unix(seconds, 0))
	}
	if r.bad || len(r.b) > 0 {
		return c, errors.New("is not a row of a table")
	}
	return c, nil
}
