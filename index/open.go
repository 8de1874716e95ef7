package index

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// schema is the version of what stands in the buckets.
	schema         = "1"
	defaultTimeout = time.Second
	lockRetry      = 20 * time.Millisecond
	// growth is by how much the file is made larger; bbolt's own 16 MB would
	// be most of a small index.
	growth = 1 << 20
	// attempts bounds how often Open begins again because another process
	// replaced the file meanwhile.
	attempts = 5
)

var (
	keySchema = []byte("schema")
	keyBucket = []byte("bucket")
)

// errUnfit is an index that is to be set aside.
var errUnfit = errors.New("can't be used")

// errReplaced is a path at which another file stands than a moment ago.
var errReplaced = errors.New("was replaced by another process")

// Open opens the index in the file path, or makes it. A file that is
// truncated, damaged or no index is renamed aside first, never mapped.
func Open(path string, c Config) (*DB, error) {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	open := openOrMake
	if c.ReadOnly {
		open = openReadOnly
	}
	db, err := open(path, c)
	if err != nil {
		return nil, fmt.Errorf("open index %q: %w", path, err)
	}
	return db, nil
}

func openReadOnly(path string, c Config) (*DB, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = checkFile(f)
	info, statErr := f.Stat()
	f.Close()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case statErr == nil && info.Size() == 0:
		return nil, fmt.Errorf("is empty: %w", fs.ErrNotExist)
	}
	db, err := openBolt(path, c)
	if errors.Is(err, errUnfit) {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return db, err
}

// openOrMake looks at the file under its lock, so that no other process is
// writing or holds what is renamed, then lets bbolt take the lock.
func openOrMake(path string, c Config) (*DB, error) {
	if err := checkDirectory(path); err != nil {
		return nil, err
	}
	var aside, why string
	for range attempts {
		unfit, err := checkLocked(path, c)
		var db *DB
		if err == nil && unfit == nil {
			db, err = openBolt(path, c)
		}
		if errors.Is(err, errUnfit) {
			unfit, err = err, nil
		}
		if err == nil && unfit == nil {
			db.aside, db.why = aside, why
			return db, nil
		}
		if err == nil {
			var name string
			if name, err = setAside(path, c, unfit); err == nil {
				aside, why = name, unfit.Error()
			}
		}
		if err != nil && !errors.Is(err, errReplaced) {
			return nil, err
		}
	}
	return nil, errReplaced
}

// checkDirectory names the directory when it is what is missing.
func checkDirectory(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the directory %q does not exist; make it, or name another index", dir)
	}
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%q is not a directory", dir)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("is not a regular file")
	}
	return err
}

// lock takes the lock that bbolt takes, on the same file.
func lock(path string, c Config) (*flock.Flock, error) {
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	ok, err := l.TryLockContext(ctx, lockRetry)
	switch {
	case ok:
		return l, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, ErrInUse
	}
	return nil, err
}

// checkLocked returns in unfit what is wrong with the file.
func checkLocked(path string, c Config) (unfit, err error) {
	l, err := lock(path, c)
	if err != nil {
		return nil, err
	}
	defer l.Unlock()
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return checkFile(f), nil
}

// setAside renames the file, if it is still unfit and nobody holds it.
func setAside(path string, c Config, unfit error) (name string, err error) {
	before, err := os.Stat(path)
	if err != nil {
		return "", errReplaced
	}
	l, err := lock(path, c)
	if err != nil {
		return "", err
	}
	defer l.Unlock()
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || after.Size() == 0 {
		return "", errReplaced
	}
	if name, err = freeName(path); err != nil {
		return "", err
	}
	if runtime.GOOS == "windows" { // which renames no file that is open
		l.Unlock()
	}
	if err := os.Rename(path, name); err != nil {
		return "", fmt.Errorf("%w, and can't be set aside: %w", unfit, err)
	}
	return name, nil
}

func freeName(path string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.set-aside-%d", path, n)
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

// openBolt maps the file. errUnfit is a file that is no index of c.Bucket.
func openBolt(path string, c Config) (*DB, error) {
	var file *os.File
	options := bolt.Options{Timeout: c.Timeout, ReadOnly: c.ReadOnly, FreelistType: bolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		}}
	db := &DB{gather: gatherPlaces}
	err := recoverDamage(func() (err error) {
		db.bolt, err = bolt.Open(path, 0o666, &options)
		return err
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, ErrDamaged): // bbolt fell while it held the file
		file.Close()
		return nil, fmt.Errorf("%w: %w", errUnfit, err)
	case err != nil:
		return nil, err
	}
	db.bolt.AllocSize = growth
	if err := db.prepare(c); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare makes the buckets of a new file, and reads whose an old one is.
func (db *DB) prepare(c Config) error {
	fresh := false
	err := recoverDamage(func() error {
		return db.bolt.View(func(tx *bolt.Tx) error {
			first, _ := tx.Cursor().First()
			if fresh = first == nil; fresh {
				return nil
			}
			return checkIdentity(tx, c)
		})
	})
	switch {
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w: %w", errUnfit, err)
	case err != nil || !fresh:
		return err
	case c.ReadOnly:
		return fmt.Errorf("holds nothing: %w", fs.ErrNotExist)
	}
	return db.bolt.Update(func(tx *bolt.Tx) error { return makeBuckets(tx, c) })
}

func makeBuckets(tx *bolt.Tx, c Config) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	if err := put(tx, bucketMeta, keySchema, []byte(schema)); err != nil {
		return err
	}
	return put(tx, bucketMeta, keyBucket, []byte(c.Bucket))
}

// checkIdentity asks for the version first: of another one nothing else is known.
func checkIdentity(tx *bolt.Tx, c Config) error {
	if tx.Bucket(bucketMeta) == nil {
		return fmt.Errorf("%w: is a bbolt file, but no index", errUnfit)
	}
	version, err := get(tx, bucketMeta, keySchema)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	if string(version) != schema {
		return fmt.Errorf("%w: %s; this datestone knows %s", ErrVersion, version, schema)
	}
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: lacks the bucket %q", errUnfit, name)
		}
	}
	bucket, err := get(tx, bucketMeta, keyBucket)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnfit, err)
	}
	if string(bucket) != c.Bucket {
		return fmt.Errorf("%w: is the index of %q, not of %q", errUnfit, bucket, c.Bucket)
	}
	return nil
}
