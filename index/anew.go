package index

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"

	bolt "go.etcd.io/bbolt"

	"datestone/layout"
)

// Discard removes the index in the file path, so that Open makes a new one.
// That there is none is fine; ErrInUse is one that another process has open.
func Discard(path string, c Config) error {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if err := discard(path, c); err != nil {
		return fmt.Errorf("discard index %q: %w", path, err)
	}
	return nil
}

func discard(path string, c Config) error {
	if err := checkDirectory(path); err != nil {
		return ignoreMissing(err)
	}
	if _, err := os.Stat(path); err != nil {
		return ignoreMissing(err)
	}
	l, err := lock(path, c)
	if err != nil {
		return err
	}
	defer l.Unlock()
	if runtime.GOOS == "windows" { // which removes no file that is open
		l.Unlock()
	}
	return ignoreMissing(os.Remove(path))
}

// PutAside renames the index in the file path, which turned out to be damaged,
// so that Open makes a new one. It returns the new name.
func PutAside(path string, c Config) (name string, err error) {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if name, err = setAside(path, c, ErrDamaged); err != nil {
		return "", fmt.Errorf("put index %q aside: %w", path, err)
	}
	return name, nil
}

// ForgetRepo forgets a repository: its table, the states of its checkpoints, and
// that content stands in them. It is for one whose log is another by now.
func (db *DB) ForgetRepo(name string) error {
	known, err := db.Repo(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var ids []layout.Stamp
	if err == nil {
		ids, err = db.checkpointsOf(name)
	}
	for _, c := range known.Table.Checkpoints {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	if err == nil {
		known.Table.Checkpoints = nil // nothing takes their place
		err = db.Forget(known.Table, slices.Compact(ids))
	}
	if err == nil {
		err = db.update(func(tx *bolt.Tx) error {
			if err := writeRows(tx, name, nil); err != nil {
				return err
			}
			return tx.Bucket(bucketRepos).Delete([]byte(name))
		})
	}
	if err != nil {
		return fmt.Errorf("forget repository %q: %w", name, err)
	}
	return nil
}

// Unremember makes Recall return fs.ErrNotExist for the names.
func (db *DB) Unremember(names ...string) error {
	return db.update(func(tx *bolt.Tx) error {
		for _, name := range names {
			if err := tx.Bucket(bucketMemory).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkpointsOf returns the checkpoints whose states are known.
func (db *DB) checkpointsOf(name string) (ids []layout.Stamp, err error) {
	prefix := rowKey(name, "")
	err = db.view(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketCheckpoints).Cursor()
		for key, _ := c.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = c.Next() {
			ids = append(ids, layout.Stamp(key[len(prefix):]))
		}
		return nil
	})
	return ids, err
}
